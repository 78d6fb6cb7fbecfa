"""One setting of a job: how long, how many at once, and what it costs; and the best settings for it.

All of it by the fluid model, so that hundreds of settings take a fraction of a second.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lambdist_lib.limits import Table
from lambdist_lib.measures import cost
from lambdist_lib.planner import fluid
from lambdist_lib.planner.job import Job, build, collector_s, values, writes_per_attempt
from lambdist_lib.planner.system import System

CHUNKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BATCHES = (1, 10, 100)
QUEUE_BATCHES = (1, 2, 5, 10)
MEMORIES_MB = (128, 256, 512, 1024, 1769)  # above one vCPU a single thread gains nothing
ALIKE = 1.01  # times the best: no worse to anybody who looks


@dataclass(frozen=True, slots=True)
class Outlook:
    """A job under one setting."""

    job: Job
    forecast: fluid.Forecast
    bill: list[cost.Line]

    @property
    def usd(self) -> float:
        return cost.total_usd(self.bill)

    def settings(self) -> dict[str, int]:
        return {
            "chunks": self.job.chunks,
            "request_batch": self.job.request_batch,
            "queue_batch": self.job.number("QueueBatch"),
            "memory_mb": self.job.number("MemoryMb"),
        }


def binding(forecast: fluid.Forecast) -> tuple[str, float]:
    """What binds for the longest time, and for which share of the makespan."""
    spans: dict[str, float] = {}
    for phase in forecast.phases:
        spans[phase.limit] = spans.get(phase.limit, 0.0) + phase.end_s - phase.begin_s
    limit = max(spans, key=lambda name: spans[name])
    return limit, min(spans[limit] / forecast.makespan_s, 1.0)


def look(job: Job, table: Table, *, free_tier: bool = False) -> Outlook:
    """The fluid forecast and the bill."""
    value = values(table)
    system = build(job, value)
    forecast = fluid.predict(system)
    return Outlook(job, forecast, cost.lines(usage(job, system, forecast, value), table, free_tier=free_tier))


def usage(job: Job, system: System, forecast: fluid.Forecast, value: Mapping[str, float]) -> cost.Usage:
    """What the forecast's counts are charged as. Durations are rounded up to whole milliseconds by AWS."""
    handler_s = forecast.busy_s - forecast.invocations * value["poll_s"]
    entry_s = forecast.requests * collector_s(job, value) + forecast.collector_cold * system.init_s
    dead_invocations = math.ceil(forecast.dead / 1000)  # the batches of the dead-letter queue's mapping
    dead_s = forecast.dead * value["put_s"]
    failures = max(forecast.receives - forecast.stored - job.datapoints * system.p_permanent, 0.0)
    mailed = dead_invocations if job.settings["NotifyEmail"] else 0
    invocations = forecast.invocations + forecast.requests + dead_invocations
    sends = forecast.requests * math.ceil(job.request_batch / 10)
    returned = failures + job.datapoints * system.p_permanent  # visibility changed, or sent on as dead
    return cost.Usage(
        api_requests=forecast.requests,
        lambda_requests=invocations,
        gb_s=(handler_s + entry_s + dead_s) * job.number("MemoryMb") / 1024,
        arm64=job.settings["Architecture"] == "arm64",
        sqs_requests=sends + 2 * forecast.invocations + returned + 2 * dead_invocations
        + value["idle_polls_per_s"] * forecast.makespan_s,
        table_writes=forecast.receives * writes_per_attempt(job) + forecast.dead,
        table_reads=job.datapoints / 8,  # half a read for 4 KB, and an item has about one
        sns_publishes=dead_invocations,
        sns_mails=mailed,
        log_gb=invocations * value["log_bytes"] / 1e9,
        traces=min(forecast.requests * value["trace_share"] + forecast.makespan_s, forecast.requests),
    )  # fmt: skip


def with_settings(job: Job, *, chunks: int, request_batch: int, queue_batch: int, memory_mb: int) -> Job:
    changed = {"QueueBatch": str(queue_batch), "MemoryMb": str(memory_mb)}
    return replace(job, chunks=chunks, request_batch=request_batch, settings={**job.settings, **changed})


def grid(job: Job, table: Table, *, free_tier: bool = False) -> list[Outlook]:
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
                        found.append(look(one, table, free_tier=free_tier))
    return found


def fastest(looks: list[Outlook]) -> Outlook:
    """The least makespan; of those that are alike, the cheapest."""
    best_s = min(one.forecast.makespan_s for one in looks)
    alike = [one for one in looks if one.forecast.makespan_s <= best_s * ALIKE]
    return min(alike, key=lambda one: (float(f"{one.usd:.3g}"), one.job.chunks))


def cheapest(looks: list[Outlook]) -> Outlook:
    """The least cost; of those that are alike, the fastest."""
    best_usd = min(one.usd for one in looks)
    alike = [one for one in looks if one.usd <= best_usd * ALIKE]
    return min(alike, key=lambda one: (float(f"{one.forecast.makespan_s:.3g}"), one.job.chunks))
