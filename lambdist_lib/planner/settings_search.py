"""One setting of a job: how long, how many at once, and what it costs; and the best settings for it.

All of it by the fluid model, so that hundreds of settings take a fraction of a second.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lambdist_lib.costs import bill as costs_bill
from lambdist_lib.costs import estimate, usage
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.usage import AT_ONCE, Counts
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job, build, collector_s, values
from lambdist_lib.planner.system import System

CHUNKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BATCHES = (1, 10, 100)
QUEUE_BATCHES = (1, 2, 5, 10)
MEMORIES_MB = (128, 256, 512, 1024, 1769)  # above one vCPU a single thread gains nothing
ALIKE = 1.01  # times the best: no worse to anybody who looks


@dataclass(frozen=True, slots=True)
class SettingForecast:
    """A job under one setting."""

    job: Job
    forecast: fluid_forecast.Forecast
    bill: list[costs_bill.Line]

    @property
    def usd(self) -> float:
        return costs_bill.total_usd(self.bill)

    def settings(self) -> dict[str, int]:
        return {
            "chunks": self.job.chunks,
            "request_batch": self.job.request_batch,
            "queue_batch": self.job.number("QueueBatch"),
            "memory_mb": self.job.number("MemoryMb"),
        }


def binding(forecast: fluid_forecast.Forecast) -> tuple[str, float]:
    """What binds for the longest time, and for which share of the makespan."""
    spans: dict[str, float] = {}
    for phase in forecast.phases:
        spans[phase.limit] = spans.get(phase.limit, 0.0) + phase.end_s - phase.begin_s
    limit = max(spans, key=lambda name: spans[name])
    return limit, min(spans[limit] / forecast.makespan_s, 1.0)


def evaluate(job: Job, table: Table, *, free_tier: bool = False) -> SettingForecast:
    """The fluid forecast and the bill."""
    value = values(table)
    system = build(job, value)
    forecast = fluid_forecast.predict(system)
    used = costs_bill.total(usage.usage(counts(job, system, forecast, value), table))
    return SettingForecast(job, forecast, costs_bill.line_items(used, table, free_tier=free_tier))


def counts(job: Job, system: System, forecast: fluid_forecast.Forecast, value: Mapping[str, float]) -> Counts:
    """The forecast's counts as a bill needs them."""
    permanent = job.datapoints * system.p_permanent
    told = estimate.dead_batches(forecast.dead, forecast.makespan_s)
    sends = forecast.requests * math.ceil(job.request_batch / AT_ONCE)
    marks = job.fault.may_leave_no_trace
    marked_more = (
        forecast.receives - job.datapoints if job.fault.faults or job.is_on("ExperimentControls") else 0
    )
    return Counts(
        datapoints=job.datapoints, requests=forecast.requests,
        entry_s=forecast.requests * collector_s(job, value), sends=sends,
        receives=forecast.receives, invocations=forecast.invocations,
        processor_s=forecast.busy_s - forecast.invocations * value["poll_s"] - forecast.cold * system.init_s,
        deletes=min(forecast.invocations, forecast.stored + permanent),
        failures=forecast.failures, returned=forecast.failures - permanent,
        marked_first=job.datapoints if marks else 0, marked_more=max(marked_more, 0.0),
        init_s=(forecast.collector_cold + forecast.cold) * system.init_s,
        result_units=(forecast.stored + forecast.duplicates)
        * math.ceil(value["item_bytes"] / estimate.WRITE_BYTES),
        dead=forecast.dead, permanent=permanent, dead_invocations=told,
        dead_s=told * value["handler_s"] + forecast.dead * 2 * value["put_s"],
        dead_init_s=min(told, 1) * system.init_s, mails=told if job.settings["NotifyEmail"] else 0,
        span_s=forecast.makespan_s, memory_mb=job.number("MemoryMb"),
        arm64=job.settings["Architecture"] == "arm64",
    )  # fmt: skip


def with_settings(job: Job, *, chunks: int, request_batch: int, queue_batch: int, memory_mb: int) -> Job:
    changed = {"QueueBatch": str(queue_batch), "MemoryMb": str(memory_mb)}
    return replace(job, chunks=chunks, request_batch=request_batch, settings={**job.settings, **changed})


def search(job: Job, table: Table, *, free_tier: bool = False) -> list[SettingForecast]:
    """Every setting that fits the processor's timeout, the job's own included."""
    value, found = values(table), []
    timeout_s = job.number("ProcessorTimeoutSeconds")
    for chunks in sorted({*CHUNKS, job.chunks}):
        for request_batch in sorted({*REQUEST_BATCHES, job.request_batch}):
            for queue_batch in sorted({*QUEUE_BATCHES, job.number("QueueBatch")}):
                for memory_mb in sorted({*MEMORIES_MB, job.number("MemoryMb")}):
                    one = with_settings(
                        job,
                        chunks=chunks,
                        request_batch=request_batch,
                        queue_batch=queue_batch,
                        memory_mb=memory_mb,
                    )
                    if build(one, value).batch_s() <= timeout_s:
                        found.append(evaluate(one, table, free_tier=free_tier))
    return found


def fastest(looks: list[SettingForecast]) -> SettingForecast:
    """The least makespan; of those that are alike, the cheapest."""
    best_s = min(one.forecast.makespan_s for one in looks)
    alike = [one for one in looks if one.forecast.makespan_s <= best_s * ALIKE]
    return min(alike, key=lambda one: (float(f"{one.usd:.3g}"), one.job.chunks))


def cheapest(looks: list[SettingForecast]) -> SettingForecast:
    """The least cost; of those that are alike, the one that `fastest` names, or else the fastest."""
    best_usd = min(one.usd for one in looks)
    alike = [one for one in looks if one.usd <= best_usd * ALIKE]
    fast = fastest(looks)
    if fast in alike:
        return fast
    return min(alike, key=lambda one: (float(f"{one.forecast.makespan_s:.3g}"), one.job.chunks))
