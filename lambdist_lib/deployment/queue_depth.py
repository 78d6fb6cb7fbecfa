"""Messages waiting in a stack's queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the depth of a queue is typed here for callers that have no stack, and no boto3
    from lambdist_lib.cloud.targets import Target
    from lambdist_lib.deployment.stacks import Stack


class QueueDepth(NamedTuple):
    """Messages of the queue and the dead-letter queue together, in the order of `settling.DEPTHS`."""

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
    """What is queued now; nothing, where a stack has no queue."""
    sqs, found = target.client("sqs"), [QueueDepth()]
    for output in ("QueueUrl", "DeadLetterQueueUrl"):
        if output in stack.outputs:
            url = stack.outputs[output]
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(DEPTHS))
            found.append(QueueDepth._make(int(answer["Attributes"][name]) for name in DEPTHS))
    return QueueDepth._make(map(sum, zip(*found, strict=True)))
