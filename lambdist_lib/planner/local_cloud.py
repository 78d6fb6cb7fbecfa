"""Predict a job on the local cloud from a run there: no AWS limits, the times of one machine.

A run's times hold for its senders, processors and batches: they share the machine's cores, so that more of
them slow each one down. Environments are warm, as in the pairs of an experiment.
"""

import math
import random
from typing import Any

import pandas as pd

from lambdist_lib.cloud.limits import ON_LOCAL_CLOUD, Number, number
from lambdist_lib.costs import assumptions
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.measures.intervals import as_numbers, mean_half_width
from lambdist_lib.planner import calibration, settings_search
from lambdist_lib.planner.calibration import Measured, measured
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import build, drawn, values
from lambdist_lib.planner.predict import spread_of

EMULATOR = "ministack 1.5.33, cloudformation/distributed.yaml on it"
FREE = 1e9  # where the local cloud has no limit
BLOCKS = 10  # of a run: consecutive values are autocorrelated; block means are nearly independent
MAX_QUEUED = 10_000  # beyond it the emulator's queue slows down: 1,017/s at 5,000, 149/s at 50,000
TARGET = "local cloud, predicted"
PREDICTABLE = ("raise", "permanent", "poison", "slow", "duplicate")
# between runs, of an invocation's time beside its declared work: results/reference of 2026-11-23
DRIFT_LOG_SD = 0.13
TIMES = ("poll_s", "put_s", "network_s", "send_s", "handler_s", "process_s")
SAME = ("chunks", "processors", "request_batch", "queue_batch")
UNLIMITED = {
    name: number(value, "of the local cloud", EMULATOR, "2026-11", ON_LOCAL_CLOUD)
    for name, value in {
        "esm_start": 1_000, "esm_ramp_per_min": FREE, "esm_ceiling": 1_000, "esm_error_cut": 0.0,
        "account_concurrency": FREE, "environments_burst": FREE, "environments_per_s": FREE,
        "vcpu_memory_mb": 128, "idle_expiry_s": 300, "api_overhead_s": 0.0, "queue_in_flight": FREE,
        "environment_requests_per_s": FREE, "environment_messages_per_s": FREE,
        "table_writes_per_s": FREE, "table_writes_most_per_s": FREE, "partition_writes_per_s": FREE,
        "init_s": 0.0,
    }.items()
}  # fmt: skip


