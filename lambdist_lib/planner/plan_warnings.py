"""Warn of what would go wrong on AWS, or less well than it could; each warning names a fix.

`planner.obstacles` has what keeps a job from finishing at all.
"""

from collections.abc import Mapping

from lambdist_lib.cloud.limits import MAX_PROCESSORS
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.formatting import percent
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import values, work_on_s
from lambdist_lib.planner.system import System


def plan_warnings(job: Job, system: System, forecast: fluid_forecast.Forecast, table: Table) -> list[str]:
    """Return the warnings of a plan, a sentence each."""
    limit, _ = settings_search.bottleneck(forecast)
    return [
        *_concurrency(system, limit),
        *_handlers(job, system, forecast, values(table)),
        *_unseen_failures(job, table),
    ]


def _concurrency(system: System, limit: str) -> list[str]:
    if limit != phases.MAXIMUM:
        return []
    if system.maximum_concurrency == MAX_PROCESSORS:
        return [
            f"a mapping runs at most {MAX_PROCESSORS:,} processors; for more, AWS has provisioned pollers, "
            "which the template does not use, or several queues"
        ]
    return [
        f"the {system.maximum_concurrency} processors (maximum_concurrency) are the bottleneck; "
        f"use --processors {MAX_PROCESSORS}"
    ]


def _handlers(
    job: Job, system: System, forecast: fluid_forecast.Forecast, value: Mapping[str, float]
) -> list[str]:
    warnings = []
    timeout_s = job.number("ProcessorTimeoutSeconds")
    queued_s = forecast.peak * system.queue_batch / system.max_writes_per_s
    if settings_search.bottleneck(forecast)[0] == phases.TABLE and queued_s > timeout_s:
        warnings.append(
            f"handlers would wait up to {queued_s:.3g} s for the table, longer than their timeout of "
            f"{timeout_s} s; use fewer processors, or warm the table's throughput"
        )
    if system.p_fail and not system.partial and system.queue_batch > 1:
        warnings.append(
            f"without partial responses one failure takes its batch of {system.queue_batch} along; "
            "use --set partial_batch_responses=on"
        )
    work_s = work_on_s(job, value)
    if work_s > job.work.seconds:
        warnings.append(
            f"{job.work} takes {work_s * 1000:.0f} ms of wall-clock time: {job.number('MemoryMb')} MB are "
            f"{percent(round(job.number('MemoryMb') / value['vcpu_memory_mb'], 2))} of a vCPU"
        )
    return warnings


def _unseen_failures(job: Job, table: Table) -> list[str]:
    fails = table["p_fail"]
    if fails.value or not fails.high or job.fault.share("raise"):
        return []
    return [
        f"no attempt failed in {fails.source}, so the plan has no failures; up to {fails.high:.2g} of the "
        f"attempts may still fail: --fault raise:{fails.high:.1g} predicts that"
    ]
