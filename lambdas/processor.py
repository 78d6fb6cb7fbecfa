"""Processor: runs `process()` on each queued datapoint and stores the result.

Hands SQS back only those messages that failed and may succeed later, released early with
a growing delay; what is hopeless goes to the dead-letter queue at once, with its cause.
"""

import environment

import json
import os
import random
import time
from typing import Any

import boto3

from lambdist_lib.contract import Datapoint, is_count, log_line

from attempt import Attempt, attempt
from items import Table, cause_of
from processing import process

QUEUE_URL = os.environ["QUEUE_URL"]
DEAD_LETTER_QUEUE_URL = os.environ["DEAD_LETTER_QUEUE_URL"]
RETRY_DELAY_S = float(os.environ["RETRY_DELAY_S"])
RETRY_DELAY_MAX_S = 900
MAX_RECEIVES = int(os.environ["MAX_RECEIVES"])

sqs = boto3.client("sqs")
table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_s = time.perf_counter()
    invocation = environment.invocation(context)
    failed, attempts = [], []
    for message in event["Records"]:
        done = settle(message, table, sqs, invocation)
        attempts.append(done)
        if done.ended == "failed":
            failed.append(message["messageId"])
    print(
        log_line(
            "batch_processed",
            function="processor",
            **invocation,
            received=len(attempts),
            stored=sum(one.ended == "stored" for one in attempts),
            failed=len(failed),
            hopeless=sum(one.ended == "hopeless" for one in attempts),
            duplicates=sum(one.duplicate for one in attempts),
            put_s=[one.put_s for one in attempts],
            duration_s=round(time.perf_counter() - started_s, 6),
        )
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def settle(message: dict[str, Any], table: Table, sqs: Any, invocation: dict[str, Any]) -> Attempt:
    """One attempt at a message's datapoint, and what follows from its end."""
    sent, receives = message["attributes"], int(message["attributes"]["ApproximateReceiveCount"])
    try:
        datapoint, collector = read(message["body"], receives)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        done = Attempt(n=-1, ended="hopeless", cause=f"poison: {cause_of(error)}")
    else:
        stamps = {
            "queued_at": int(sent["SentTimestamp"]) / 1000,
            "first_received_at": int(sent["ApproximateFirstReceiveTimestamp"]) / 1000,
            "receives": receives,
            "collector_request_id": collector["request_id"],
        }
        done = attempt(datapoint, process, table, invocation, stamps)
    if done.ended == "hopeless":
        done = bury(message, done, sqs)
    if done.ended == "failed":
        release(message, receives, sqs)
    return done


def read(body: str, receives: int) -> tuple[Datapoint, dict[str, Any]]:
    """A message's datapoint and the collector's invocation.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: It is not what a collector writes.
    """
    fields = json.loads(body)
    names = ("run_id", "n", "data", "work", "fault", "received_at")
    datapoint = Datapoint(attempt=receives, **{name: fields[name] for name in names})
    texts = (datapoint.run_id, datapoint.data, datapoint.work, datapoint.fault)
    if not is_count(datapoint.n) or not all(isinstance(text, str) for text in texts):
        raise ValueError("its fields are not of a collector's types")
    return datapoint, {"request_id": fields["collector"]["request_id"]}


def bury(message: dict[str, Any], done: Attempt, sqs: Any) -> Attempt:
    """Send a hopeless message to the dead-letter queue with its cause; SQS then forgets the original."""
    attributes = {
        name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
        for name, value in message.get("messageAttributes", {}).items()
        if "stringValue" in value
    }
    # JSON keeps the cause in ASCII: an attribute must not hold every character that a message may
    attributes["cause"] = {"DataType": "String", "StringValue": json.dumps(done.cause)}
    receives = message["attributes"]["ApproximateReceiveCount"]
    attributes["receives"] = {"DataType": "Number", "StringValue": receives}
    try:
        sqs.send_message(
            QueueUrl=DEAD_LETTER_QUEUE_URL, MessageBody=message["body"], MessageAttributes=attributes
        )
    except Exception as error:  # as a failed one it stays in the queue, and gets there by its receives
        return Attempt(n=done.n, ended="failed", cause=f"{done.cause} (not buried: {cause_of(error)})")
    return done


def release(message: dict[str, Any], receives: int, sqs: Any) -> None:
    """Make a failed message visible after a delay that doubles, not after the whole visibility timeout."""
    delay_s = min(RETRY_DELAY_S * 2 ** (receives - 1), RETRY_DELAY_MAX_S) * random.uniform(0.5, 1)
    if receives >= MAX_RECEIVES:
        delay_s = 0  # nobody tries again: the queue's next look at it moves it to the dead letters
    try:
        sqs.change_message_visibility(
            QueueUrl=QUEUE_URL, ReceiptHandle=message["receiptHandle"], VisibilityTimeout=round(delay_s)
        )
    except Exception as error:  # then it comes back after the visibility timeout: later, not lost
        print(log_line("release_refused", function="processor", error=repr(error)))
