"""The local cloud as a system: no limits of AWS's, and the times of one machine, measured on a run of it.

What a run took there holds for the senders, processors and batches of that run: they share the machine's
cores, so that more of them make each one slower. Environments are warm, as those of the pairs of a run are.
"""

import math
import random
from dataclasses import asdict
from typing import Any

import pandas as pd

from lambdist_lib.cloud.limits import ON_LOCAL_CLOUD, Number, number
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.calibration import Measured, measured
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job, build, drawn, values
from lambdist_lib.planner.predict import spread_of

EMULATOR = "ministack 1.5.33, cloudformation/distributed.yaml on it"
FREE = 1e9  # of what the local cloud does not limit
BLOCKS = 10  # of a run, one after the other: neighbours share the machine's moods, blocks hardly do
QUEUE_MOST = 10_000  # messages, until the emulator's queue slows down: 1,017/s at 5,000, 149/s at 50,000
TARGET = "local cloud, predicted"
TOLD = ("raise", "permanent", "poison", "slow", "duplicate")
# from run to run, of what an invocation takes beside its declared work: results/reference of 2026-11-23
DRIFT_LOG_SD = 0.13
TIMES = ("poll_s", "put_s", "network_s", "send_s", "handler_s", "process_s")
SAME = ("chunks", "request_batch", "queue_batch")
UNLIMITED = {
    name: number(value, "of the local cloud", EMULATOR, "2026-11", ON_LOCAL_CLOUD)
    for name, value in {
        "esm_start": 1_000, "esm_ramp_per_min": FREE, "esm_ceiling": 1_000, "esm_error_cut": 0.0,
        "account_concurrency": FREE, "environments_burst": FREE, "environments_per_s": FREE,
        "vcpu_memory_mb": 128, "idle_expiry_s": 300, "api_overhead_s": 0.0, "queue_in_flight": FREE,
        "table_writes_per_s": FREE, "table_writes_most_per_s": FREE, "partition_writes_per_s": FREE,
        "init_s": 0.0,
    }.items()
}  # fmt: skip


