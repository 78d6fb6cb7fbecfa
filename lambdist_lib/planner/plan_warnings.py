"""What would go wrong on AWS, or less well than it could; each with what to do about it."""

from collections.abc import Mapping

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import Job, values, work_on_s
from lambdist_lib.planner.system import System

MAPPING_MOST = 1_000  # of MaximumConcurrency


def cautions(job: Job, system: System, forecast: fluid_forecast.Forecast, table: Table) -> list[str]:
    """Sentences."""
    value, (limit, _) = values(table), settings_search.binding(forecast)
    return [
        *_ends(job, forecast, value),
        *_concurrency(system, limit),
        *_handlers(job, system, forecast, value),
        *_never_seen(job, table),
    ]


def _ends(job: Job, forecast: fluid_forecast.Forecast, value: Mapping[str, float]) -> list[str]:
    """What would never get through."""
    found = []
    if forecast.makespan_s > value["queue_retention_s"]:
        found.append(
            f"the queue keeps a message for {value['queue_retention_s'] / 86_400:.3g} days: what waits "
            "longer would be lost; send it in parts, or lift what binds"
        )
    quota = job.number("QuotaRequests")
    if quota and forecast.requests > quota:
        found.append(
            f"{forecast.requests:,.0f} requests are beyond the API key's quota of {quota:,} a "
            f"{job.settings['QuotaPeriod'].lower()}: the rest gets 429; --request-batch 100, or "
            "--set quota_requests=0"
        )
    return found


def _concurrency(system: System, limit: str) -> list[str]:
    found = []
    if limit == phases.MAXIMUM and system.maximum_concurrency == MAPPING_MOST:
        found.append(
            f"{MAPPING_MOST:,} processors are all that a mapping takes; beyond them AWS has its provisioned "
            "mode, which our template has not, or several queues"
        )
    elif limit == phases.MAXIMUM:
        found.append(
            f"the template's maximum_concurrency of {system.maximum_concurrency} binds; "
            "--set maximum_concurrency=1000 lifts it"
        )
    if system.account_concurrency < system.slots_most():
        found.append(
            f"the account's {system.account_concurrency:,} executions at once are fewer than the mapping's "
            f"{system.slots_most():,}: throttled messages spend receives, and may die of it; "
            f"--set maximum_concurrency={max(system.account_concurrency, 2)}"
        )
    return found


def _handlers(
    job: Job, system: System, forecast: fluid_forecast.Forecast, value: Mapping[str, float]
) -> list[str]:
    found = []
    timeout_s = job.number("ProcessorTimeoutSeconds")
    queued_s = forecast.peak * system.queue_batch / system.writes_most_per_s
    if settings_search.binding(forecast)[0] == phases.TABLE and queued_s > timeout_s:
        found.append(
            f"handlers would wait up to {queued_s:.3g} s for the table, longer than their timeout of "
            f"{timeout_s} s; lower maximum_concurrency, or warm the table's throughput"
        )
    if system.p_fail and not system.partial and system.queue_batch > 1:
        found.append(
            f"without partial responses one failure takes its batch of {system.queue_batch} along; "
            "--set partial_batch_responses=on"
        )
    slow_s = work_on_s(job, value)
    if slow_s > job.work.seconds:
        found.append(
            f"{job.work} takes {slow_s * 1000:.0f} ms by the clock: {job.number('MemoryMb')} MB are "
            f"{job.number('MemoryMb') / value['vcpu_memory_mb']:.0%} of a vCPU"
        )
    return found


def _never_seen(job: Job, table: Table) -> list[str]:
    fails = table["p_fail"]
    if fails.value or not fails.high or job.fault.share("raise"):
        return []
    return [
        f"no attempt failed in {fails.source}, and the plan has none that does; {fails.high:.2g} of them may "
        f"all the same: --fault raise:{fails.high:.1g} shows what then"
    ]
