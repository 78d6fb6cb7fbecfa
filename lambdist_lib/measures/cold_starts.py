"""What cold starts there were and what they cost.

A cold start belongs to an invocation, the first of its environment, not to a datapoint: one
cold batch of ten is one cold start. It is read from a flag that the Lambda sets, never
guessed from a latency. Cold and warm are two distributions, so there is no mean of both.

AWS also initialises environments ahead of need: their first invocation has the flag, and
waited for nothing. `kinds` tells those apart where `report_lines.with_report` has given
`init_to_invoke_s`; the local cloud makes none ahead, and its lines tell of no init.
"""

import pandas as pd

from lambdist_lib.measures.intervals import quantiles, share
from lambdist_lib.protocol.contract import STORED

PROACTIVE_OVER_S = 10.0  # from init to first invocation; an assumption, AWS publishes no number
COLD, PROACTIVE, WARM, UNKNOWN = "cold", "proactive", "warm", "first, cold or proactive"


def summary(invocations: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per function.

    Columns: `function`, `invocations`, `cold`, `share` with `low` and `high` (as if invocations
    were independent; in one run they share environments, so read it as a lower bound of the
    uncertainty), `environments`, `init_median_s` and `init_max_s` of the cold starts (imports
    and clients, without the runtime's own start), `cold_median_s` and `warm_median_s` of the handler.
    """
    rows = []
    for function, called in invocations.groupby("function", sort=False):
        first = is_cold(called)
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
        invocations.assign(cold=is_cold(invocations))
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


def delayed_datapoints(
    records: pd.DataFrame, runs: pd.DataFrame | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """One row per run: how many of its stored datapoints went through a cold invocation on the way.

    Columns: `run_id`, `arm`, `temperature` (if `runs` is given), `stored`, `waited`, `share` with
    `low` and `high` (as if datapoints were independent, as in `summary`).
    An attempt that failed in a cold invocation and was repeated in a warm one does not count.
    """
    table = records[["run_id", "arm"]].drop_duplicates("run_id")
    if runs is not None:
        table = table.merge(runs[["run_id", "temperature"]], on="run_id", how="left")
    stored = records.loc[records["outcome"] == STORED, ["run_id", "entry_cold", "cold"]]
    of_run = hit_cold_start(stored).groupby(stored["run_id"])
    table["stored"] = table["run_id"].map(of_run.size()).fillna(0).astype(int)
    table["waited"] = table["run_id"].map(of_run.sum()).fillna(0).astype(int)
    found = [share(*counts, confidence) for counts in zip(table["waited"], table["stored"], strict=True)]
    for name in ("share", "low", "high"):
        table[name] = [getattr(one, name) for one in found]
    return table.reset_index(drop=True)


def hit_cold_start(records: pd.DataFrame) -> pd.Series:
    """Whether each datapoint went through a cold invocation, at the entry or where it was stored."""
    return _true(records["entry_cold"]) | _true(records["cold"])


def init_durations(invocations: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """The distribution of init durations, one row per function and percentile.

    Columns: `function`, `percentile`, `n` cold starts, `value_s` with `low_s` and `high_s`, `note`.
    Each cold start counts once; inits that this table's runs did not wait for are not in it.
    """
    rows = [
        (function, found.p, found.n, found.value, found.low, found.high, found.note)
        for function, called in invocations.groupby("function", sort=False)
        for found in quantiles(called.loc[is_cold(called), "init_s"], (0.5, 0.9, 0.99), confidence)
    ]
    names = ["function", "percentile", "n", "value_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def environments(invocations: pd.DataFrame) -> pd.DataFrame:
    """One row per run and environment that it used, in order of their first invocation.

    Columns: `run_id`, `function`, `environment_id`, `fresh` (whether it was made in this run), `first_s`
    and `last_s` (its first invocation's begin and its last one's end, seconds since the run's first
    invocation began), `invocations` and `init_s`.
    """
    table = _since_begin(invocations).groupby(["run_id", "function", "environment_id"], sort=False)
    table = table.agg(
        fresh=("cold", "any"),
        first_s=("begin_s", "min"),
        last_s=("end_s", "max"),
        invocations=("cold", "size"),
        init_s=("init_s", "first"),
    )
    return table.reset_index().sort_values(["run_id", "first_s"], kind="stable", ignore_index=True)


def bursts(invocations: pd.DataFrame, *, bin_s: float = 1.0) -> pd.DataFrame:
    """Cold starts per `bin_s` seconds: `run_id`, `function`, `at_s`, `cold`; bins without any are left out.

    `at_s` is the bin's begin, in seconds since the run's first invocation began.
    """
    table = _since_begin(invocations)
    cold = table[table["cold"]]
    binned = cold[["run_id", "function"]].assign(at_s=cold["begin_s"] // bin_s * bin_s)
    counts = binned.groupby(["run_id", "function", "at_s"], sort=True).size()
    return counts.rename("cold").reset_index()


def classify(invocations: pd.DataFrame) -> pd.Series:
    """`cold`, `proactive` or `warm` for each invocation; a first one whose gap is not known is neither.

    Args:
        invocations: With a column `init_to_invoke_s` (seconds from the end of an environment's init
            to its first invocation) where the logs have it; without it nothing is told apart.
    """
    first = is_cold(invocations)
    kind = pd.Series(WARM, index=invocations.index, dtype=object)
    kind[first] = UNKNOWN
    if "init_to_invoke_s" in invocations:
        gap_s = pd.to_numeric(invocations["init_to_invoke_s"], errors="coerce")
        kind[first & (gap_s <= PROACTIVE_OVER_S)] = COLD
        kind[first & (gap_s > PROACTIVE_OVER_S)] = PROACTIVE
    return kind


def is_cold(invocations: pd.DataFrame) -> pd.Series:
    """Each invocation's flag as bool."""
    return _true(invocations["cold"])


def _since_begin(invocations: pd.DataFrame) -> pd.DataFrame:
    """Invocations with `begin_s` and `end_s` on their run's own clock, and `cold` as bool.

    An invocation begins its duration before its log line; where it tells none, with its line.
    """
    ended_at = pd.to_numeric(invocations["at"], errors="coerce")
    began_at = ended_at - pd.to_numeric(invocations["duration_s"], errors="coerce").fillna(0)
    zero = began_at.groupby(invocations["run_id"]).transform("min")
    return invocations.assign(begin_s=began_at - zero, end_s=ended_at - zero, cold=is_cold(invocations))


def _true(flags: pd.Series) -> pd.Series:
    """Flags as bool; a missing one (no such Lambda on the way) is no cold start."""
    return flags.astype(object).eq(True).astype(bool)
