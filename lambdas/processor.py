"""Processor: run `process()` on each queued datapoint and store the result.

Only messages whose retry may succeed return to SQS, released early with a growing delay.
A permanent failure goes to the dead-letter queue at once, with its cause. Without partial
batch responses a batch is stored whole or not at all, as SQS then deletes or redelivers it
as a whole. A line of a Distributed Map is a batch that Step Functions retries (`map_line`).
"""

import environment

import os
import time
from dataclasses import replace
from typing import Any

import boto3

from lambdist_lib.protocol.causes import CAUSE_MAX_CHARS, cause_of
from lambdist_lib.protocol.contract import (
    POISON,
    STORED,
    Datapoint,
    PermanentError,
    log_line,
    reason_against,
)

import experiment_controls
import map_line
from attempt import Attempt, attempt, record_death, record_failure, run_process, store
from items import Table
from messages import Message, Queues
from processing import process
from watchdog import Watchdog

PARTIAL = os.environ["PARTIAL_BATCH_RESPONSES"] == "on"
PERMANENT_AT_ONCE = os.environ["PERMANENT_AT_ONCE"] == "on"
MAX_CHARS = int(os.environ["MAX_CHARS"])
PATTERN = os.environ["PATTERN"]

queues = Queues(boto3.client("sqs"))
table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


class BatchFailed(Exception):
    """Returns the whole batch to the queue, which works without partial responses."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_s = time.perf_counter()
    invocation = environment.invocation(context)
    if held_s := experiment_controls.held_s(event):
        environment.log(log_line("place_held", function="processor", **invocation, held_s=held_s))
        time.sleep(held_s)
        return {}
    is_line = "line" in event
    messages = [Message(record) for record in (map_line.records(event) if is_line else event["Records"])]
    process_batch = process_line if is_line else process_individually if PARTIAL else process_as_unit
    attempts = process_batch(messages, invocation, Watchdog(context))
    messages = [message for message in messages if message.id in attempts]
    outcomes = [attempts[message.id].outcome for message in messages]
    retried = ("failed", "unstarted")
    failed = [message.id for message, outcome in zip(messages, outcomes, strict=True) if outcome in retried]
    environment.log(
        log_line(
            "batch_processed",
            function="processor",
            **invocation,
            received=len(messages),
            stored=outcomes.count("stored"),
            failed=len(failed),
            permanent=outcomes.count("permanent"),
            handed_on=outcomes.count("requeued"),
            duplicates=sum(attempt.duplicate for attempt in attempts.values()),
            put_s=[attempts[message.id].put_s for message in messages],
            duration_s=round(time.perf_counter() - started_s, 6),
        )
    )
    if is_line:
        map_line.require_settled(outcomes)
    elif failed and not PARTIAL:
        raise BatchFailed(f"{len(failed)} of {len(messages)} messages go back")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def process_individually(
    messages: list[Message], invocation: dict[str, Any], watchdog: Watchdog
) -> dict[str, Attempt]:
    """Process each message on its own; returns the attempts by message id."""
    suspects = crash_suspects(messages)
    requeued = [suspect for suspect in suspects[1:] if queues.requeue_copy(suspect)]
    attempts = {message.id: Attempt(n=message.n, outcome="requeued") for message in requeued}
    for message in [message for message in messages if message not in suspects] + suspects:
        if message.id not in attempts:
            attempts[message.id] = process_message(message, invocation, watchdog)
    return attempts


def process_line(
    messages: list[Message], invocation: dict[str, Any], watchdog: Watchdog
) -> dict[str, Attempt]:
    """Process the datapoints of a map's line that are not settled; returns the attempts by message id."""
    attempts, has_several = {}, len(messages) > 1
    for message in unsettled(messages) if has_several else messages:
        datapoint, stamps = message.read()
        is_marked = experiment_controls.marks(datapoint) or watchdog.left_s() <= 0  # by itself, or unstarted
        if has_several and message.attempt > 1 and not is_marked:
            table.mark_started(message.run_id, message.n, invocation["request_id"], message.attempt)
        result = attempt(datapoint, process_valid, table, invocation, stamps, watchdog)
        if result.outcome == "permanent":
            result = settle_permanent(message, result)
        if result.outcome == "permanent" and has_several:  # a retry of the line has to leave it out
            result = record_death(datapoint, result, table)
        attempts[message.id] = result
    return attempts


def unsettled(messages: list[Message]) -> list[Message]:
    """Return what a retry of a line attempts, first what was started least often.

    One that ends the process would otherwise keep those behind it from each of their attempts.
    """
    if messages[0].attempt == 1:
        return messages
    started = {}
    for message in messages:
        history = table.history(message.run_id, message.n)
        if not map_line.is_settled(history, message.sent_at):
            started[message.id] = sum(entry["at"] >= message.sent_at for entry in history["started"])
    return sorted(
        (message for message in messages if message.id in started), key=lambda message: started[message.id]
    )