def calibrate(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Table:
    """Measure the numbers of `limits` on the local cloud.

    Args:
        runs, records, invocations: Of complete runs of the distributed arm on the local cloud
            (`results.schema`).

    Raises:
        RunError: As `calibration.measured`, or a run was not on the local cloud.
    """
    run = measured(runs, records, invocations)
    if run.maker.on_aws:
        raise RunError(f"run {run.maker.source} was on AWS: --with-local-cloud needs one on this machine")
    between = pd.concat([gaps(table) for _, table in run.processors.groupby("run_id")], ignore_index=True)
    handler_s = run.numbers["handler_s"].value
    collectors = _in_order(run.invocations[run.invocations["function"] == "collector"])
    collected_s = as_numbers(collectors["duration_s"])
    way_s = as_numbers(run.stored.sort_values("sent_at")["total_s"])
    put_s = as_numbers(_in_order(run.processors)["put_s"]) / as_numbers(_in_order(run.processors)["received"])
    requests = math.ceil(runs["request_batch"].max() / 10)
    spread_s = math.hypot(float(as_numbers(run.processors["duration_s"]).std()), float(between.std()))
    cv = spread_s / run.numbers["process_s"].value  # gives an invocation's whole time the measured spread
    return {
        **UNLIMITED,
        **run.numbers,
        "process_cv": run.maker.number("process_cv", cv, math.nan, math.nan, len(between)),
        "poll_s": by_blocks("poll_s", between, run),
        "put_s": by_blocks("put_s", put_s, run),
        "network_s": by_blocks("network_s", way_s - collected_s.mean(), run),
        "send_s": by_blocks("send_s", (collected_s - handler_s) / requests, run),
    }


def gaps(processors: pd.DataFrame) -> pd.Series:
    """Return the seconds between two invocations of an environment, where the later message was waiting.

    Args:
        processors: Invocations of one run with `queued_at`, when their last message was queued.
    """
    table = _in_order(processors)
    end = as_numbers(table["at"])
    begin, before = end - as_numbers(table["duration_s"]), end.groupby(table["environment_id"]).shift(1)
    waited = table["queued_at"] < before
    return (begin - before)[waited].clip(lower=0).reset_index(drop=True)


def by_blocks(name: str, values: pd.Series, run: Measured) -> Number:
    """Return the mean of values in order of time, with an interval from the means of consecutive blocks.

    Raises:
        RunError: There are fewer than two values per block.
    """
    values = values.dropna().reset_index(drop=True)
    if len(values) < 2 * BLOCKS:
        raise RunError(
            f"run {run.maker.source} has {len(values)} usable values of {name}, at least {2 * BLOCKS} are "
            "needed: calibrate the local cloud from a run of some hundred datapoints, where messages wait"
        )
    means = values.groupby(values.index * BLOCKS // len(values)).mean()
    half = mean_half_width(means, BLOCKS)
    center = max(float(values.mean()), 0.0)
    return run.maker.number(name, center, max(center - half, 0.0), center + half, len(values))


def predict_here(job: Job, table: Table, runs: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Predict a job on the local cloud.

    Args:
        table: Limits and prices, updated with the result of `calibrate`.
        runs: The runs behind that calibration.

    Returns:
        The plan's part `local_cloud`, ready for JSON.

    Raises:
        UsageError: The job has other senders, processors or batches than the run, or unpredictable faults.
    """
    require_same(job, runs)
    _require_predictable(job)
    system = build(job, values(table))
    forecast = fluid_forecast.predict(system)
    limit, share = settings_search.bottleneck(forecast)
    warnings = []
    if job.datapoints > MAX_QUEUED:
        warnings.append(
            f"the local cloud slows down beyond {MAX_QUEUED:,} queued messages, so {job.datapoints:,} "
            "datapoints may take several times as long; send it in parts"
        )
    return {
        "target": TARGET,
        **spread_of(lambda rng: build(job, sample_with_drift(table, rng)), forecast, seed),
        "fluid_makespan_s": forecast.makespan_s,
        "binding": {"limit": limit, "share": share},
        "warnings": warnings,
        "inputs": [row for row in assumptions.rows(table) if row["provenance"] == ON_LOCAL_CLOUD],
    }


def sample_with_drift(table: Table, rng: random.Random) -> dict[str, float]:
    """Draw inputs with the drift between runs, which a single run cannot show."""
    factor = rng.lognormvariate(0, DRIFT_LOG_SD)
    return {name: value * factor if name in TIMES else value for name, value in drawn(table, rng).items()}


def _require_predictable(job: Job) -> None:
    """Reject faults after which the emulator behaves differently from AWS."""
    for fault in job.fault.faults:
        if fault.kind not in PREDICTABLE:
            raise UsageError(
                f"fault {fault} ends a process, after which the local cloud pauses its queue: "
                f"--with-local-cloud predicts {', '.join(PREDICTABLE)}; drop the fault or --with-local-cloud"
            )
    if job.fault.faults and not job.is_on("PartialBatchResponses"):
        raise UsageError(
            "a batch that fails whole pauses the local cloud's queue, which the planner does not predict; "
            "drop --with-local-cloud or partial_batch_responses=off"
        )


def require_same(job: Job, runs: pd.DataFrame) -> None:
    """Check that a job has the conditions of the measured run.

    Raises:
        UsageError: It has others, under which the machine's cores would be shared differently.
    """
    run = runs.iloc[0]
    wanted = {
        "chunks": job.chunks,
        "processors": job.processors,
        "request_batch": job.request_batch,
        "queue_batch": job.number("QueueBatch"),
    }
    measured_with = {
        name: calibration.processors_of(run) if name == "processors" else int(run[name]) for name in SAME
    }
    if other := [name for name in SAME if wanted[name] != measured_with[name]]:
        flags = " ".join(f"--{name.replace('_', '-')} {measured_with[name]}" for name in other)
        raise UsageError(
            f"run {run['run_id']} was measured under other conditions; --with-local-cloud needs the same, "
            f"since all share the machine's cores: use {flags}, or calibrate from another run"
        )


def _in_order(invocations: pd.DataFrame) -> pd.DataFrame:
    begin = as_numbers(invocations["at"]) - as_numbers(invocations["duration_s"])
    return invocations.assign(begin=begin).sort_values("begin")
