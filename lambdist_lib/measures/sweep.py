"""Aggregate runs by the level of a varied factor: the input of `scaling`."""

import numpy as np
import pandas as pd

from lambdist_lib.cloud.limits import default_processors
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.measures.pairs import SAME_IN_AN_ARM, not_resumed, timed_runs
from lambdist_lib.protocol import faults

FACTORS = {  # a column of `schema.RUNS`: the unit of its levels
    "chunks": "senders",
    "processors": "invocations at once",
    "request_batch": "datapoints per request",
    "queue_batch": "messages per invocation",
    "memory_mb": "MB",
    "work": "s per datapoint",
}
COLUMNS = ["factor", "arm", "level", "submitted", "runs", "median_s", "low_s", "high_s"]
COLUMNS += ["per_second", "per_second_low", "per_second_high", "log_variance", "note"]


def by_level(
    runs: pd.DataFrame,
    *,
    factor: str = "chunks",
    arm: str = "distributed",
    temperature: str = "warm",
    metric: str = "makespan_s",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return median time and throughput at each level of a factor, for each file size.

    Args:
        runs: Columns of `schema.RUNS`. Resumed runs, other arms and other temperatures are left
            out.
        factor: A key of FACTORS; the levels of `work` are its seconds.
        metric: A column of times in seconds.

    Returns:
        `factor`, `arm`, `level`, `submitted` (datapoints), `runs`, `median_s` with the order-statistic
        interval `low_s`, `high_s` (NaN below six runs, and `note` says so), and the throughput
        `per_second`, stored datapoints over the time, with its own. `log_variance` is that of the
        repetitions' log times, NaN for a single run.

    Raises:
        UsageError: No such factor.
        RunError: A run does not balance or has no time, or another condition than the factor and the
            file's size was varied, too.
    """
    if factor not in FACTORS:
        raise UsageError(f"{factor!r} is not a factor of a sweep: use one of {', '.join(FACTORS)}")
    timed = _timed(runs[(runs["arm"] == arm) & (runs["temperature"] == temperature)], factor, metric)
    rows = []
    for (level, submitted), same in timed.groupby(["level", "submitted"], sort=True):
        [time] = quantiles(same[metric], (0.5,), confidence)
        [rate] = quantiles(same["stored"] / same[metric], (0.5,), confidence)
        log_variance = float(np.log(same[metric].astype(float)).var())
        rows.append(
            (factor, arm, level, submitted, len(same), *time[1:4], *rate[1:4], log_variance, time.note)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _timed(runs: pd.DataFrame, factor: str, metric: str) -> pd.DataFrame:
    """Return the runs that were not resumed, with their `level`, once they are comparable and have a time."""
    _refuse_other_factors(not_resumed(runs), factor)
    timed = timed_runs(runs, metric)
    return timed.assign(level=_numbers(timed[factor], factor))


def varied_factor(runs: pd.DataFrame, *, arm: str = "distributed") -> str:
    """Return the factor in which an arm's warm runs differ; "" where it is not exactly one."""
    warm = runs[(runs["arm"] == arm) & (runs["temperature"] == "warm")]
    factors = [factor for factor in FACTORS if warm[factor].nunique() > 1]
    if "chunks" in factors and _follow_chunks(warm):
        factors = [factor for factor in factors if factor != "processors"]
    return factors[0] if len(factors) == 1 else ""


def _follow_chunks(runs: pd.DataFrame) -> bool:
    """Return whether every run had as many processors as senders, their default."""
    return bool((runs["processors"] == runs["chunks"].map(default_processors)).all())


def _numbers(values: pd.Series, factor: str) -> pd.Series:
    if factor != "work":
        return pd.to_numeric(values)
    work = values.map(faults.parse_work)
    if len(kinds := {declared.kind for declared in work} - {"none"}) > 1:
        raise RunError(
            f"work of kinds {', '.join(sorted(kinds))} does not make a sweep: keep the runs of one kind"
        )
    return work.map(lambda declared: declared.seconds)


def _refuse_other_factors(runs: pd.DataFrame, factor: str) -> None:
    following = ("processors",) if factor == "chunks" and _follow_chunks(runs) else ()
    for condition in SAME_IN_AN_ARM:
        if condition in (factor, "submitted") or condition in following:
            continue
        if len(values := runs[condition].unique()) > 1:
            raise RunError(
                f"{condition} was varied besides {factor} ({', '.join(map(str, values))}): "
                f"keep one value with runs[runs['{condition}'] == {values[0]!r}]"
            )