def process_valid(data: str) -> object:
    """Process a datapoint that the rule allows: a message may not have passed the collector.

    Raises:
        PermanentError: The rule rejects it.
    """
    if reason := reason_against(data, max_chars=MAX_CHARS, pattern=PATTERN):
        raise PermanentError(f"the datapoint {reason}")
    return process(data)


def crash_suspects(messages: list[Message]) -> list[Message]:
    """Return the messages at their last receive of which an earlier receive left no trace.

    One of them crashed the process each time; the others only stood behind it in the batch.
    So the rest of the batch comes first, then one suspect, which crashes alone if it does.
    """
    if len(messages) == 1:
        return []
    return [
        message for message in messages if message.is_last and message.has_key and not was_traced(message)
    ]


def was_traced(message: Message) -> bool:
    """Whether each earlier receive of a message left a failed attempt on its item."""
    try:
        history = table.history(message.run_id, message.n)
    except Exception as error:
        environment.log(log_line("history_refused", function="processor", error=repr(error)))
        return True
    since = message.sent_at  # attempts before a redrive have the same receive numbers
    failed = {entry["receive"] for entry in history["attempts"] if entry["at"] >= since}
    return history["outcome"] == STORED or failed.issuperset(
        range(message.receives_before + 1, message.attempt)
    )


def process_message(message: Message, invocation: dict[str, Any], watchdog: Watchdog) -> Attempt:
    """Make one attempt at a message's datapoint and carry out what its outcome requires."""
    try:
        datapoint, stamps = message.read()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        result = record_poison_message(message, error, invocation)
    else:
        result = attempt(datapoint, process_valid, table, invocation, stamps, watchdog)
    if result.outcome == "permanent":
        result = settle_permanent(message, result)
    if result.outcome == "unstarted" and message.is_last and queues.requeue_copy(message):
        return replace(result, outcome="requeued")
    if result.outcome in ("failed", "unstarted"):
        queues.release(message, at_once=result.outcome == "unstarted")
    return result


def record_poison_message(message: Message, error: Exception, invocation: dict[str, Any]) -> Attempt:
    """Record the attempt at a malformed body on its item, if the attributes have the key."""
    cause = f"poison: {cause_of(error)}"
    if message.has_key:
        cause = record_failure(table, message.run_id, message.n, cause, POISON, message.attempt, invocation)
    return Attempt(n=message.n, outcome="permanent", cause=cause, cause_class=POISON)


def settle_permanent(message: Message, failure: Attempt) -> Attempt:
    """Dead-letter a permanent failure at once, unless the stack retries it.

    If SQS rejects it, the message reaches the dead-letter queue by its receives.
    """
    if not PERMANENT_AT_ONCE:
        return _as_failed(failure)
    try:
        queues.send_to_dead_letter_queue(message, failure.cause, failure.cause_class)
    except Exception as error:
        return _as_failed(failure, f"{failure.cause} (not sent to the dead-letter queue: {cause_of(error)})")
    return failure


def process_as_unit(
    messages: list[Message], invocation: dict[str, Any], watchdog: Watchdog
) -> dict[str, Attempt]:
    """Process the batch as a unit: one failure fails all; returns the attempts by message id."""
    processed: dict[str, tuple[Datapoint | None, Attempt]] = {}
    for message in messages:
        try:
            datapoint, stamps = message.read()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            processed[message.id] = None, record_poison_message(message, error, invocation)
        else:
            result = run_process(datapoint, process_valid, table, invocation, stamps, watchdog)
            processed[message.id] = datapoint, result
    failures = [result for _, result in processed.values() if result.outcome != "processed"]
    attempts = {}
    for message_id, (point, result) in processed.items():
        if point and result.outcome == "processed":
            if failures:
                result = fail_with(failures[0], point, invocation)
            else:
                result = store(point, result, table, invocation)
        attempts[message_id] = _as_failed(result) if failures else result
    if any(result.outcome == "failed" for result in attempts.values()):
        for message in messages:
            queues.release(message)
    return attempts


def fail_with(culprit: Attempt, datapoint: Datapoint, invocation: dict[str, Any]) -> Attempt:
    """Fail a processed datapoint because its whole batch returns to the queue."""
    cause = f"batch: went back whole because of datapoint {culprit.n}: {culprit.cause}"[:CAUSE_MAX_CHARS]
    cause = record_failure(
        table, datapoint.run_id, datapoint.n, cause, culprit.cause_class, datapoint.attempt, invocation
    )
    return Attempt(n=datapoint.n, outcome="failed", cause=cause, cause_class=culprit.cause_class)


def _as_failed(result: Attempt, cause: str = "") -> Attempt:
    return replace(result, outcome="failed", cause=cause or result.cause)
