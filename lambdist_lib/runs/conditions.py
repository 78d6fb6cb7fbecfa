"""What is held equal between runs that are compared, and how each arm sends under it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import datapoints, files
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults
from lambdist_lib.runs import ground_truth
from lambdist_lib.runs.arms import ARMS, faults_of
from lambdist_lib.submission.receipts import SendOptions

AS_FOUND = "as found"  # temperature of a run that neither made its environments cold nor warmed them up
OPENING_SENDERS = 4  # on the local cloud, unless warm: 100 cold starts at once keep two cores busy for 15 s
OPENING_GROWTH = 0.1  # senders more per answer then: measured, 129 datapoints are stored sooner than at 0.25
COLLECTOR_TRIES = 8  # of a request to the collector; the queue has a count of its own
COLLECTOR_BACKOFF_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is the same for every run that is to be compared.

    rate: datapoints per second of an open loop, 0 for as fast as `chunks` senders go.
    retry_delay_s: before the first retry of a failed datapoint, doubling; by the queue in the
    distributed arm, by the client in the others. partial_responses: without them one failed
    message brings its whole batch back. failing: datapoints after the file's that
    fail at every attempt. max_chars, pattern: the datapoint rule.
    """

    chunks: int = 20
    rate: float = 0.0
    request_batch: int = 1
    queue_batch: int = 1
    partial_responses: bool = True
    memory_mb: int = 512
    work: str = "none"
    fault: str = "none"
    failing: int = 0
    retry_delay_s: int = 1
    max_chars: int = 1024
    pattern: str = ""

    def settings(self) -> dict[str, Any]:
        """What they mean for the stacks (`templates`)."""
        return {
            "queue_batch": self.queue_batch,
            "partial_batch_responses": self.partial_responses,
            "memory_mb": self.memory_mb,
            "retry_delay_seconds": self.retry_delay_s,
            "datapoint_max_chars": self.max_chars,
            "datapoint_pattern": self.pattern,
            "experiment_controls": True,
        }

    def read(self, data: str | Path) -> Datapoints:
        """The file's datapoints under these conditions' rule, and the failing ones after them."""
        points = files.read(data, max_chars=self.max_chars, pattern=self.pattern)
        return datapoints.with_more(points, [f"fails-{k}" for k in range(self.failing)])


def of_run(facts: dict[str, Any]) -> Conditions:
    """The conditions that a run's facts name."""
    return Conditions(**{name: facts[name] for name in Conditions.__dataclass_fields__ if name in facts})


def send_options(
    target: Target, stack: Stack, arm: str, conditions: Conditions, temperature: str
) -> SendOptions:
    """How an arm sends. Without a queue the client tries again, as often and as slowly as the queue does.

    Raises:
        UsageError: The stack or the target refuses the declared work or faults.
    """
    require_possible(target.name, conditions)
    require_controls(stack, conditions)
    queued = ARMS[arm].stack == "distributed"
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


def write_truth(
    folder: Path, arm: str, points: Datapoints, conditions: Conditions, tries: int, at_once: bool = True
) -> None:
    """What the fault plan will do to each datapoint, into the run's folder, where there is a plan."""
    plan = faults_of(arm, conditions.fault)
    if plan.faults:
        ns = (line.n for line in points if not line.reason)
        ground_truth.write(folder, ground_truth.rows(plan, ns, tries=tries, at_once=at_once))


def require_possible(target: str, conditions: Conditions) -> None:
    """Hold a fault plan against what a target can do.

    Raises:
        UsageError: It cannot run out of memory.
    """
    if target == "local" and faults.parse_fault(conditions.fault).share("memory"):
        raise UsageError(
            f"fault {conditions.fault!r}: the local cloud does not enforce memory limits, so memory is for "
            "--target aws; crash ends an attempt in the same way"
        )


def require_controls(stack: Stack, conditions: Conditions) -> None:
    """Before anything is sent: whether the stack obeys declared work and faults.

    Raises:
        UsageError: It was deployed without ExperimentControls.
    """
    declared = {"work": conditions.work, "fault": conditions.fault}
    asked = [f"{name} {text!r}" for name, text in declared.items() if text not in ("", "none")]
    if asked and stack.outputs["ExperimentControls"] != "on":
        raise UsageError(
            f"{stack.name} refuses {' and '.join(asked)}: it was deployed with ExperimentControls off; "
            "`lambdist deploy` turns them on, which is for experiments and never for real data"
        )


def parse_conditions(given: dict[str, Any]) -> Conditions:
    """Conditions whose words parse, before anything is deployed."""
    if unknown := set(given) - set(Conditions.__dataclass_fields__):
        known = ", ".join(Conditions.__dataclass_fields__)
        raise UsageError(f"unknown condition {', '.join(sorted(unknown))}; known: {known}")
    held = Conditions(**given)
    faults.parse_work(held.work)
    SendOptions(chunks=held.chunks, request_batch=held.request_batch, rate=held.rate)  # or it says why not
    if held.failing < 0:
        raise UsageError(f"failing is {held.failing}; write 0 or more")
    return held


def resolve_faults(held: Conditions, points: Datapoints, seed: int) -> Conditions:
    """The fault plan in full: of the failing datapoints, as declared, and its seed."""
    first = points.next_n - held.failing
    always = [f"raise:1@{first}-{first + held.failing - 1}"] if held.failing else []
    declared = [held.fault] if held.fault not in ("", "none") else []
    return replace(held, fault=str(faults.parse_fault(",".join([*always, *declared]), seed=seed)))
