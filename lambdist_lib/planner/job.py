"""Check a job.

    job = job_of(datapoints=1e9, chunks=1000, work="io:100ms", settings={"queue_batch": 10})

A job that AWS or the stacks would reject, or that could not finish, raises an error that names a fix.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambdist_lib.cloud.limits import default_processors
from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import contract, faults

MAX_DATAPOINTS = 10**12
MAX_CHUNKS = 100_000
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
    all_settings = templates.defaults("distributed") | _allowed(
        _with_processors(dict(settings or {}), processors, senders)
    )
    timeout_s = int(all_settings["ProcessorTimeoutSeconds"])
    return Job(
        datapoints=_datapoints(datapoints),
        chunks=senders,
        request_batch=_count("request batch", request_batch, contract.REQUEST_MAX_DATAPOINTS),
        work=faults.parse_work(work, longest_s=timeout_s / 2),
        fault=_predictable(faults.parse_fault(fault), all_settings),
        settings=all_settings,
    )


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
