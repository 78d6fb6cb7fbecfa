"""One row per level of a factor that was varied while everything else was held: the input of `scaling`."""

import math

import pandas as pd

from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.measures import ledger
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.measures.speedup import SAME_IN_AN_ARM
from lambdist_lib.protocol import faults

FACTORS = {  # a column of `columns.RUNS`: the unit of its levels
    "chunks": "senders",
    "request_batch": "datapoints per request",
    "queue_batch": "messages per invocation",
    "memory_mb": "MB",
    "work": "s per datapoint",
}
COLUMNS = ["factor", "arm", "level", "submitted", "runs", "median_s", "low_s", "high_s"]
COLUMNS += ["per_second", "per_second_low", "per_second_high", "note"]


def by_level(
    runs: pd.DataFrame,
    *,
    factor: str = "chunks",
    arm: str = "distributed",
    temperature: str = "warm",
    at: str = "makespan_s",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Median time and throughput at each level of the factor, in order, for each file size.

    Args:
        runs: Columns of `columns.RUNS`. Resumed runs are no timing and are left out; runs of other
            arms or temperatures are not looked at.
        factor: A key of FACTORS; `work` counts as its seconds.
        at: A time of a runs table, seconds.

    Returns:
        `factor`, `arm`, `level`, `submitted` (datapoints), `runs`, `median_s` with the order-statistic
        interval `low_s`, `high_s` (NaN below six runs, and `note` says so), and the throughput
        `per_second`, stored datapoints over the time, with its own.

    Raises:
        UsageError: No such factor.
        RunError: A run does not balance or has no time, or something else than the factor (and the
            file's size) was varied too.
    """
    if factor not in FACTORS:
        raise UsageError(f"{factor!r} was not varied; a sweep is over one of {', '.join(FACTORS)}")
    timed = runs[(runs["arm"] == arm) & (runs["temperature"] == temperature)]
    timed = timed[~timed["resumed"].eq(True).astype(bool)]
    _refuse_other_factors(timed, factor)
    ledger.require_balanced(timed)
    if not (good := timed[at].between(0, math.inf, inclusive="neither")).all():
        raise RunError(
            f"{', '.join(timed.loc[~good, 'run_id'])}: {at} is missing or not positive; leave the run out"
        )
    timed = timed.assign(level=_numbers(timed[factor], factor))
    rows = []
    for (level, submitted), same in timed.groupby(["level", "submitted"], sort=True):
        [time] = quantiles(same[at], (0.5,), confidence)
        [rate] = quantiles(same["stored"] / same[at], (0.5,), confidence)
        rows.append((factor, arm, level, submitted, len(same), *time[1:4], *rate[1:4], time.note))
    return pd.DataFrame(rows, columns=COLUMNS)


def varied_factor(runs: pd.DataFrame, *, arm: str = "distributed") -> str:
    """The one factor that an arm's warm runs differ in, "" where they differ in none or in several."""
    warm = runs[(runs["arm"] == arm) & (runs["temperature"] == "warm")]
    factors = [factor for factor in FACTORS if warm[factor].nunique() > 1]
    return factors[0] if len(factors) == 1 else ""


def _numbers(values: pd.Series, factor: str) -> pd.Series:
    if factor != "work":
        return pd.to_numeric(values)
    work = values.map(faults.parse_work)
    if len(kinds := {one.kind for one in work} - {"none"}) > 1:
        raise RunError(f"work of kinds {', '.join(sorted(kinds))} is no sweep; keep the runs of one kind")
    return work.map(lambda one: one.seconds)


def _refuse_other_factors(runs: pd.DataFrame, factor: str) -> None:
    for condition in SAME_IN_AN_ARM:
        if condition in (factor, "submitted"):
            continue
        if len(values := runs[condition].unique()) > 1:
            raise RunError(
                f"besides {factor}, {condition} was varied too ({', '.join(map(str, values))}); "
                f"keep one of them with runs[runs['{condition}'] == {values[0]!r}]"
            )
