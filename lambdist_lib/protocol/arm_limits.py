"""Declare what an arm cannot do, and what a local cloud does otherwise than AWS.

Each row is checked before a run: a refusal raises, a mark is printed with the finding. Standard library
only, like the rest of this package.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS

LOCAL = "local"
SEND_BATCH_MAX = 10  # messages of one SendMessageBatch
Conditions = Mapping[str, Any]  # by the names of `runs.conditions.Conditions`


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLimit:
    """One row of the table.

    what: What is asked of the arm. refuse: Whether a run with it is refused; otherwise it is marked.
    why: A clause for people. target: The target that it holds on, "" for all.
    applies: Whether conditions ask for it.
    """

    arm: str
    what: str
    refuse: bool = False
    why: str
    target: str = ""
    applies: Callable[[Conditions], bool] = lambda conditions: True


def _asks_for(kind: str) -> Callable[[Conditions], bool]:
    return lambda conditions: bool(faults.parse_fault(str(conditions.get("fault", "none"))).share(kind))


def _batch_above(size: int) -> Callable[[Conditions], bool]:
    return lambda conditions: int(conditions.get("request_batch", 1)) > size


def _asks_for_lines(kind: str) -> Callable[[Conditions], bool]:
    return lambda conditions: _asks_for(kind)(conditions) and _batch_above(1)(conditions)


_of_map = functools.partial(ArmLimit, arm="distributed_map")
OF_MAP = (
    _of_map(
        what="a rate",
        refuse=True,
        why="it uploads the file as a whole, so no datapoint has a time of its own",
        applies=lambda conditions: float(conditions.get("rate", 0)) > 0,
    ),
    _of_map(
        what="stop_if_dead",
        why="it starts all datapoints at once, so no number of dead ones ends its run",
        applies=lambda conditions: bool(conditions.get("stop_if_dead")),
    ),
    _of_map(
        what="retry_delay_s 0",
        why="Step Functions waits at least 1 s before a retry",
        applies=lambda conditions: int(conditions.get("retry_delay_s", 1)) < 1,
    ),
    _of_map(
        what="crash with several datapoints a line",
        why="a crash spends a try of every datapoint of its line",
        applies=_asks_for_lines("crash"),
    ),
    _of_map(
        what="crash-after with several datapoints a line",
        why="a retry leaves out what is stored of its line, so crash-after makes no duplicate",
        applies=_asks_for_lines("crash-after"),
    ),
    _of_map(
        what="start-up",
        why="the local cloud starts a map in milliseconds; on AWS one report has 7 s for 100 items",
        target=LOCAL,
    ),
    _of_map(
        what="kinds of children",
        why="the local cloud runs Express children as it does Standard ones, without the end after 5 minutes",
        target=LOCAL,
    ),
    _of_map(
        what="environments after a failure",
        why="the local cloud ends the environment of a try that raises; AWS keeps it",
        target=LOCAL,
        applies=_asks_for("raise"),
    ),
    _of_map(
        what="throttles",
        why="the local cloud counts a throttled call as a failed try; on AWS throttles are retried apart",
        target=LOCAL,
        applies=_asks_for("throttle"),
    ),
)
WRITE_TO_QUEUE = [arm for arm, traits in ARMS.items() if traits.queued and not traits.first_lambda]
OTHER_DOORS = [arm for arm, traits in ARMS.items() if traits.stack and traits.door != "api"]
LIMITS = (
    *OF_MAP,
    ArmLimit(
        arm="queue_client",
        what=f"request_batch above {SEND_BATCH_MAX}",
        refuse=True,
        why=f"SQS takes at most {SEND_BATCH_MAX} messages in one request",
        applies=_batch_above(SEND_BATCH_MAX),
    ),
    ArmLimit(
        arm="storage_first",
        what="request_batch above 1",
        why="its API writes one message per request, so it sends one datapoint per request",
        applies=_batch_above(1),
    ),
    *(
        ArmLimit(
            arm=arm,
            what=f"fault {kind}",
            refuse=True,
            why=f"the collector strikes with {kind}, and this arm has no collector",
            applies=_asks_for(kind),
        )
        for arm, traits in ARMS.items()
        if traits.cloud_retries and not traits.first_lambda
        for kind in faults.FAULT_KINDS
        if kind not in traits.faults
    ),
    *(
        ArmLimit(
            arm=arm,
            what="growth of the queue's mapping",
            why="the local cloud serves the queue with all processors at once; AWS opens them gradually",
            target=LOCAL,
        )
        for arm in WRITE_TO_QUEUE
    ),
    *(
        ArmLimit(
            arm=arm,
            what="permission to send",
            why="the local cloud does not check the permissions with which its requests are made",
            target=LOCAL,
        )
        for arm in dict.fromkeys((*WRITE_TO_QUEUE, *OTHER_DOORS))
    ),
)


def limits(arms: Iterable[str], target: str, conditions: Conditions) -> list[ArmLimit]:
    """Return the rows that hold for arms on a target under conditions."""
    chosen = set(arms)
    return [
        limit
        for limit in LIMITS
        if limit.arm in chosen and limit.target in ("", target) and limit.applies(conditions)
    ]


def require_possible(arms: Iterable[str], target: str, conditions: Conditions) -> None:
    """Refuse what an arm cannot do.

    Raises:
        UsageError: Names the arm, the condition and the reason.
    """
    for limit in limits(arms, target, conditions):
        if limit.refuse:
            raise UsageError(f"{limit.arm} refuses {limit.what}: {limit.why}; leave out one of both")


def marks(arms: Iterable[str], target: str, conditions: Conditions) -> list[str]:
    """Return a sentence for each reason to read a result with care, with the arms that it concerns.

    Example:
        >>> marks(["storage_first"], "aws", {"request_batch": 10})
        ['storage_first: its API writes one message per request, so it sends one datapoint per request']
    """
    by_reason: dict[str, list[str]] = {}
    for limit in limits(arms, target, conditions):
        if not limit.refuse:
            by_reason.setdefault(limit.why, []).append(limit.arm)
    return [f"{', '.join(named)}: {why}" for why, named in by_reason.items()]
