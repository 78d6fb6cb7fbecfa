"""Check a job and build the system that the planner predicts.

    job = job_of(datapoints=1e9, chunks=1000, work="io:100ms", settings={"queue_batch": 10})
    build(job, values(table))

A job that AWS or the stacks would reject, or that could not finish, raises an error that names a fix.
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

MAX_DATAPOINTS = 10**12
MAX_CHUNKS = 100_000
MIN_PROCESSORS, MAX_PROCESSORS = 2, 1_000  # of MaximumConcurrency, by AWS
FAULTS = {  # kind of fault: its probability's name in System
    "raise": "p_fail",
    "permanent": "p_permanent",
    "poison": "p_permanent",
    "slow": "p_slow",
    "crash": "p_crash",
    "memory": "p_crash",
    "crash-after": "p_crash_after",
    "duplicate": "p_duplicate",
}
ON_AWS = {  # setting: what AWS does outside its bounds
    "memory_mb": "Lambda sells 128 to 10,240 MB and refuses any other size",
    "processor_timeout_seconds": "Lambda ends any invocation after 900 s",
    "maximum_concurrency": "AWS takes 2 to 1,000",
    "max_receives": "SQS takes 1 to 1,000, and under 5 a few throttles kill good datapoints",
    "visibility_timeout_seconds": "AWS refuses a mapping whose function may run longer than the queue's "
    "visibility timeout, and delivers what is still at work a second time",
}
MARGIN_S, MARGIN_SHARE = 1.0, 0.25  # lambdas/watchdog.py ends an attempt this long before the timeout
NOT_RESERVED = 1_000_000
HARMLESS = ("crash-after", "duplicate")  # every datapoint is stored all the same
API_DATAPOINTS_PER_S = 1_000_000  # an account's 10,000 requests a second of 100 datapoints each
YEAR_S = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold a checked job; `settings` are all parameters of the distributed stack, as text."""

    datapoints: int
    chunks: int
    request_batch: int
    work: faults.Work
    fault: faults.FaultPlan
    settings: Mapping[str, str]

    def number(self, parameter: str) -> int:
        return int(self.settings[parameter])

    @property
    def processors(self) -> int:
        """The most invocations of the processor at once."""
        return self.number("MaximumConcurrency")

    def is_on(self, parameter: str) -> bool:
        return self.settings[parameter] == "on"


def job_of(
    *,
    datapoints: float,
    chunks: int = 20,
    processors: int = 0,
    request_batch: int = 1,
    work: str = "none",
    fault: str = "none",
    settings: Mapping[str, Any] | None = None,
) -> Job:
    """Check a job.

    Args:
        chunks: The most senders at once.
        processors: The most invocations of the processor at once; 0 for as many as `chunks`, within AWS's
            bounds of 2 and 1,000. `settings` may name it as `maximum_concurrency` instead.
        settings: Parameters of the distributed stack in Python's spelling, as for a deploy.

    Raises:
        UsageError: The job is invalid or could not finish on AWS.
    """
    senders = _count("chunks", chunks, MAX_CHUNKS)
    parameters = templates.parameters("distributed")
    defaults = {
        name: str(declared["Default"]) for name, declared in parameters.items() if "Default" in declared
    }
    all_settings = defaults | _allowed(_with_processors(dict(settings or {}), processors, senders))
    timeout_s = int(all_settings["ProcessorTimeoutSeconds"])
    return Job(
        datapoints=_datapoints(datapoints),
        chunks=senders,
        request_batch=_count("request batch", request_batch, contract.REQUEST_MAX_DATAPOINTS),
        work=faults.parse_work(work, longest_s=timeout_s / 2),
        fault=_predictable(faults.parse_fault(fault), all_settings),
        settings=all_settings,
    )


def default_processors(chunks: int) -> int:
    """Return as many processors as senders, within AWS's bounds."""
    return min(max(chunks, MIN_PROCESSORS), MAX_PROCESSORS)


def _with_processors(settings: dict[str, Any], processors: int, chunks: int) -> dict[str, Any]:
    width = settings.get("maximum_concurrency")
    if processors and width is not None and int(width) != processors:
        raise UsageError(
            f"processors is {processors} and the setting maximum_concurrency is {width}: they are the same "
            "number; use --processors alone"
        )
    return settings | {"maximum_concurrency": processors or width or default_processors(chunks)}


