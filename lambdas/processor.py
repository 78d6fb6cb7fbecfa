"""Processor: runs `process()` on each queued datapoint and stores the result.

Hands SQS back only those messages that failed and may succeed later, released early with
a growing delay; what is hopeless goes to the dead-letter queue at once, with its cause.
With partial batch responses off a batch is stored whole or not at all, as SQS itself can
then only forget it whole or bring it back whole.
"""

import environment

import os
import time
from dataclasses import replace
from typing import Any

import boto3

from lambdist_lib.protocol.contract import POISON, STORED, Datapoint, log_line

import experiment_controls
from attempt import Attempt, attempt, recorded, store, work
from items import CAUSE_MAX_CHARS, Table, cause_of
from messages import Message, Queues
from processing import process
from watchdog import Watchdog

PARTIAL = os.environ["PARTIAL_BATCH_RESPONSES"] == "on"
PERMANENT_AT_ONCE = os.environ["PERMANENT_AT_ONCE"] == "on"

queues = Queues(boto3.client("sqs"))
table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


class BatchFailed(Exception):
    """The whole batch goes back to the queue: without partial responses there is no other way."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_s = time.perf_counter()
    invocation = environment.invocation(context)
    if held_s := experiment_controls.held_s(event):
        print(log_line("place_held", function="processor", **invocation, held_s=held_s))
        time.sleep(held_s)
        return {}
    messages = [Message(record) for record in event["Records"]]
    settle_all = one_by_one if PARTIAL else all_or_none
    done = settle_all(messages, invocation, Watchdog(context))
    failed = [one.id for one in messages if done[one.id].ended in ("failed", "unstarted")]
    ended = [one.ended for one in done.values()]
    print(
        log_line(
            "batch_processed",
            function="processor",
            **invocation,
            received=len(messages),
            stored=ended.count("stored"),
            failed=len(failed),
            hopeless=ended.count("hopeless"),
            handed_on=ended.count("handed on"),
            duplicates=sum(one.duplicate for one in done.values()),
            put_s=[done[one.id].put_s for one in messages],
            duration_s=round(time.perf_counter() - started_s, 6),
        )
    )
    if failed and not PARTIAL:
        raise BatchFailed(f"{len(failed)} of {len(messages)} messages go back")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def one_by_one(messages: list[Message], invocation: dict[str, Any], watchdog: Watchdog) -> dict[str, Attempt]:
    """Each message for itself: one that fails takes none of its batch with it."""
    suspects = suspicious(messages)
    handed_on = [one for one in suspects[1:] if queues.hand_on(one)]
    done = {one.id: Attempt(n=one.n, ended="handed on") for one in handed_on}
    order = [one for one in messages if one not in suspects] + suspects
    for message in order:
        if message.id not in done:
            done[message.id] = settle(message, invocation, watchdog)
    return done


def suspicious(messages: list[Message]) -> list[Message]:
    """Messages at their last receive of which an earlier one left no trace.

    One of them has killed the process each time, and the others only stood behind it. So
    they come after the rest of the batch, and only the first of them: it dies alone, if it does.
    """
    if len(messages) == 1:
        return []
    return [one for one in messages if one.is_last and one.has_key and not was_traced(one)]


def was_traced(message: Message) -> bool:
    try:
        before = table.history(message.run_id, message.n)
    except Exception as error:
        print(log_line("history_refused", function="processor", error=repr(error)))
        return True
    since = message.sent_at  # what failed before a redrive has receives of the same numbers
    failed = {one["receive"] for one in before["attempts"] if one["at"] >= since}
    return before["outcome"] == STORED or failed.issuperset(
        range(message.receives_before + 1, message.attempt)
    )


def settle(message: Message, invocation: dict[str, Any], watchdog: Watchdog) -> Attempt:
    """One attempt at a message's datapoint, and what follows from its end."""
    try:
        datapoint, stamps = message.read()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        done = poisoned(message, error, invocation)
    else:
        done = attempt(datapoint, process, table, invocation, stamps, watchdog)
    if done.ended == "hopeless":
        done = bury(message, done) if PERMANENT_AT_ONCE else replace(done, ended="failed")
    if done.ended == "unstarted" and message.is_last and queues.hand_on(message):
        return replace(done, ended="handed on")
    if done.ended in ("failed", "unstarted"):
        queues.release(message, at_once=done.ended == "unstarted")
    return done


def poisoned(message: Message, error: Exception, invocation: dict[str, Any]) -> Attempt:
    """The attempt at a body that cannot be parsed; kept on the item, if the attributes have its key."""
    cause = f"poison: {cause_of(error)}"
    if message.has_key:
        cause = recorded(table, message.run_id, message.n, cause, POISON, message.attempt, invocation)
    return Attempt(n=message.n, ended="hopeless", cause=cause, cause_class=POISON)


def bury(message: Message, done: Attempt) -> Attempt:
    try:
        queues.bury(message, done.cause, done.cause_class)
    except Exception as error:  # as a failed one it stays in the queue, and gets there by its receives
        return replace(done, ended="failed", cause=f"{done.cause} (not buried: {cause_of(error)})")
    return done


def all_or_none(
    messages: list[Message], invocation: dict[str, Any], watchdog: Watchdog
) -> dict[str, Attempt]:
    """The batch as one: what failed fails all of it."""
    worked: dict[str, tuple[Datapoint | None, Attempt]] = {}
    for message in messages:
        try:
            datapoint, stamps = message.read()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            worked[message.id] = None, poisoned(message, error, invocation)
        else:
            worked[message.id] = datapoint, work(datapoint, process, table, invocation, stamps, watchdog)
    culprits = [done for _, done in worked.values() if done.ended != "worked"]
    done = {}
    for message in messages:
        point, one = worked[message.id]
        if one.ended == "worked" and point:
            one = (
                fail_with(culprits[0], point, invocation)
                if culprits
                else store(point, one, table, invocation)
            )
        done[message.id] = replace(one, ended="failed") if culprits else one
    if any(one.ended == "failed" for one in done.values()):
        for message in messages:
            queues.release(message)
    return done


def fail_with(culprit: Attempt, datapoint: Datapoint, invocation: dict[str, Any]) -> Attempt:
    """A datapoint that worked, but whose batch goes back whole."""
    cause = f"batch: went back whole because of datapoint {culprit.n}: {culprit.cause}"[:CAUSE_MAX_CHARS]
    cause = recorded(
        table, datapoint.run_id, datapoint.n, cause, culprit.cause_class, datapoint.attempt, invocation
    )
    return Attempt(n=datapoint.n, ended="failed", cause=cause, cause_class=culprit.cause_class)
