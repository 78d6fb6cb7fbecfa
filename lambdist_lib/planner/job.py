"""A job as a person states it, and the system that it makes of the templates and the numbers.

    job = job_of(datapoints=1e9, chunks=1000, work="io:100ms", settings={"queue_batch": 10})
    build(job, values(table))

Whatever AWS or our stacks would refuse, or never finish, is refused here with what to type instead.
"""

import contextlib
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError
from lambdist_lib.planner.system import COLD_LOG_SD, System
from lambdist_lib.protocol import contract, faults

DATAPOINTS_MOST = 10**12  # a thousand times the 10^9 that the planner is for
CHUNKS_MOST = 100_000
FAULTS = {  # what the simulation calls a kind's probability
    "raise": "p_fail",
    "permanent": "p_permanent",
    "poison": "p_permanent",
    "slow": "p_slow",
    "crash": "p_crash",
    "memory": "p_crash",
    "crash-after": "p_crash_after",
    "duplicate": "p_duplicate",
}
ON_AWS = {  # a setting out of bounds: what AWS would do
    "memory_mb": "Lambda sells 128 to 10,240 MB and refuses any other size",
    "processor_timeout_seconds": "Lambda ends any invocation after 900 s",
    "maximum_concurrency": "AWS takes 2 to 1,000",
    "max_receives": "SQS takes 1 to 1,000, and under 5 a few throttles kill good datapoints",
    "visibility_timeout_seconds": "AWS refuses a mapping whose function may run longer than the queue's "
    "visibility timeout, and delivers what is still at work a second time",
}
MARGIN_S, MARGIN_SHARE = 1.0, 0.25  # lambdas/watchdog.py ends an attempt so long before the timeout
NOT_RESERVED = 1_000_000
HARMLESS = ("crash-after", "duplicate")  # each datapoint is stored all the same
API_DATAPOINTS_PER_S = 1_000_000  # an account's 10,000 requests a second of 100 datapoints each
YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Checked. `settings` are all parameters of the distributed stack as text, defaults included."""

    datapoints: int
    chunks: int
    request_batch: int
    work: faults.Work
    fault: faults.FaultPlan
    settings: Mapping[str, str]

    def number(self, parameter: str) -> int:
        return int(self.settings[parameter])

    def is_on(self, parameter: str) -> bool:
        return self.settings[parameter] == "on"


def job_of(
    *,
    datapoints: float,
    chunks: int = 20,
    request_batch: int = 1,
    work: str = "none",
    fault: str = "none",
    settings: Mapping[str, Any] | None = None,
) -> Job:
    """Check a job.

    Args:
        settings: Parameters of the distributed stack in Python's spelling, as for a deploy.

    Raises:
        UsageError: It cannot be, or cannot end well; says what would happen and what to type.
    """
    given = _allowed(dict(settings or {}))
    declared = templates.parameters("distributed")
    whole = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one} | given
    timeout_s = int(whole["ProcessorTimeoutSeconds"])
    return Job(
        datapoints=_datapoints(datapoints),
        chunks=_count("chunks", chunks, CHUNKS_MOST),
        request_batch=_count("request batch", request_batch, contract.REQUEST_MAX_DATAPOINTS),
        work=faults.parse_work(work, longest_s=timeout_s / 2),
        fault=_predictable(faults.parse_fault(fault), whole),
        settings=whole,
    )


def _allowed(settings: dict[str, Any]) -> dict[str, str]:
    """The template's parameters, each refusal with what AWS would do."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        with _explained(name):
            found |= templates.to_parameters("distributed", {name: value})
    with _explained("visibility_timeout_seconds"):
        templates.require_visibility(found)
    return found


@contextlib.contextmanager
def _explained(setting: str) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{error}; {ON_AWS[setting]}" if setting in ON_AWS else str(error)) from None


def _datapoints(value: float) -> int:
    try:
        return _count("datapoints", value, DATAPOINTS_MOST)
    except UsageError as error:
        if not value > DATAPOINTS_MOST or math.isinf(value):
            raise
        years = value / API_DATAPOINTS_PER_S / YEAR_S
        raise UsageError(
            f"{error}; on AWS {value:.3g} would be {years:,.2g} years on the way into the queue at the API's "
            "10,000 requests a second of 100 each, and the queue keeps a message for 4 days"
        ) from None


def _count(what: str, value: float, most: int) -> int:
    if isinstance(value, bool) or not math.isfinite(value) or value != int(value) or not 1 <= value <= most:
        raise UsageError(f"{what} {value:,g} is out of range; write a whole number from 1 to {most:,}")
    return int(value)


def _predictable(plan: faults.FaultPlan, settings: Mapping[str, str]) -> faults.FaultPlan:
    for fault in plan.faults:
        if fault.among is not None:
            raise UsageError(f"fault {fault} names datapoints, a plan has none; write {fault.kind}:0.01")
        if fault.probability == 1 and fault.kind not in HARMLESS:
            raise UsageError(
                f"fault {fault} strikes every attempt: on AWS all datapoints would be dead after "
                f"{settings['MaxReceives']} receives and none stored; write a probability below 1, such as "
                f"{fault.kind}:0.5"
            )
        whole = [name for name in ("PermanentAtOnce", "PartialBatchResponses") if settings[name] == "off"]
        if fault.probability and FAULTS.get(fault.kind) == "p_permanent" and whole:
            setting = "permanent_at_once" if whole[0] == "PermanentAtOnce" else "partial_batch_responses"
            raise UsageError(
                f"fault {fault} with {setting}=off is not predicted: on AWS each such datapoint would fail "
                f"at all its receives, its batch with it; leave one of the two out"
            )
    return plan


