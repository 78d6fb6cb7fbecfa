"""What cold starts there were and what they cost.

A cold start belongs to an invocation, the first of its environment, not to a datapoint: one
cold batch of ten is one cold start. It is read from a flag that the Lambda sets, never
guessed from a latency. Cold and warm are two distributions, so there is no mean of both.
"""

import pandas as pd

from lambdist_lib.contract import STORED
from lambdist_lib.measures.proportions import share


def summary(invocations: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per function.

    Columns: `function`, `invocations`, `cold`, `share` with `low` and `high` (as if invocations
    were independent; in one run they share environments, so read it as a lower bound of the
    uncertainty), `environments`, `init_median_s` and `init_max_s` of the cold starts (imports
    and clients, without the runtime's own start), `cold_median_s` and `warm_median_s` of the handler.
    """
    rows = []
    for function, called in invocations.groupby("function", sort=False):
        first = _true(called["cold"])
        found = share(int(first.sum()), len(called), confidence)
        rows.append(
            {
                "function": function,
                "invocations": len(called),
                "cold": int(first.sum()),
                "share": found.share,
                "low": found.low,
                "high": found.high,
                "environments": called["environment_id"].nunique(),
                "init_median_s": called.loc[first, "init_s"].median(),
                "init_max_s": called.loc[first, "init_s"].max(),
                "cold_median_s": called.loc[first, "duration_s"].median(),
                "warm_median_s": called.loc[~first, "duration_s"].median(),
            }
        )
    names = ["function", "invocations", "cold", "share", "low", "high", "environments"]
    names += ["init_median_s", "init_max_s", "cold_median_s", "warm_median_s"]
    return pd.DataFrame(rows, columns=names)


def by_run(invocations: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and function.

    Columns: `run_id`, `pair`, `arm`, `temperature`, `function`, `invocations`, `cold`, `share`,
    `environments`.
    A run without any invocation stays, with function "" and no share: its logs are missing.
    """
    counts = (
        invocations.assign(cold=_true(invocations["cold"]))
        .groupby(["run_id", "function"], sort=False)
        .agg(invocations=("cold", "size"), cold=("cold", "sum"), environments=("environment_id", "nunique"))
        .reset_index()
    )
    table = runs[["run_id", "pair", "arm", "temperature"]].merge(counts, on="run_id", how="left")
    table["function"] = table["function"].astype(object).where(table["function"].notna(), "")
    numbers = ["invocations", "cold", "environments"]
    table[numbers] = table[numbers].fillna(0).astype(int)
    table.insert(7, "share", table["cold"] / table["invocations"].where(table["invocations"] > 0))
    return table


def waiting(records: pd.DataFrame, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per run: how many of its stored datapoints went through a cold invocation on the way.

    Columns: `run_id`, `arm`, `temperature` (if `runs` is given), `stored`, `waited`, `share`.
    An attempt that failed in a cold invocation and was repeated in a warm one does not count.
    """
    table = records[["run_id", "arm"]].drop_duplicates("run_id")
    if runs is not None:
        table = table.merge(runs[["run_id", "temperature"]], on="run_id", how="left")
    stored = records[records["outcome"] == STORED]
    waited = _true(stored["entry_cold"]) | _true(stored["cold"])
    of_run = waited.groupby(stored["run_id"])
    table["stored"] = table["run_id"].map(of_run.size()).fillna(0).astype(int)
    table["waited"] = table["run_id"].map(of_run.sum()).fillna(0).astype(int)
    table["share"] = table["waited"] / table["stored"].where(table["stored"] > 0)
    return table.reset_index(drop=True)


def _true(flags: pd.Series) -> pd.Series:
    """Flags as bool; a missing one (no such Lambda on the way) is no cold start."""
    return flags.astype(object).eq(True).astype(bool)