def calibrate(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Table:
    """The numbers of `limits` as they are on the local cloud.

    Args:
        runs, records, invocations: Of whole runs of the distributed arm, on the local cloud (`columns`).

    Raises:
        RunError: As `calibration.measured`, or a run was not on the local cloud.
    """
    found = measured(runs, records, invocations)
    if found.maker.on_aws:
        raise RunError(f"run {found.maker.source} was on AWS; --local wants one of the local cloud")
    between = pd.concat([gaps(one) for _, one in found.processors.groupby("run_id")], ignore_index=True)
    handler_s = found.numbers["handler_s"].value
    collectors = _in_order(found.invocations[found.invocations["function"] == "collector"])
    collected_s = _numbers(collectors["duration_s"])
    way_s = _numbers(found.stored.sort_values("sent_at")["total_s"])
    put_s = _numbers(_in_order(found.processors)["put_s"]) / _numbers(_in_order(found.processors)["received"])
    requests = math.ceil(runs["request_batch"].max() / 10)
    spread_s = math.hypot(float(_numbers(found.processors["duration_s"]).std()), float(between.std()))
    cv = spread_s / found.numbers["process_s"].value  # so that an invocation's whole time is spread as much
    return {
        **UNLIMITED,
        **found.numbers,
        "process_cv": found.maker.number("process_cv", cv, math.nan, math.nan, len(between)),
        "poll_s": by_blocks("poll_s", between, found),
        "put_s": by_blocks("put_s", put_s, found),
        "network_s": by_blocks("network_s", way_s - collected_s.mean(), found),
        "send_s": by_blocks("send_s", (collected_s - handler_s) / requests, found),
    }


def gaps(processors: pd.DataFrame) -> pd.Series:
    """Seconds of each environment between two invocations, where the later one's message waited by then.

    Args:
        processors: Invocations of one run with `queued_at`, when their last message was queued.
    """
    table = _in_order(processors)
    end = _numbers(table["at"])
    begin, before = end - _numbers(table["duration_s"]), end.groupby(table["environment_id"]).shift(1)
    waited = table["queued_at"] < before
    return (begin - before)[waited].clip(lower=0).reset_index(drop=True)


def by_blocks(name: str, values: pd.Series, found: Measured) -> Number:
    """The mean in order of time, with an interval from the means of consecutive blocks."""
    from scipy.stats import sem, t  # takes a second to import

    values = values.dropna().reset_index(drop=True)
    if len(values) < 2 * BLOCKS:
        raise RunError(
            f"run {found.maker.source} has {len(values)} usable values of {name}, at least {2 * BLOCKS} are "
            "needed: calibrate the local cloud from a run of some hundred datapoints, where messages wait"
        )
    means = values.groupby(values.index * BLOCKS // len(values)).mean()
    half = float(t.ppf(0.975, BLOCKS - 1) * sem(means))
    center = max(float(values.mean()), 0.0)
    return found.maker.number(name, center, max(center - half, 0.0), center + half, len(values))


def answer(job: Job, table: Table, runs: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """What the local cloud would take for a job, as data that JSON can hold.

    Args:
        table: Limits and prices with what `calibrate` returns in their place.
        runs: Those that it was calibrated from.

    Raises:
        UsageError: The job has other senders or batches than the run, or faults that are not predicted.
    """
    require_same(job, runs)
    _require_told(job)
    system = build(job, values(table))
    forecast = fluid_forecast.predict(system)
    limit, share = settings_search.binding(forecast)
    found = []
    if job.datapoints > QUEUE_MOST:
        found.append(
            f"the local cloud slows down beyond {QUEUE_MOST:,} queued messages, so {job.datapoints:,} "
            "datapoints may take several times as long; send it in parts"
        )
    return {
        "target": TARGET,
        **spread_of(lambda rng: build(job, drifted(table, rng)), forecast, seed),
        "fluid_makespan_s": forecast.makespan_s,
        "binding": {"limit": limit, "share": share},
        "warnings": found,
        "inputs": [
            {"name": name, **asdict(one)} for name, one in table.items() if one.provenance == ON_LOCAL_CLOUD
        ],
    }


def drifted(table: Table, rng: random.Random) -> dict[str, float]:
    """`job.drawn`, and the machine as fast as it is in another run: one run cannot know how much that is."""
    factor = rng.lognormvariate(0, DRIFT_LOG_SD)
    return {name: one * factor if name in TIMES else one for name, one in drawn(table, rng).items()}


def _require_told(job: Job) -> None:
    """The emulator's ways after a thrown error are its own."""
    for fault in job.fault.faults:
        if fault.kind not in TOLD:
            raise UsageError(
                f"fault {fault} ends a process, after which the local cloud pauses its queue: --local "
                f"predicts {', '.join(TOLD)}; leave the fault or --local out"
            )
    if job.fault.faults and not job.is_on("PartialBatchResponses"):
        raise UsageError(
            "a batch that fails whole pauses the local cloud's queue, which --local does not predict; "
            "leave --local or partial_batch_responses=off out"
        )


def require_same(job: Job, runs: pd.DataFrame) -> None:
    """Hold a job to the conditions of the run that was measured.

    Raises:
        UsageError: It has others, which this machine's cores would share in another way.
    """
    run = runs.iloc[0]
    asked = {
        "chunks": job.chunks,
        "request_batch": job.request_batch,
        "queue_batch": job.number("QueueBatch"),
    }
    if other := [name for name in SAME if asked[name] != int(run[name])]:
        there = ", ".join(f"--{name.replace('_', '-')} {int(run[name])}" for name in other)
        raise UsageError(
            f"run {run['run_id']} was measured under other conditions; the cores of one machine are shared, "
            f"so --local holds for the same only: write {there}, or calibrate from a run of your own"
        )


def _in_order(invocations: pd.DataFrame) -> pd.DataFrame:
    begin = _numbers(invocations["at"]) - _numbers(invocations["duration_s"])
    return invocations.assign(begin=begin).sort_values("begin")


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce")