def values(table: Table) -> dict[str, float]:
    return {name: one.value for name, one in table.items()}


def drawn(table: Table, rng: random.Random) -> dict[str, float]:
    """One value of each number out of its spread, triangular around the value.

    What was never seen (a value of 0) stays so: its spread says how rare it may be, not that it is there.
    """
    return {
        name: rng.triangular(one.low, one.high, one.value) if one.value and one.low < one.high else one.value
        for name, one in table.items()
    }


def build(job: Job, value: Mapping[str, float]) -> System:
    """The system of a job.

    Args:
        value: A value for each limit.

    Raises:
        UsageError: A datapoint or a batch takes longer than the processor's timeout.
    """
    work_s = work_on_s(job, value)
    item_s = value["process_s"] + work_s + value["put_s"]
    batch = job.number("QueueBatch")
    shares: dict[str, Any] = dict.fromkeys(FAULTS.values(), 0.0) | {"p_fail": value["p_fail"]}
    for fault in job.fault.faults:
        if fault.kind in FAULTS:
            name = FAULTS[fault.kind]
            shares[name] = 1 - (1 - shares[name]) * (1 - fault.probability)
    timeout_s = job.number("ProcessorTimeoutSeconds")
    writes = writes_per_attempt(job)
    partitions = contract.SHARDS * value["partition_writes_per_s"]
    most = min(value["table_writes_most_per_s"], partitions) / writes
    return System(
        datapoints=job.datapoints,
        item_s=item_s,
        item_cv=value["process_cv"] * value["process_s"] / item_s,
        senders=job.chunks,
        request_batch=job.request_batch,
        request_s=value["network_s"] + value["api_overhead_s"],
        collector_s=collector_s(job, value),
        api_rate_per_s=min(value["api_rate_per_s"], job.number("ThrottleRate")),
        api_burst=min(value["api_burst"], job.number("ThrottleBurst")),
        queue_batch=batch,
        window_s=job.number("QueueWindowSeconds"),
        slots_start=round(value["esm_start"]),
        slots_per_s=value["esm_ramp_per_min"] / 60,
        slots_ceiling=round(value["esm_ceiling"]),
        maximum_concurrency=job.number("MaximumConcurrency"),
        reserved_concurrency=reserved(job),
        error_cut=value["esm_error_cut"],
        throttle_retry_s=value["throttle_retry_s"],
        overhead_s=value["poll_s"] + value["handler_s"],
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
        in_flight_most=round(value["queue_in_flight"]),
        writes_per_s=min(value["table_writes_per_s"] / writes, most),
        writes_double_s=value["table_doubles_every_s"],
        writes_most_per_s=most,
        **shares,
    )


def require_time(job: Job, system: System, value: Mapping[str, float]) -> None:
    """Hold work and batch to the processor's timeout.

    Raises:
        UsageError: They take longer; on AWS the watchdog hands back what is left, receive by receive.
    """
    timeout_s, batch = job.number("ProcessorTimeoutSeconds"), job.number("QueueBatch")
    spent_s = system.overhead_s + system.item_s
    if spent_s > timeout_s:
        raise UsageError(
            f"a datapoint takes {spent_s:.3g} s ({job.work} at {job.number('MemoryMb')} MB), the processor's "
            f"timeout is {timeout_s} s: on AWS all would be dead after {system.receives} receives; "
            "more memory, less work, or --set processor_timeout_seconds=900 "
            "--set visibility_timeout_seconds=5400"
        )
    if system.batch_s() > timeout_s:
        fits = max(int((timeout_s - system.overhead_s) / system.item_s), 1)
        raise UsageError(
            f"a batch of {batch} takes {system.batch_s():.3g} s, the processor's timeout is {timeout_s} s: "
            f"on AWS what is left goes back, and each return costs a receive; use --queue-batch {fits}"
        )


def work_on_s(job: Job, value: Mapping[str, float]) -> float:
    """Declared work by the clock: below one vCPU, a second of computing takes longer."""
    slower = max(value["vcpu_memory_mb"] / job.number("MemoryMb"), 1.0) if job.work.kind == "cpu" else 1.0
    return job.work.seconds * slower


def collector_s(job: Job, value: Mapping[str, float]) -> float:
    return value["handler_s"] + value["send_s"] * math.ceil(job.request_batch / 10)


def reserved(job: Job) -> int:
    """Processors that the fault `throttle` leaves; without it as many as AWS gives."""
    places, share = job.number("MaximumConcurrency"), job.fault.share("throttle")
    return places - faults.places_taken(share, places) if share else NOT_RESERVED


def writes_per_attempt(job: Job) -> int:
    """Where faults that leave no trace are declared, the begin of each attempt is written down too."""
    return 2 if job.fault.may_leave_no_trace else 1
