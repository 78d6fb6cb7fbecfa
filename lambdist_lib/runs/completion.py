"""Wait until every accepted datapoint of a run is stored or dead.

While the queue works, only its depth is asked for: counting items would take capacity from
the run that is measured.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.queue_depth import QueueDepth, queue_depth
from lambdist_lib.protocol.contract import DEAD, shard_keys

if TYPE_CHECKING:
    from lambdist_lib.deployment.stacks import Stack

POLL_S = {"local": 0.05, "aws": 1.0}
MAX_POLL_S = {"local": 0.2, "aws": 1.0}  # of a queue that is far from empty
LONG_QUEUE = 20  # messages; fewer may all end at once
EMPTY_POLLS = 3  # SQS counts are approximate: one zero proves nothing
GRACE_S = 60.0
# of an item, with the values that the expression names
SETTLED: tuple[str, dict[str, Any]] = ("attribute_exists(outcome)", {})
IS_DEAD: tuple[str, dict[str, Any]] = ("outcome = :dead", {":dead": {"S": DEAD}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a run ended: datapoints with an outcome, messages still queued, and when this was seen."""

    settled: int
    queued: int
    seen_at: float


def wait_until_complete(
    target: Target,
    stack: "Stack",
    run_id: str,
    *,
    expected: int,
    watch: Callable[[QueueDepth], None] = lambda depth: None,
    depth: Callable[[], QueueDepth] | None = None,
    count: Callable[[], int] | None = None,
) -> Completion:
    """Wait for a run's end.

    Args:
        expected: Datapoints that were accepted. Those that were possibly accepted do not
            count here: the empty queue ends the wait for them.
        watch: Called at each poll with what is queued.
        depth: What is in flight; by default the stack's queued messages.
        count: How many are settled; by default the run's items with an outcome.

    Returns:
        At the latest when the queue has not become shorter than ever before for receives x visibility
        + function timeout + 60 s: a long queue may take longer than the longest way of one message.
    """
    count = count or (lambda: count_settled(target, stack, run_id))
    depth = depth or (lambda: queue_depth(target, stack))
    deadline_s, shortest = time.monotonic() + longest_s(stack), float("inf")
    empty, before = 0, (time.monotonic(), 0)
    while True:
        seen = depth()
        watch(seen)
        queued, now_s = seen.total, time.monotonic()
        pause_s = poll_pause_s(target.name, queued, shrunk=before[1] - queued, within_s=now_s - before[0])
        before = now_s, queued
        if queued < shortest:
            deadline_s, shortest = time.monotonic() + longest_s(stack), queued
        if queued == 0:
            empty += 1
            settled = count()
            if settled >= expected or empty >= EMPTY_POLLS:
                return Completion(settled=settled, queued=0, seen_at=time.time())
        else:
            empty = 0
        if time.monotonic() > deadline_s:
            return Completion(settled=count(), queued=queued, seen_at=time.time())
        time.sleep(pause_s)


def poll_pause_s(target: str, queued: int, *, shrunk: int, within_s: float) -> float:
    """Return the seconds until the next poll: a quarter of what a long queue still takes, within bounds.

    Polls take time from the emulator that the run needs. Near its end a queue is polled as often as ever, so
    that the run's end is seen as soon.

    Args:
        target: `local` or `aws`.
        queued: Messages at this poll.
        shrunk, within_s: By how many messages the queue became shorter since the last poll, and its seconds.
    """
    if queued <= LONG_QUEUE or shrunk <= 0:
        return POLL_S[target]
    return min(max(queued * within_s / shrunk / 4, POLL_S[target]), MAX_POLL_S[target])


def longest_s(stack: "Stack") -> float:
    """Return how long an accepted datapoint may take: every receive up to its visibility timeout."""
    outputs = stack.outputs
    if "QueueUrl" not in outputs:
        return float(outputs["SingleNodeTimeoutSeconds"]) + GRACE_S
    receives, visibility_s = int(outputs["MaxReceives"]), float(outputs["VisibilityTimeoutSeconds"])
    return receives * visibility_s + float(outputs["ProcessorTimeoutSeconds"]) + GRACE_S


def count_settled(target: Target, stack: "Stack", run_id: str) -> int:
    """Count the items of the run with an outcome."""
    dynamodb, table = target.client("dynamodb"), stack.outputs["TableName"]
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(lambda key: _count(dynamodb, table, key, SETTLED), shard_keys(run_id)))


def count_dead(target: Target, stack: "Stack", key: str) -> int:
    """Count the dead items of one shard of a run (`contract.shard_keys`)."""
    return _count(target.client("dynamodb"), stack.outputs["TableName"], key, IS_DEAD)


def _count(dynamodb: Any, table: str, key: str, condition: tuple[str, dict[str, Any]]) -> int:
    expression, values = condition
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        Select="COUNT",
        KeyConditionExpression="run_shard = :key",
        FilterExpression=expression,
        ExpressionAttributeValues={":key": {"S": key}, **values},
        ConsistentRead=True,
    )
    return sum(page["Count"] for page in pages)
