"""Predict the makespan and cost of each arm: the ways into the queue, those without one, and an instance.

The control and its variants are the entry of the fluid model whose front door does the work itself. Assumed:
a request to SQS or Lambda that does not pass API Gateway takes the network's time alone, and SQS takes as
long for a client's or the API's message as for the collector's.
A distributed map takes `map_fixed_s` (7 s, of one report) until its first child begins; how fast AWS starts
children is not known, so all of its width begin at once. Its retries wait as the queue's do.
The local pool stands for an always-on instance of INSTANCE_VCPUS cores with as many processes as `chunks`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lambdist_lib.costs import bill, estimate, map_counts, usage
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.usage import Counts
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid.phases import MAXIMUM, TABLE, entry_of
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import build, values, work_on_s
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import TABLE_BURST_S, System
from lambdist_lib.protocol.arms import ARMS, is_local

DISTRIBUTED, SINGLE_NODE, PARALLEL, POOL = "distributed", "single_node", "single_node_parallel", "local_pool"
PREDICTED = (DISTRIBUTED, SINGLE_NODE, PARALLEL, POOL)  # of every experiment; others where they ran
MAP_START, MAP_WIDTH = "start of the map", "MaxConcurrency of the map"
PROCESSES, CORES = "processes of the pool", "cores of the instance"
MAX_SIMULATED = 2_000  # requests and invocations
INSTANCE_VCPUS = 2  # of prices' price_instance_h


@dataclass(frozen=True, slots=True)
class ArmForecast:
    """Hold an arm's makespan in seconds and the limit that holds longest."""

    makespan_s: float
    bottleneck: str


def forecast_arm(arm: str, job: Job, value: Mapping[str, float], *, warm: bool = True) -> ArmForecast:
    """Predict one arm.

    Args:
        arm: One of `protocol.arms.ARMS`.
        value: A value for each limit.
        warm: Whether environments are warm at the first request.
    """
    if is_local(arm):
        return _pool(job, value)
    system = system_of(arm, job, value, warm=warm)
    if ARMS[arm].orchestrated:
        return _map(system, value)
    if ARMS[arm].queued:
        forecast = fluid_forecast.predict(system)
        # the fluid model is meant for queues that fill: small jobs are simulated once
        small = forecast.requests + forecast.invocations <= MAX_SIMULATED
        makespan_s = simulate(system).makespan_s if small else forecast.makespan_s
        return ArmForecast(makespan_s, settings_search.bottleneck(forecast)[0])
    return _without_queue(system)


def system_of(arm: str, job: Job, value: Mapping[str, float], *, warm: bool = True) -> System:
    """Build an arm's system; without a queue the front door's invocation does the work."""
    traits = ARMS[arm]
    job = replace(job, request_batch=traits.per_request(job.request_batch))
    system = build(job, value)
    if warm:
        system = replace(system, init_s=0.0)
    if traits.orchestrated:
        return _of_map(system, value)
    if not traits.through_api:
        system = replace(system, request_s=value["network_s"], api_rate_per_s=math.inf, api_burst=math.inf)
    if not traits.first_lambda:
        request_s = system.request_s + value["send_s"]
        return replace(
            system, has_collector=False, request_s=request_s, collector_s=0.0, collector_rate_per_s=math.inf
        )
    if traits.queued:
        return system
    tries = 1 / (1 - system.attempt_fails())  # the client retries at once
    slow_s = system.p_slow * (system.slow_s - system.item_s)
    in_request = job.datapoints / math.ceil(job.datapoints / job.request_batch)  # the last is not full
    handler_s = value["handler_s"] + in_request * (system.item_s + slow_s) * tries
    return replace(system, senders=job.chunks if traits.parallel else 1, collector_s=handler_s)


def _of_map(system: System, value: Mapping[str, float]) -> System:
    """Return the system of a map: all lines wait at once, for as many children as its width."""
    children = round(value["map_children_most"])
    return replace(
        system, senders=0, arrivals_per_s=0.0, has_collector=False, collector_s=0.0,
        queue_batch=system.request_batch, window_s=0.0, slots_start=children, slots_ceiling=children,
        error_cut=0.0, overhead_s=value["handler_s"], partial=True, request_s=value["network_s"],
    )  # fmt: skip


