"""Evaluate one setting of a job, and search for the fastest and the cheapest.

A setting is the number of senders and processors, the datapoints per request, the messages per batch and the
memory. The fluid model predicts each, so that a search of thousands takes a second or two.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lambdist_lib.costs import bill as costs_bill
from lambdist_lib.costs import estimate, usage
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.usage import AT_ONCE, Counts
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid.phases import SENDERS
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import build, collector_s, reserved, values
from lambdist_lib.planner.obstacles import obstacles
from lambdist_lib.planner.system import System

CHUNKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
PROCESSORS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BATCHES = (1, 10, 100)
QUEUE_BATCHES = (1, 2, 5, 10)
MEMORIES_MB = (128, 256, 512, 1024, 1769)  # above one vCPU a single thread gains nothing
ALIKE = 1.01  # times the best: a difference that no user would notice


@dataclass(frozen=True, slots=True)
class SettingForecast:
    """Hold the forecast and the bill of a job under one setting."""

    job: Job
    forecast: fluid_forecast.Forecast
    bill: list[costs_bill.Line]
    obstacles: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        return costs_bill.total_usd(self.bill)

    def settings(self) -> dict[str, int]:
        """Return the five settings by name."""
        return {
            "chunks": self.job.chunks,
            "processors": self.job.processors,
            "request_batch": self.job.request_batch,
            "queue_batch": self.job.number("QueueBatch"),
            "memory_mb": self.job.number("MemoryMb"),
        }


def bottleneck(forecast: fluid_forecast.Forecast) -> tuple[str, float]:
    """Return the limit that holds for the longest time, and its share of the makespan."""
    spans: dict[str, float] = {}
    for phase in forecast.phases:
        spans[phase.limit] = spans.get(phase.limit, 0.0) + phase.end_s - phase.begin_s
    limit = max(spans, key=lambda name: spans[name])
    return limit, min(spans[limit] / forecast.makespan_s, 1.0)


def evaluate(job: Job, table: Table, *, free_tier: bool = False) -> SettingForecast:
    """Predict a job with the fluid model and compute its bill."""
    value = values(table)
    system = build(job, value)
    return _evaluate(job, system, fluid_forecast.predict(system), value, table, free_tier)


def _evaluate(
    job: Job,
    system: System,
    forecast: fluid_forecast.Forecast,
    value: Mapping[str, float],
    table: Table,
    free_tier: bool,
) -> SettingForecast:
    lines = usage.bill_of(counts(job, system, forecast, value), table, free_tier=free_tier)
    return SettingForecast(job, forecast, lines, tuple(obstacles(job, forecast, value)))


def counts(job: Job, system: System, forecast: fluid_forecast.Forecast, value: Mapping[str, float]) -> Counts:
    """Return the forecast's counts in the form that a bill takes."""
    permanent = job.datapoints * system.p_permanent
    digests = estimate.dead_batches(forecast.dead, forecast.makespan_s)
    sends = forecast.requests * math.ceil(job.request_batch / AT_ONCE)
    marks = job.fault.may_leave_no_trace
    marked_more = (
        forecast.receives - job.datapoints if job.fault.faults or job.is_on("ExperimentControls") else 0
    )
    return Counts(
        datapoints=job.datapoints, requests=forecast.requests,
        entry_s=forecast.requests * collector_s(job, value), sends=sends,
        receives=forecast.receives, invocations=forecast.invocations,
        # AWS charges neither the way from the queue nor the start of an environment as handler time
        processor_s=forecast.busy_s - forecast.invocations * (system.overhead_s - value["handler_s"])
        - forecast.cold * system.init_s,
        deletes=min(forecast.invocations, forecast.stored + permanent),
        failures=forecast.failures, returned=forecast.failures - permanent,
        marked_first=job.datapoints if marks else 0, marked_more=max(marked_more, 0.0),
        init_s=(forecast.collector_cold + forecast.cold) * system.init_s,
        result_units=(forecast.stored + forecast.duplicates)
        * math.ceil(value["item_bytes"] / estimate.WRITE_BYTES),
        dead=forecast.dead, permanent=permanent, dead_invocations=digests,
        dead_s=digests * value["handler_s"] + forecast.dead * 2 * value["put_s"],
        dead_init_s=min(digests, 1) * system.init_s, mails=digests if job.settings["NotifyEmail"] else 0,
        span_s=forecast.makespan_s, memory_mb=job.number("MemoryMb"),
        arm64=job.settings["Architecture"] == "arm64",
    )  # fmt: skip


