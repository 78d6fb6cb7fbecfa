"""Count the messages in a stack's queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # callers without a stack need no boto3
    from lambdist_lib.cloud.targets import Target
    from lambdist_lib.deployment.stacks import Stack


class QueueDepth(NamedTuple):
    """Messages of the queue and the dead-letter queue together, in the order of DEPTHS."""

    waiting: int = 0
    in_work: int = 0
    delayed: int = 0

    @property
    def total(self) -> int:
        return sum(self)


DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def queue_depth(target: Target, stack: Stack) -> QueueDepth:
    """Return the number of queued messages; zeros if the stack has no queue."""
    sqs, depths = target.client("sqs"), [QueueDepth()]
    for output in ("QueueUrl", "DeadLetterQueueUrl"):
        if output in stack.outputs:
            url = stack.outputs[output]
            response = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(DEPTHS))
            depths.append(QueueDepth._make(int(response["Attributes"][name]) for name in DEPTHS))
    return QueueDepth._make(map(sum, zip(*depths, strict=True)))