def _allowed(settings: dict[str, Any]) -> dict[str, str]:
    """Return the template's parameters; an error says what AWS would do."""
    parameters: dict[str, str] = {}
    for name, value in settings.items():
        with _explained(name):
            parameters |= templates.to_parameters("distributed", {name: value})
    with _explained("visibility_timeout_seconds"):
        templates.require_visibility(parameters)
    return parameters


@contextlib.contextmanager
def _explained(setting: str) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{error}; {ON_AWS[setting]}" if setting in ON_AWS else str(error)) from None


def _datapoints(value: float) -> int:
    try:
        return _count("datapoints", value, MAX_DATAPOINTS)
    except UsageError as error:
        if not value > MAX_DATAPOINTS or math.isinf(value):
            raise
        years = value / API_DATAPOINTS_PER_S / YEAR_S
        raise UsageError(
            f"{error}; on AWS {value:.3g} would take {years:,.2g} years to enter the queue at the API's "
            "10,000 requests a second of 100 each, and the queue keeps a message for 4 days"
        ) from None


def _count(name: str, value: float, maximum: int) -> int:
    if (
        isinstance(value, bool)
        or not math.isfinite(value)
        or value != int(value)
        or not 1 <= value <= maximum
    ):
        raise UsageError(f"{name} {value:,g} is out of range; use a whole number from 1 to {maximum:,}")
    return int(value)


def _predictable(plan: faults.FaultPlan, settings: Mapping[str, str]) -> faults.FaultPlan:
    for fault in plan.faults:
        if fault.among is not None:
            raise UsageError(
                f"fault {fault} names datapoints, which a plan does not have; use {fault.kind}:0.01"
            )
        if fault.probability == 1 and fault.kind not in HARMLESS:
            raise UsageError(
                f"fault {fault} hits every attempt: on AWS all datapoints would be dead after "
                f"{settings['MaxReceives']} receives and none stored; use a probability below 1, such as "
                f"{fault.kind}:0.5"
            )
        off = [name for name in ("PermanentAtOnce", "PartialBatchResponses") if settings[name] == "off"]
        if fault.probability and FAULTS.get(fault.kind) == "p_permanent" and off:
            setting = "permanent_at_once" if off[0] == "PermanentAtOnce" else "partial_batch_responses"
            raise UsageError(
                f"fault {fault} with {setting}=off is not predicted: on AWS each such datapoint would fail "
                f"at all its receives, its batch with it; drop one of the two"
            )
    return plan


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
    """Build the system of a job.

    Args:
        value: A value for each limit, as `values` or `drawn` returns.
    """
    item_s = datapoint_s(job, value)
    batch = job.number("QueueBatch")
    timeout_s = job.number("ProcessorTimeoutSeconds")
    writes = writes_per_attempt(job)
    partitions = contract.SHARDS * value["partition_writes_per_s"]
    max_writes = min(value["table_writes_most_per_s"], partitions) / writes
    overhead_s = value["poll_s"] + value["handler_s"]
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
        collector_rate_per_s=value["environment_requests_per_s"] * value["account_concurrency"],
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
        writes_per_s=min(value["table_writes_per_s"] / writes, max_writes),
        writes_double_s=value["table_doubles_every_s"],
        max_writes_per_s=max_writes,
        **_probabilities(job, value),
    )


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


def datapoint_s(job: Job, value: Mapping[str, float]) -> float:
    """Return the seconds of one datapoint in a handler: process(), declared work and the write."""
    return value["process_s"] + work_on_s(job, value) + value["put_s"]


def collector_s(job: Job, value: Mapping[str, float]) -> float:
    """Return the seconds of one request in the collector: SQS takes ten messages a call."""
    return value["handler_s"] + value["send_s"] * math.ceil(job.request_batch / 10)


def reserved(job: Job) -> int:
    """Return the processors that the fault `throttle` leaves; without it no reservation applies."""
    share = job.fault.share("throttle")
    return job.processors - faults.places_taken(share, job.processors) if share else NOT_RESERVED


def writes_per_attempt(job: Job) -> int:
    """Return the table writes of an attempt: two where a declared fault leaves no trace."""
    return 2 if job.fault.may_leave_no_trace else 1
