"""Declare the conditions that compared runs share, and how each arm sends under them."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lambdist_lib.cloud.limits import MAX_PROCESSORS, MIN_PROCESSORS, default_processors
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import datapoints, files
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError
from lambdist_lib.formatting import did_you_mean
from lambdist_lib.protocol import arm_limits, faults
from lambdist_lib.protocol.arms import ARMS, faults_of
from lambdist_lib.protocol.contract import REQUEST_MAX_DATAPOINTS
from lambdist_lib.results import schema
from lambdist_lib.runs import argument_checks, dead_limit, ground_truth
from lambdist_lib.submission.receipts import SendOptions

if TYPE_CHECKING:
    from lambdist_lib.deployment.stacks import Stack

AS_FOUND = "as found"  # temperature of a run that neither made its environments cold nor warmed them up
OPENING_SENDERS = 4  # on the local cloud, unless warm: 100 cold starts at once keep two cores busy for 15 s
OPENING_GROWTH = 0.1  # senders more per answer then: measured, 129 datapoints are stored sooner than at 0.25
COLLECTOR_TRIES = 8  # of a request to the collector; the queue has a count of its own
COLLECTOR_BACKOFF_S = 0.2
ON_DISK = {"failing_datapoints": "failing"}  # names of conditions that run.json spells otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is the same for every run that is compared.

    chunks: the most senders at once.
    processors: the most invocations of the processor at once; 0 for as many as `chunks`, within
        AWS's bounds of 2 and 1,000.
    rate: datapoints per second of an open loop; 0 for as fast as the senders go.
    request_batch, queue_batch: datapoints per request, messages per invocation.
    partial_responses: without them one failed message brings its whole batch back.
    work, fault: declared work and faults (`protocol.faults`).
    first_datapoints: only the file's first ones; 0 for all.
    failing_datapoints: datapoints added after the file's that fail at every attempt.
    retry_delay_s: before the first retry of a failed datapoint, doubling; by the queue in the
        distributed arm, by the client in the others.
    max_chars, pattern: the datapoint rule.
    stop_if_dead: "5%" or "20" ends a run once more of its datapoints are dead (`dead_limit`).
    """

    chunks: int = 20
    processors: int = 0
    rate: float = 0.0
    request_batch: int = 1
    queue_batch: int = 1
    partial_responses: bool = True
    memory_mb: int = 512
    work: str = "none"
    fault: str = "none"
    first_datapoints: int = 0
    failing_datapoints: int = 0
    retry_delay_s: int = 1
    max_chars: int = 1024
    pattern: str = ""
    stop_if_dead: str = ""

    @property
    def width(self) -> int:
        """The most invocations of the processor at once."""
        return self.processors or default_processors(self.chunks)

    def settings(self) -> dict[str, Any]:
        """Return the stacks' settings that follow from them (`templates`)."""
        return {
            "queue_batch": self.queue_batch,
            "maximum_concurrency": self.width,
            "partial_batch_responses": self.partial_responses,
            "memory_mb": self.memory_mb,
            "retry_delay_seconds": self.retry_delay_s,
            "datapoint_max_chars": self.max_chars,
            "datapoint_pattern": self.pattern,
            "experiment_controls": True,
        }

    def facts(self) -> dict[str, Any]:
        """Return the form in which a run records them; the width is a number there."""
        recorded = {**asdict(self), "processors": self.width}
        for name in ("stop_if_dead", "first_datapoints"):
            if not recorded[name]:
                del recorded[name]
        return {ON_DISK.get(name, name): value for name, value in recorded.items()}

    @classmethod
    def from_run(cls, facts: Mapping[str, Any]) -> Self:
        """Read the conditions that a run recorded."""
        names = {condition.name for condition in fields(cls)}
        known = {"processors": schema.ADDED_LATER["processors"], **facts}
        return cls(**{name: known[key] for name in names if (key := ON_DISK.get(name, name)) in known})

    def read(self, data: str | Path) -> Datapoints:
        """Read the file's datapoints under this rule, cut them, and add the failing ones.

        Raises:
            DataFileError: As `files.read`.
            UsageError: So few datapoints can never exceed `stop_if_dead`.
        """
        points = files.read(data, max_chars=self.max_chars, pattern=self.pattern)
        if self.first_datapoints:
            points = datapoints.first(points, self.first_datapoints)
        points = datapoints.with_more(points, [f"fails-{k}" for k in range(self.failing_datapoints)])
        dead_limit.require_reachable(self.stop_if_dead, points.submitted)
        return points


def parse_conditions(values: Mapping[str, Any], caller: Callable[..., object] | None = None) -> Conditions:
    """Check conditions before anything is deployed.

    Args:
        caller: The function whose `**conditions` they are: a name may be a typo of another argument.

    Raises:
        UsageError: A name is unknown, or a value does not parse or is out of bounds.
    """
    known = Conditions.__dataclass_fields__
    if unknown := sorted(set(values) - set(known)):
        arguments = inspect.signature(caller).parameters.values() if caller else ()
        named = [argument.name for argument in arguments if argument.kind != argument.VAR_KEYWORD]
        near = did_you_mean(unknown[0], [*known, *named])
        raise UsageError(f"unknown condition {', '.join(unknown)}{near}; known: {', '.join(known)}")
    return Conditions(**{name: CHECKS[name](name, value) for name, value in values.items()})


