"""Build the system that the planner predicts, from a checked job and a value for each limit.

build(job_of(datapoints=1e6), values(assumptions.load()))
"""

import math
import random
from collections.abc import Mapping
from typing import Any

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import UsageError
from lambdist_lib.planner.job import FAULTS, Job
from lambdist_lib.planner.system import COLD_LOG_SD, System
from lambdist_lib.protocol import contract, faults

MARGIN_S, MARGIN_SHARE = 1.0, 0.25  # lambdas/watchdog.py ends an attempt this long before the timeout
NOT_RESERVED = 1_000_000


def values(table: Table) -> dict[str, float]:
    """Return the plain numbers of a table, by name."""
    return {name: number.value for name, number in table.items()}


def drawn(table: Table, rng: random.Random) -> dict[str, float]:
    """Draw each number from its spread, triangular around its value.

    A number of 0 stays 0: its upper bound says how rare an event may be, not that it occurs.
    """
    return {
        name: rng.triangular(number.low, number.high, number.value)
        if number.value and number.low < number.high
        else number.value
        for name, number in table.items()
    }


def build(job: Job, value: Mapping[str, float]) -> System:
    """Build the system of a job; `values` or `drawn` gives a value for each limit."""
    item_s = value["process_s"] + work_on_s(job, value) + value["put_s"]
    batch = job.number("QueueBatch")
    timeout_s = job.number("ProcessorTimeoutSeconds")
    overhead_s = value["poll_s"] + value["handler_s"]
    return System(
        datapoints=job.datapoints,
        item_s=item_s,
        item_cv=value["process_cv"] * value["process_s"] / item_s,
        senders=job.chunks,
        request_batch=job.request_batch,
        queue_batch=batch,
        window_s=job.number("QueueWindowSeconds"),
        slots_start=round(value["esm_start"]),
        slots_per_s=value["esm_ramp_per_min"] / 60,
        slots_ceiling=round(value["esm_ceiling"]),
        maximum_concurrency=job.processors,
        reserved_concurrency=reserved(job),
        error_cut=value["esm_error_cut"],
        throttle_retry_s=value["throttle_retry_s"],
        # an environment that may start only so many invocations a second waits between short ones
        overhead_s=max(overhead_s, 1 / value["environment_messages_per_s"] - batch * item_s),
        init_s=value["init_s"],
        init_log_sd=COLD_LOG_SD,
        idle_expiry_s=value["idle_expiry_s"],
        account_concurrency=round(value["account_concurrency"]),
        environments_burst=round(value["environments_burst"]),
        environments_per_s=value["environments_per_s"],
        slow_s=timeout_s - min(MARGIN_S, MARGIN_SHARE * timeout_s),
        partial=job.is_on("PartialBatchResponses"),
        receives=job.number("MaxReceives"),
        visibility_s=job.number("VisibilityTimeoutSeconds"),
        retry_delay_s=job.number("RetryDelaySeconds"),
        max_in_flight=round(value["queue_in_flight"]),
        **_front_door(job, value),
        **_table_writes(job, value),
        **_probabilities(job, value),
    )


def _front_door(job: Job, value: Mapping[str, float]) -> dict[str, Any]:
    """Return System's fields of the API and the collector."""
    return {
        "request_s": value["network_s"] + value["api_overhead_s"],
        "collector_s": collector_s(job, value),
        "api_rate_per_s": min(value["api_rate_per_s"], job.number("ThrottleRate")),
        "api_burst": min(value["api_burst"], job.number("ThrottleBurst")),
        "collector_rate_per_s": value["environment_requests_per_s"] * value["account_concurrency"],
    }


def _table_writes(job: Job, value: Mapping[str, float]) -> dict[str, Any]:
    """Return System's fields of the table, in attempts a second."""
    writes = 2 if job.fault.may_leave_no_trace else 1  # per attempt: its begin is written, too
    partitions = contract.SHARDS * value["partition_writes_per_s"]
    maximum = min(value["table_writes_most_per_s"], partitions) / writes
    return {
        "writes_per_s": min(value["table_writes_per_s"] / writes, maximum),
        "writes_double_s": value["table_doubles_every_s"],
        "max_writes_per_s": maximum,
    }


def _probabilities(job: Job, value: Mapping[str, float]) -> dict[str, Any]:
    """Return System's probabilities: measured failures and declared faults, independent of each other."""
    shares = dict.fromkeys(FAULTS.values(), 0.0)
    shares |= {"p_fail": value["p_fail"], "p_permanent": value["p_permanent"]}
    for fault in job.fault.faults:
        if fault.kind in FAULTS:
            name = FAULTS[fault.kind]
            shares[name] = 1 - (1 - shares[name]) * (1 - fault.probability)
    return shares


def require_time(job: Job, system: System, value: Mapping[str, float]) -> None:
    """Check that a datapoint and a full batch fit the processor's timeout.

    Raises:
        UsageError: They take longer; on AWS the watchdog would return the rest, and each return costs a
            receive.
    """
    timeout_s, batch = job.number("ProcessorTimeoutSeconds"), job.number("QueueBatch")
    attempt_s = system.overhead_s + system.item_s
    if attempt_s > timeout_s:
        raise UsageError(
            f"a datapoint takes {attempt_s:.3g} s ({job.work} at {job.number('MemoryMb')} MB), the "
            f"processor's timeout is {timeout_s} s: on AWS all would be dead after {system.receives} "
            "receives; "
            "use more memory, less work, or --set processor_timeout_seconds=900 "
            "--set visibility_timeout_seconds=5400"
        )
    if system.batch_s() > timeout_s:
        fits = max(int((timeout_s - system.overhead_s) / system.item_s), 1)
        raise UsageError(
            f"a batch of {batch} takes {system.batch_s():.3g} s, the processor's timeout is {timeout_s} s: "
            f"on AWS the rest returns to the queue, and each return costs a receive; use --queue-batch {fits}"
        )


def work_on_s(job: Job, value: Mapping[str, float]) -> float:
    """Return the declared work in wall-clock seconds: computing slows down below one vCPU."""
    slowdown = max(value["vcpu_memory_mb"] / job.number("MemoryMb"), 1.0) if job.work.kind == "cpu" else 1.0
    return job.work.seconds * slowdown


def collector_s(job: Job, value: Mapping[str, float]) -> float:
    """Return the seconds of one request in the collector: SQS takes ten messages a call."""
    return value["handler_s"] + value["send_s"] * math.ceil(job.request_batch / 10)


def reserved(job: Job) -> int:
    """Return the processors that the fault `throttle` leaves; without it no reservation applies."""
    share = job.fault.share("throttle")
    return job.processors - faults.places_taken(share, job.processors) if share else NOT_RESERVED
