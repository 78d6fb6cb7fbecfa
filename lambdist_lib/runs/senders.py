"""Send an arm's datapoints: by the client through the arm's door, or by a client of its own.

A way that is no front door, such as one that starts an orchestrator, is one more entry of SENDERS.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.submission import client, doors, original_client
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


SENDERS: dict[str, Sender] = {"client": by_client, "original_client": _by_original_client}  # by `Arm.sender`


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
