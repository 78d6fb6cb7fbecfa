"""Measure cold starts and their cost.

A cold start belongs to an invocation, the first of its environment, and not to a datapoint: a cold batch
of ten is one cold start. It is read from a flag that the Lambda sets, and never guessed from a latency.
Cold and warm are two distributions, so there is no mean of both.

AWS also initialises environments ahead of need. Their first invocation has the flag, but did not wait.
`classify` separates them where `lambda_reports.with_report` has added `init_to_invoke_s`. The local cloud
initialises no environment ahead, and its log lines have no init durations.
"""

import pandas as pd

from lambdist_lib.measures.intervals import as_numbers, quantiles, share
from lambdist_lib.protocol.contract import STORED

PROACTIVE_OVER_S = 10.0  # from init to first invocation; an assumption, AWS publishes no number
COLD, PROACTIVE, WARM, UNKNOWN = "cold", "proactive", "warm", "first, cold or proactive"


def summary(invocations: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Summarise cold starts, one row per function.

    Columns: `function`, `invocations`, `cold`, `share` with `low` and `high`, `environments`,
    `init_median_s` and `init_max_s` of the cold starts (imports and clients, without the runtime's own
    start), `cold_median_s` and `warm_median_s` of the handler. The interval assumes independent
    invocations; those of one run share environments, so the true uncertainty is larger.
    """
    rows = []
    for function, called in invocations.groupby("function", sort=False):
        first = is_cold(called)
        cold_share = share(int(first.sum()), len(called), confidence)
        rows.append(
            {
                "function": function,
                "invocations": len(called),
                "cold": int(first.sum()),
                "share": cold_share.share,
                "low": cold_share.low,
                "high": cold_share.high,
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
    """Count cold starts, one row per run, in the order of `runs`, and function, by name.

    Columns: `run_id`, `pair`, `arm`, `temperature`, `function`, `invocations`, `cold`, `share`,
    `environments`.
    A run whose logs are missing has one row with the function "" and no share.
    """
    counts = (
        invocations.assign(cold=is_cold(invocations))
        .groupby(["run_id", "function"])
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
    """Count the stored datapoints that a cold start delayed, one row per run.

    Columns: `run_id`, `arm`, `temperature` (if `runs` is given), `stored`, `waited`, `share` with
    `low` and `high` (assuming independent datapoints, as in `summary`).
    A failed attempt in a cold invocation does not count if a warm one repeated it.
    """
    table = records[["run_id", "arm"]].drop_duplicates("run_id")
    if runs is not None:
        table = table.merge(runs[["run_id", "temperature"]], on="run_id", how="left")
    stored = records.loc[records["outcome"] == STORED, ["run_id", "entry_cold", "cold"]]
    of_run = hit_cold_start(stored).groupby(stored["run_id"])
    table["stored"] = table["run_id"].map(of_run.size()).fillna(0).astype(int)
    table["waited"] = table["run_id"].map(of_run.sum()).fillna(0).astype(int)
    shares = [share(*counts, confidence) for counts in zip(table["waited"], table["stored"], strict=True)]
    for name in ("share", "low", "high"):
        table[name] = [getattr(value, name) for value in shares]
    return table.reset_index(drop=True)


def hit_cold_start(records: pd.DataFrame) -> pd.Series:
    """Return whether each datapoint passed a cold invocation, at the entry or where it was stored."""
    return _true(records["entry_cold"]) | _true(records["cold"])


def init_durations(invocations: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return percentiles of the init durations, one row per function and percentile.

    Columns: `function`, `percentile`, `n` cold starts, `value_s` with `low_s` and `high_s`, `note`.
    Each cold start counts once; inits without an invocation in this table are not included.
    """
    rows = [
        (function, each.p, each.n, each.value, each.low, each.high, each.note)
        for function, called in invocations.groupby("function", sort=False)
        for each in quantiles(called.loc[is_cold(called), "init_s"], (0.5, 0.9, 0.99), confidence)
    ]
    names = ["function", "percentile", "n", "value_s", "low_s", "high_s", "note"]
    return pd.DataFrame(rows, columns=names)


def environments(invocations: pd.DataFrame) -> pd.DataFrame:
    """Return the environments of each run, in order of their first invocation.

    Columns: `run_id`, `function`, `environment_id`, `fresh` (whether it was created in this run), `first_s`
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
    """Count cold starts per `bin_s` seconds, without empty bins.

    Columns: `run_id`, `function`, `at_s`, `cold`. `at_s` is the bin's begin, in
    seconds since the run's first invocation began.
    """
    table = _since_begin(invocations)
    cold = table[table["cold"]]
    binned = cold[["run_id", "function"]].assign(at_s=cold["begin_s"] // bin_s * bin_s)
    counts = binned.groupby(["run_id", "function", "at_s"], sort=True).size()
    return counts.rename("cold").reset_index()


def classify(invocations: pd.DataFrame) -> pd.Series:
    """Classify each invocation as `cold`, `proactive` or `warm`.

    A first invocation is UNKNOWN where the time since its environment's init is not known.

    Args:
        invocations: With a column `init_to_invoke_s` (seconds from the end of an environment's init
            to its first invocation) if the logs have it.
    """
    first = is_cold(invocations)
    kind = pd.Series(WARM, index=invocations.index, dtype=object)
    kind[first] = UNKNOWN
    if "init_to_invoke_s" in invocations:
        gap_s = as_numbers(invocations["init_to_invoke_s"])
        kind[first & (gap_s <= PROACTIVE_OVER_S)] = COLD
        kind[first & (gap_s > PROACTIVE_OVER_S)] = PROACTIVE
    return kind


def is_cold(invocations: pd.DataFrame) -> pd.Series:
    """Each invocation's flag as bool."""
    return _true(invocations["cold"])


def _since_begin(invocations: pd.DataFrame) -> pd.DataFrame:
    """Return invocations with `begin_s` and `end_s` since their run's begin, and `cold` as bool.

    An invocation begins its duration before its log line, or at its line where the duration is missing.
    """
    ended_at = as_numbers(invocations["at"])
    began_at = ended_at - as_numbers(invocations["duration_s"]).fillna(0)
    zero = began_at.groupby(invocations["run_id"]).transform("min")
    return invocations.assign(begin_s=began_at - zero, end_s=ended_at - zero, cold=is_cold(invocations))


def _true(flags: pd.Series) -> pd.Series:
    """Return flags as bool; a missing flag is not a cold start."""
    return flags if flags.dtype == bool else flags.astype(object).eq(True).astype(bool)
