"""Send an arm's datapoints: by the client through the arm's door, or by a client of its own.

A way that is no front door, such as one that starts an orchestrator, is one more entry of SENDERS.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from lambdist_lib.cloud.api import describe_api
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import queue_depth
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs import lost_stack, map_runs
from lambdist_lib.submission import client, doors, map_client, original_client
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """How datapoints are sent, what a run has in flight, and what it leaves behind.

    connect: Returns what `submit` sends through, given target, stack and arm.
    submit: Sends every line; arguments and return as for `client.submit`.
    depth: Returns a function that counts what a run has in flight, given target, stack and run id.
    clean_up: Deletes what a run has left that has nothing in flight; returns why it failed, or "".
    """

    connect: Callable[[Target, Stack, str], Any]
    submit: Callable[..., SubmissionCounts]
    depth: Callable[[Target, Stack, str], Callable[[], QueueDepth]] = lambda target, stack, run_id: (
        functools.partial(queue_depth.queue_depth, target, stack)
    )
    clean_up: Callable[[Target, Stack, str], str] = lambda target, stack, run_id: ""


SENDERS = {  # by `Arm.sender`
    "client": Sender(
        connect=lambda target, stack, arm: doors.open_door(ARMS[arm].door, target, stack.outputs),
        submit=client.submit,
    ),
    "original_client": Sender(
        connect=lambda target, stack, arm: describe_api(target, stack.outputs), submit=original_client.submit
    ),
    "map": Sender(
        connect=lambda target, stack, arm: map_runs.machine_of(target, stack),
        submit=map_client.submit,
        depth=map_runs.depth,
        clean_up=map_runs.clean_up,
    ),
}


def of_arm(arm: str) -> Sender:
    """Return the sender of an arm."""
    return SENDERS[ARMS[arm].sender]


def send(
    target: Target,
    stack: Stack,
    arm: str,
    lines: Iterable[Line],
    options: SendOptions,
    **keywords: Any,
) -> SubmissionCounts:
    """Send every line of a run; returns when each has its verdict.

    Args:
        keywords: Further arguments of `client.submit`: `run_id`, `keep` and what watches the sending.
    """
    sender = of_arm(arm)
    return sender.submit(lines, sender.connect(target, stack, arm), options, **keywords)


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
    sender = SENDERS["client"]
    if not ARMS[arm].door:
        sender, options = of_arm(arm), replace(options, request_batch=1)
    return sender.submit(
        lines,
        sender.connect(target, stack, arm),
        options,
        run_id=run_id,
        keep=keep,
        should_stop=lambda counts: lost_stack.reason(target),
    )


def depth(target: Target, stack: Stack, arm: str, run_id: str) -> Callable[[], QueueDepth]:
    """Return a function that counts what a run has in flight."""
    return of_arm(arm).depth(target, stack, run_id)


def clean_up(target: Target, stack: Stack, arm: str, run_id: str) -> str:
    """Delete what an arm's sender left for a run that has nothing in flight; return why it failed, or ""."""
    return of_arm(arm).clean_up(target, stack, run_id)