def _map(system: System, value: Mapping[str, float]) -> ArmForecast:
    """Add the upload, the start of the execution and that of the map to the time of its children."""
    forecast = fluid_forecast.predict(system)
    start_s = value["map_fixed_s"] + 2 * system.request_s
    limit, share = settings_search.bottleneck(forecast)
    limit = MAP_START if start_s > share * forecast.makespan_s else limit
    return ArmForecast(start_s + forecast.makespan_s, MAP_WIDTH if limit == MAXIMUM else limit)


def _without_queue(system: System) -> ArmForecast:
    entry = entry_of(system)
    written_s = entry.begin_s + _writes_s(system)
    if written_s > entry.end_s:
        return ArmForecast(written_s + system.request_s / 2, TABLE)
    return ArmForecast(entry.end_s + system.request_s / 2, entry.limit)


def _writes_s(system: System) -> float:
    """Return the seconds in which the table takes all writes; its rate doubles every half hour."""
    rate, spent_s = system.writes_per_s, 0.0
    left = max(system.datapoints - rate * TABLE_BURST_S, 0.0)
    while rate < system.max_writes_per_s and left > rate * system.writes_double_s:
        left -= rate * system.writes_double_s
        spent_s += system.writes_double_s
        rate = min(rate * 2, system.max_writes_per_s)
    return spent_s + left / rate


def _pool(job: Job, value: Mapping[str, float]) -> ArmForecast:
    """Without network, queue and table: rounds of `chunks` processes, or the cores if they compute."""
    p_fail = 1 - (1 - value["p_fail"]) * (1 - job.fault.share("raise"))
    tries = job.datapoints / (1 - p_fail)
    cpu_s = value["process_s"] + (job.work.seconds if job.work.kind == "cpu" else 0.0)
    by_processes_s = math.ceil(tries / job.chunks) * (value["process_s"] + job.work.seconds)
    by_cores_s = tries * cpu_s / INSTANCE_VCPUS
    span_s = max(by_processes_s, by_cores_s)
    bottleneck = PROCESSES if by_processes_s >= by_cores_s else CORES
    return ArmForecast(value["pool_start_s"] + span_s, bottleneck)


def usd(arm: str, job: Job, table: Table) -> float:
    """Return what one run of the job costs on AWS; for the pool, the instance's time."""
    value = values(table)
    if is_local(arm):
        return _pool(job, value).makespan_s / 3_600 * value["price_instance_h"]
    traits = ARMS[arm]
    if traits.queued and traits.first_lambda:
        return settings_search.evaluate(job, table).usd
    counts = _counts_without_collector if traits.queued else _counts_without_queue
    return bill.total_usd(usage.bill_of(counts(arm, job, table), table))


def _counts_without_queue(arm: str, job: Job, table: Table) -> Counts:
    """Return the counts of a run whose client or map retries, by the estimate's closed form."""
    value = values(table)
    system = build(job, value)
    load = estimate.Workload(
        arm=arm, datapoints=job.datapoints, chunks=job.chunks, request_batch=job.request_batch,
        processors=job.processors, standard_children=job.settings["MapChildren"] == map_counts.STANDARD,
        memory_mb=job.number("MemoryMb"), work_s=work_on_s(job, value), p_fail=system.attempt_fails(),
        p_permanent=system.p_permanent, receives=system.receives,
        arm64=job.settings["Architecture"] == "arm64",
        controls=job.is_on("ExperimentControls"), marks_first=job.fault.may_leave_no_trace,
    )  # fmt: skip
    return estimate.expected_counts(table, load)


def _counts_without_collector(arm: str, job: Job, table: Table) -> Counts:
    """Return the counts of a run whose messages the client or the API writes."""
    value = values(table)
    system = system_of(arm, job, value, warm=False)
    own = replace(job, request_batch=system.request_batch)
    counts = settings_search.counts(own, system, fluid_forecast.predict(system), value)
    return replace(counts, through_api=ARMS[arm].through_api, first_lambda=False, entry_s=0.0)
