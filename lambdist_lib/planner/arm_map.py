"""Find which way of fanning out wins, over the number of datapoints and the work of each.

    job = map_job(job_of_runs(results.runs), processors=1000)
    arm_map(job, table, arms=("distributed", "invoke"))

Every way has the same client: as many senders as the job. A way without a queue is as wide as its client; a
queue lets the processors be more. Environments are cold at the first request.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError
from lambdist_lib.planner import arm_forecasts
from lambdist_lib.planner.arm_forecasts import forecast_arm, system_of
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import MAX_DATAPOINTS, Job
from lambdist_lib.planner.job_system import build, require_time, values
from lambdist_lib.planner.obstacles import obstacles
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.faults import Work

SIZES = tuple(10**power for power in range(1, 10))
WORKS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
TIE = 1.05  # times the best: what a plan cannot tell apart
TIME, COST = "time", "cost"
KEYS = {TIME: "makespan_s", COST: "usd_per_million"}  # by criterion, the field of WayForecast
OTHER = {TIME: COST, COST: TIME}
COLUMNS = ["datapoints", "work_s", "criterion", "arm", "value", "runner_up", "runner_up_value", "tied"]
SIZE_COLUMNS = ["times", "datapoints", "arm", "makespan_s", "bottleneck", "usd_per_million"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayForecast:
    """What one way takes for a job: seconds, its bottleneck, and USD for a million datapoints."""

    arm: str
    makespan_s: float
    bottleneck: str
    usd_per_million: float


def map_job(job: Job, *, chunks: int = 0, processors: int = 0) -> Job:
    """Return the job with other senders and processors, and without the API key's quota.

    The quota is a setting of ours that a large job raises; it says nothing about a way.

    Args:
        chunks, processors: 0 for those of the job.
    """
    settings = {**job.settings, "QuotaRequests": "0"}
    if processors:
        settings["MaximumConcurrency"] = str(processors)
    return replace(job, chunks=chunks or job.chunks, settings=settings)


def forecast_ways(job: Job, table: Table, arms: Sequence[str]) -> list[WayForecast]:
    """Predict each arm that can finish the job, from cold environments.

    Args:
        table: Limits and prices, calibrated where a run exists.
    """
    value = values(table)
    forecasts = []
    for arm in arms:
        if not _can_finish(arm, job, table):
            continue
        forecast = forecast_arm(arm, job, value, warm=False)
        usd = arm_forecasts.usd(arm, job, table) / job.datapoints * 1e6
        forecasts.append(
            WayForecast(
                arm=arm, makespan_s=forecast.makespan_s, bottleneck=forecast.bottleneck, usd_per_million=usd
            )
        )
    return forecasts


def rank(forecasts: Sequence[WayForecast], criterion: str) -> tuple[list[WayForecast], list[str]]:
    """Sort ways by a criterion; those within TIE of the least come first, by the other criterion.

    Returns:
        The sorted ways, and the arms after the first that are within TIE of the least.
    """
    value, other = (operator.attrgetter(KEYS[name]) for name in (criterion, OTHER[criterion]))
    limit = TIE * min(map(value, forecasts), default=0.0)
    alike = sorted((way for way in forecasts if value(way) <= limit), key=other)
    rest = sorted((way for way in forecasts if value(way) > limit), key=value)
    return alike + rest, [way.arm for way in alike[1:]]


def arm_map(
    job: Job,
    table: Table,
    *,
    arms: Sequence[str],
    sizes: Sequence[float] = SIZES,
    works_s: Sequence[float] = WORKS_S,
) -> pd.DataFrame:
    """Predict which way wins for each number of datapoints and each work.

    Args:
        job: Its senders, processors, batches and memory hold everywhere.
        works_s: Seconds of a datapoint in `process()`. Work beyond what the job's own takes is added as the
            job declares it (waiting, where it declares none); below, `process()` is taken to be shorter.

    Returns:
        Two rows per cell, one per `criterion` (TIME, COST): the winning `arm`, its `value` (seconds, USD for
        a million datapoints), the `runner_up` with its value, and `tied`, the arms within TIE of the least
        beside the winner. `arm` is "" where no way can finish.
    """
    rows: list[list[object]] = []
    for work_s in works_s:
        of_work, own = _at_work(job, table, work_s)
        for size in sizes:
            forecasts = forecast_ways(replace(of_work, datapoints=int(size)), own, arms)
            for criterion in KEYS:
                rows.append([int(size), work_s, criterion, *_winner(forecasts, criterion)])
    return pd.DataFrame(rows, columns=COLUMNS)


def by_size(
    job: Job, table: Table, *, arms: Sequence[str], factors: Sequence[int] = (1, 10, 1000)
) -> pd.DataFrame:
    """Predict the arms at multiples of the job's size.

    Returns:
        One row per factor and arm that can finish: `times`, `datapoints`, `arm`, `makespan_s`, `bottleneck`
        and `usd_per_million`. Sizes beyond the planner's most are left out.
    """
    rows = []
    for factor in factors:
        datapoints = job.datapoints * factor
        if datapoints > MAX_DATAPOINTS:
            continue
        for way in forecast_ways(replace(job, datapoints=datapoints), table, arms):
            rows.append([factor, datapoints, way.arm, way.makespan_s, way.bottleneck, way.usd_per_million])
    return pd.DataFrame(rows, columns=SIZE_COLUMNS)


def _winner(forecasts: Sequence[WayForecast], criterion: str) -> list[object]:
    """Return the last five of COLUMNS."""
    ranked, tied = rank(forecasts, criterion)
    first_two = [[way.arm, getattr(way, KEYS[criterion])] for way in ranked[:2]]
    winner, runner_up = (first_two + [["", math.nan]] * 2)[:2]
    return [*winner, *runner_up, " ".join(tied)]


def _at_work(job: Job, table: Table, work_s: float) -> tuple[Job, Table]:
    """Return the job and its limits with `work_s` seconds in `process()` for each datapoint."""
    process = table["process_s"]
    own_s = min(process.value, work_s)
    kind = "io" if job.work.kind == "none" else job.work.kind
    shorter = replace(process, value=own_s, low=min(process.low, own_s), high=max(own_s, process.low))
    return replace(job, work=Work(kind, work_s - own_s)), {**table, "process_s": shorter}


def _can_finish(arm: str, job: Job, table: Table) -> bool:
    """Return whether a datapoint or batch fits the timeouts, and the queue keeps messages long enough."""
    traits, value = ARMS[arm], values(table)
    if not traits.stack:
        return True
    requests = math.ceil(job.datapoints / traits.per_request(job.request_batch))
    if traits.max_requests and requests > traits.max_requests:
        return False
    system = system_of(arm, job, value, warm=False)
    if traits.stack == "single_node":
        return system.collector_s <= float(templates.defaults("single_node")["SingleNodeTimeoutSeconds"])
    try:
        require_time(job, build(job, value), value)
    except UsageError:
        return False
    return not traits.queued or not obstacles(job, fluid_forecast.predict(system), value)