def with_settings(
    job: Job, *, chunks: int, processors: int, request_batch: int, queue_batch: int, memory_mb: int
) -> Job:
    """Return the job under another setting."""
    changed = {
        "QueueBatch": str(queue_batch),
        "MemoryMb": str(memory_mb),
        "MaximumConcurrency": str(processors),
    }
    return replace(job, chunks=chunks, request_batch=request_batch, settings={**job.settings, **changed})


def search(job: Job, table: Table, *, free_tier: bool = False) -> list[SettingForecast]:
    """Evaluate all settings that fit the processor's timeout and can be the fastest or the cheapest.

    More senders are not tried once senders are no bottleneck, nor more processors once fewer suffice: neither
    makes a job faster or cheaper. Without computing, the least memory is the cheapest and as fast.

    Returns:
        The job's own setting first.
    """
    value = values(table)
    forecasts = [evaluate(job, table, free_tier=free_tier)]
    timeout_s = job.number("ProcessorTimeoutSeconds")
    own_mb = job.number("MemoryMb")
    memories = sorted({*MEMORIES_MB, own_mb}) if job.work.kind == "cpu" else [MEMORIES_MB[0]]
    for request_batch in sorted({*REQUEST_BATCHES, job.request_batch}):
        for queue_batch in sorted({*QUEUE_BATCHES, job.number("QueueBatch")}):
            for memory_mb in memories:
                base = with_settings(
                    job, chunks=1, processors=job.processors, request_batch=request_batch,
                    queue_batch=queue_batch, memory_mb=memory_mb,
                )  # fmt: skip
                if build(base, value).batch_s() > timeout_s:
                    continue
                for candidate, system, forecast in _widths(base, job, value):
                    forecasts.append(_evaluate(candidate, system, forecast, value, table, free_tier))
    return forecasts


def _widths(
    base: Job, job: Job, value: Mapping[str, float]
) -> Iterator[tuple[Job, System, fluid_forecast.Forecast]]:
    """Yield the numbers of senders and processors that matter, the job's own included."""
    built = build(base, value)
    senders_suffice = False
    for chunks in sorted({*CHUNKS, job.chunks}):
        if senders_suffice and chunks != job.chunks:
            continue
        processors_suffice, limits = False, set[str]()
        for processors in sorted({*PROCESSORS, job.processors}):
            if processors_suffice and processors != job.processors:
                continue
            settings = {**base.settings, "MaximumConcurrency": str(processors)}
            candidate = replace(base, chunks=chunks, settings=settings)
            system = replace(
                built,
                senders=chunks,
                maximum_concurrency=processors,
                reserved_concurrency=reserved(candidate),
            )
            forecast = fluid_forecast.predict(system)
            limits = {phase.limit for phase in forecast.phases}
            yield candidate, system, forecast
            processors_suffice |= forecast.peak < processors
        senders_suffice |= SENDERS not in limits


def possible(forecasts: list[SettingForecast]) -> list[SettingForecast]:
    """Return the settings without obstacles; all of them if each has one."""
    return [setting for setting in forecasts if not setting.obstacles] or forecasts


def fastest(forecasts: list[SettingForecast]) -> SettingForecast:
    """Return the cheapest of the possible settings within 1 % of the least makespan.

    Args:
        forecasts: What `search` returns; the result is never slower than the first, the job's own setting, if
            that is possible.
    """
    candidates = possible(forecasts)
    max_s = min(setting.forecast.makespan_s for setting in candidates) * ALIKE
    if candidates[0] is forecasts[0]:
        max_s = min(max_s, forecasts[0].forecast.makespan_s)
    alike = [setting for setting in candidates if setting.forecast.makespan_s <= max_s]
    return min(alike, key=lambda setting: (float(f"{setting.usd:.3g}"), setting.job.chunks))


def cheapest(forecasts: list[SettingForecast]) -> SettingForecast:
    """Return the fastest of the possible settings within 1 % of the least cost."""
    candidates = possible(forecasts)
    best_usd = min(setting.usd for setting in candidates)
    alike = [setting for setting in candidates if setting.usd <= best_usd * ALIKE]
    fast = fastest(forecasts)
    if fast in alike:
        return fast
    return min(alike, key=lambda setting: (float(f"{setting.forecast.makespan_s:.3g}"), setting.job.chunks))
