"""Let the emulator's queues grow deep: what it does to one message costs the same in any queue.

At each receive the emulator goes through all messages of the queue four times, for one deletion it copies
the queue, and both keep every other thread from running: with 76,000 messages that is a core. Here a receive
stops at the last message that it takes. So a message that was received too often goes to the dead-letter
queue when its next receive is due, as on AWS, and not before that.

What the emulator replaces by a copy is changed in place here. So all that reads or changes a queue holds its
lock; what appends to it, as SNS does, needs none.
"""

import asyncio
import functools
import json
import threading
import time
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

from lambdist_lib.errors import LocalCloudError

VERSION = "1.5.33"  # of ministack, whose functions these are
EXPIRE_EVERY_S = 1.0  # the shortest retention is a minute

Queue = dict[str, Any]
Message = dict[str, Any]


def patch(sqs: ModuleType) -> None:
    """Change the emulator's module `services.sqs` before it serves the first request.

    Raises:
        LocalCloudError: The emulator is of another version than VERSION.
    """
    if metadata.version("ministack") != VERSION:
        raise LocalCloudError(
            "the emulator's version is not the one that lambdist installs: install it again"
        )
    queues: Any = sqs
    lock = queues._queues_lock = threading.RLock()  # the emulator's own is not reentrant

    def locked(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def holding(*arguments: Any) -> Any:
            with lock:
                return function(*arguments)

        return holding

    collect_fifo, sweep_fifo = queues._collect_msgs, queues._dlq_sweep
    expire = locked(_now_and_then(queues._expire_retained))
    queues._expire_retained = expire

    def collect(queue: Queue, max_messages: int, visibility_s: int) -> list[Message]:
        if queue["is_fifo"]:
            return list(collect_fifo(queue, max_messages, visibility_s))
        return receive(queue, max_messages, visibility_s, queues)

    def sweep(queue: Queue) -> None:
        if queue["is_fifo"]:
            sweep_fifo(queue)

    def refresh_counts(queue: Queue) -> None:
        expire(queue)
        queue["attributes"].update(counts(queue["messages"]))

    def delete_received(url: str, handles: set[str]) -> None:
        delete(queues._get_q(url)["messages"], handles)

    queues._collect_msgs = locked(collect)
    queues._dlq_sweep = locked(sweep)
    queues._refresh_counts = locked(refresh_counts)
    queues._delete_messages_for_esm = locked(delete_received)
    for action, handler in queues._HANDLERS.items():
        if not asyncio.iscoroutinefunction(handler):  # ReceiveMessage waits, and calls those above
            queues._HANDLERS[action] = locked(handler)


def receive(queue: Queue, max_messages: int, visibility_s: int, sqs: Any) -> list[Message]:
    """Take the first visible messages of a standard queue; move those received too often.

    Args:
        sqs: The emulator's module.
    """
    messages, now = queue["messages"], time.time()
    dead_letters, max_receives = _redrive(queue, sqs)
    taken: list[Message] = []
    moved: list[int] = []
    for index, message in enumerate(messages):
        if len(taken) == max_messages:
            break
        sqs._ensure_msg_fields(message)
        if message["visible_at"] > now:
            continue
        if dead_letters is not None and message["receive_count"] >= max_receives:
            moved.append(index)
            continue
        message["receipt_handle"] = sqs.new_uuid()
        message["visible_at"] = now + visibility_s
        message["receive_count"] += 1
        if message["first_receive_at"] is None:
            message["first_receive_at"] = now
        taken.append(message)
    source = {"DeadLetterQueueSourceArn": queue["attributes"].get("QueueArn", "")}
    for index in moved:
        fields = {"receipt_handle": None, "visible_at": now, "sys": {**source, **messages[index]["sys"]}}
        dead_letters.append({**messages[index], **fields})
    _delete_at(messages, moved)
    if moved:
        sqs.esm_wake.set()
    return taken


def _redrive(queue: Queue, sqs: Any) -> tuple[Any, int]:
    """Return the messages of the dead-letter queue and the receives before it; None and 0 without one."""
    try:
        policy = json.loads(queue["attributes"]["RedrivePolicy"])
        target = sqs._queue_by_arn(policy["deadLetterTargetArn"])
        max_receives = int(policy["maxReceiveCount"])
    except (KeyError, TypeError, ValueError):
        return None, 0
    return (target["messages"], max_receives) if target and max_receives else (None, 0)


def delete(messages: list[Message], handles: set[str]) -> None:
    """Delete received messages; they are near the queue's front."""
    found: list[int] = []
    for index, message in enumerate(messages):
        if len(found) == len(handles):
            break
        if message.get("receipt_handle") in handles:
            found.append(index)
    _delete_at(messages, found)


def _delete_at(messages: list[Message], indices: list[int]) -> None:
    for index in reversed(indices):
        del messages[index]


def counts(messages: list[Message]) -> dict[str, str]:
    """Count the visible messages, those in work and those delayed."""
    now = time.time()
    hidden = [message for message in messages if message["visible_at"] > now]
    in_work = sum(message["receive_count"] > 0 for message in hidden)
    return {
        "ApproximateNumberOfMessages": str(len(messages) - len(hidden)),
        "ApproximateNumberOfMessagesNotVisible": str(in_work),
        "ApproximateNumberOfMessagesDelayed": str(len(hidden) - in_work),
    }


def _now_and_then(expire: Callable[[Queue], None]) -> Callable[[Queue], None]:
    """Call a function for each queue at most every EXPIRE_EVERY_S."""
    done_s: dict[str, float] = {}

    def expire_now_and_then(queue: Queue) -> None:
        now_s = time.monotonic()
        if now_s - done_s.get(queue["url"], -EXPIRE_EVERY_S) >= EXPIRE_EVERY_S:
            done_s[queue["url"]] = now_s
            expire(queue)

    return expire_now_and_then