def _work(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}; write none, io:100ms or cpu:50ms")
    faults.parse_work(value)
    return value


def _fault(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}; write none, or faults such as raise:0.1")
    faults.parse_fault(value)
    return value


def _pattern(name: str, value: Any) -> str:
    return datapoints.valid_pattern(argument_checks.text(name, value))


def _dead_limit(name: str, value: Any) -> str:
    if limit := argument_checks.text(name, value):
        dead_limit.parse(limit)
    return limit


CHECKS: dict[str, Callable[[str, Any], Any]] = {  # by condition: returns the value, or raises UsageError
    "chunks": functools.partial(argument_checks.whole, low=1),
    "processors": functools.partial(
        argument_checks.whole, low=MIN_PROCESSORS, high=MAX_PROCESSORS, zero="as many as chunks"
    ),
    "rate": argument_checks.real,
    "request_batch": functools.partial(argument_checks.whole, low=1, high=REQUEST_MAX_DATAPOINTS),
    "queue_batch": argument_checks.from_template,
    "partial_responses": argument_checks.flag,
    "memory_mb": argument_checks.from_template,
    "work": _work,
    "fault": _fault,
    "first_datapoints": argument_checks.whole,
    "failing_datapoints": argument_checks.whole,
    "retry_delay_s": argument_checks.from_template,
    "max_chars": argument_checks.from_template,
    "pattern": _pattern,
    "stop_if_dead": _dead_limit,
}


def resolve_faults(conditions: Conditions, points: Datapoints, seed: int) -> Conditions:
    """Spell the fault plan out: the failing datapoints, the declared faults, the seed."""
    first = points.next_n - conditions.failing_datapoints
    always = (
        [f"raise:1@{first}-{first + conditions.failing_datapoints - 1}"]
        if conditions.failing_datapoints
        else []
    )
    declared = [conditions.fault] if conditions.fault not in ("", "none") else []
    return replace(conditions, fault=str(faults.parse_fault(",".join([*always, *declared]), seed=seed)))


def send_options(
    target: Target, stack: "Stack", arm: str, conditions: Conditions, temperature: str
) -> SendOptions:
    """Return how an arm sends.

    Without a queue the client tries again, as often and as slowly as the queue does.

    Raises:
        UsageError: The stack or the target refuses the declared work or faults.
    """
    require_possible(target.name, conditions, [arm])
    require_controls(stack, conditions)
    require_settings(stack, arm)
    queued = ARMS[arm].cloud_retries
    opening = OPENING_SENDERS if target.name == "local" and temperature != "warm" else None
    return SendOptions(
        chunks=conditions.chunks if ARMS[arm].parallel else 1,
        rate=conditions.rate,
        request_batch=conditions.request_batch,
        work=conditions.work,
        fault=conditions.fault,
        tries=COLLECTOR_TRIES if queued else int(stack.outputs["MaxReceives"]),
        backoff_s=COLLECTOR_BACKOFF_S if queued else float(conditions.retry_delay_s),
        opening_senders=opening,
        growth=OPENING_GROWTH,
    )


def write_ground_truth(
    folder: Path, arm: str, points: Datapoints, conditions: Conditions, tries: int, at_once: bool = True
) -> None:
    """Write what the fault plan will do to each datapoint, if there is a plan."""
    plan = faults_of(arm, conditions.fault)
    if plan.faults:
        ground_truth.write(folder, ground_truth.rows(plan, points, tries=tries, at_once=at_once))


def require_possible(target: str, conditions: Conditions, arms: Iterable[str] = ()) -> None:
    """Refuse a fault that the target cannot produce, and what one of the arms cannot do.

    Raises:
        UsageError: The local cloud enforces no memory limit, or a row of `arm_limits` refuses it.
    """
    arm_limits.require_possible(arms, target, asdict(conditions))
    if target == "local" and faults.parse_fault(conditions.fault).share("memory"):
        raise UsageError(
            f"fault {conditions.fault!r}: the local cloud does not enforce memory limits, so memory is for "
            "--target aws; crash ends an attempt in the same way"
        )


def require_settings(stack: "Stack", arm: str) -> None:
    """Refuse an arm for which the stack was not deployed.

    Raises:
        UsageError: A setting that the arm needs is off.
    """
    for name in ARMS[arm].needs:
        parameter = templates.parameter_name(name)
        if stack.parameters.get(parameter) != "on":
            raise UsageError(
                f"{stack.name} has no {arm}: it was deployed with {parameter} off; run "
                f"`lambdist deploy --set {name}=on`"
            )


def require_controls(stack: "Stack", conditions: Conditions) -> None:
    """Refuse declared work and faults that the stack does not obey.

    Raises:
        UsageError: The stack was deployed without ExperimentControls.
    """
    declared = {"work": conditions.work, "fault": conditions.fault}
    asked = [f"{name} {text!r}" for name, text in declared.items() if text not in ("", "none")]
    if asked and stack.outputs["ExperimentControls"] != "on":
        raise UsageError(
            f"{stack.name} refuses {' and '.join(asked)}: it was deployed with ExperimentControls off; "
            "`lambdist deploy` turns them on, which is for experiments and never for real data"
        )
