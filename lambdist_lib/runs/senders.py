"""Send an arm's datapoints: by the client through the arm's door, or by a client of its own.

A way that is no front door, such as one that starts an orchestrator, is one more entry of SENDERS, and of
DEPTHS and CLEAN_UPS if a queue's depth does not say what is in flight, or if it leaves files.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import queue_depth, stacks
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs import lost_stack, map_runs
from lambdist_lib.submission import client, doors, map_client, original_client
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts


class Sender(Protocol):
    """Send every line of a run through an arm; arguments and return as for `client.submit`."""

    def __call__(
        self,
        target: Target,
        stack: Stack,
        arm: str,
        lines: Iterable[Line],
        options: SendOptions,
        *,
        run_id: str,
        keep: Callable[[list[Receipt]], None],
        **watching: Any,
    ) -> SubmissionCounts: ...


def by_client(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    **watching: Any,
) -> SubmissionCounts:
    door = doors.open_door(ARMS[arm].door, target, stack.outputs)
    return client.submit(lines, door, options, run_id=run_id, keep=keep, **watching)


def _by_original_client(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    **watching: Any,
) -> SubmissionCounts:
    api = stacks.api(target, stack)
    return original_client.submit(lines, api, options, run_id=run_id, keep=keep, **watching)


def _by_map(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    **watching: Any,
) -> SubmissionCounts:
    machine = map_runs.machine_of(target, stack)
    return map_client.submit(lines, machine, options, run_id=run_id, keep=keep, **watching)


SENDERS: dict[str, Sender] = {  # by `Arm.sender`
    "client": by_client,
    "original_client": _by_original_client,
    "map": _by_map,
}
# What a way that is no front door has in flight, and what it leaves behind
DEPTHS: dict[str, Callable[[Target, Stack, str], Callable[[], QueueDepth]]] = {"map": map_runs.depth}
CLEAN_UPS: dict[str, Callable[[Target, Stack, str], str]] = {"map": map_runs.clean_up}


def send(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    **watching: Any,
) -> SubmissionCounts:
    """Send every line of a run; returns when each has its verdict.

    Args:
        watching: Further arguments of `client.submit`.
    """
    sender = SENDERS[ARMS[arm].sender]
    return sender(target, stack, arm, lines, options, run_id=run_id, keep=keep, **watching)


def warm_up(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
) -> SubmissionCounts:
    """Send unmeasured datapoints: through an arm's door whichever client is its own, else one per line."""
    sender = by_client if ARMS[arm].door else send
    return sender(
        target,
        stack,
        arm,
        lines,
        options if ARMS[arm].door else replace(options, request_batch=1),
        run_id=run_id,
        keep=keep,
        should_stop=lambda counts: lost_stack.reason(target),
    )


def depth(target: Target, stack: Stack, arm: str, run_id: str) -> Callable[[], QueueDepth]:
    """Return a function that counts what a run has in flight."""
    if ARMS[arm].sender in DEPTHS:
        return DEPTHS[ARMS[arm].sender](target, stack, run_id)
    return lambda: queue_depth.queue_depth(target, stack)


def clean_up(target: Target, stack: Stack, arm: str, run_id: str) -> str:
    """Delete what an arm's sender left for a run that has nothing in flight; return why it failed, or ""."""
    if ARMS[arm].sender in CLEAN_UPS:
        return CLEAN_UPS[ARMS[arm].sender](target, stack, run_id)
    return ""
