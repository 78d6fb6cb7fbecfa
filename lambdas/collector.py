"""Collector: queue the valid datapoints of an API request.

A datapoint counts as accepted only after SQS has confirmed it.
"""

import environment

import os
import time
from collections.abc import Iterator
from typing import Any

import boto3

from lambdist_lib.protocol.contract import Datapoint, log_line, message_attributes, message_body

import api_request
import experiment_controls

QUEUE_URL = os.environ["QUEUE_URL"]
SEND_MAX_MESSAGES = 10  # SendMessageBatch's limit; ten stay under its 1 MiB, as a request holds 256 KiB

sqs = boto3.client("sqs")
environment.initialised()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    received_at = time.time()
    invocation = environment.invocation(context)
    try:
        request = api_request.read(event, received_at)
    except api_request.InvalidRequestError as error:
        print(log_line("request_refused", function="collector", **invocation, reason=str(error)))
        return api_request.error_response(error)
    accepted, retry = enqueue(request.datapoints, sqs, invocation)
    duplicates = [point for point in request.datapoints if experiment_controls.strikes("duplicate", point)]
    if duplicates:
        enqueue([point for point in duplicates if point.n in accepted], sqs, invocation)
    counts = {"accepted": len(accepted), "rejected": len(request.rejected), "retry": len(retry)}
    duration_s = round(time.time() - received_at, 6)
    print(log_line("request_served", function="collector", **invocation, **counts, duration_s=duration_s))
    if request.plain:
        return api_request.plain_response(request, done=bool(accepted))
    body = {
        "accepted": accepted,
        "rejected": request.rejected,
        "retry": retry,
        "received_at": received_at,
        "done_at": time.time(),
        "invocation": invocation,
    }
    return api_request.response(503 if retry and not accepted else 200, body)


def enqueue(datapoints: list[Datapoint], sqs: Any, invocation: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Queue datapoints; returns the `n` of those that SQS confirmed, and of those to send again."""
    accepted: list[int] = []
    for batch in _batches(datapoints):
        entries = [
            {
                "Id": str(index),
                "MessageBody": body_of(datapoint, invocation),
                "MessageAttributes": message_attributes(datapoint),
            }
            for index, datapoint in enumerate(batch)
        ]
        try:
            response = sqs.send_message_batch(QueueUrl=QUEUE_URL, Entries=entries)
        except Exception as error:  # the client sends the rest again; confirmed ones stay accepted
            print(log_line("queue_refused", function="collector", error=repr(error)))
            break
        for failure in response.get("Failed", []):
            print(log_line("queue_refused", function="collector", error=failure.get("Message")))
        accepted += [batch[int(success["Id"])].n for success in response.get("Successful", [])]
    queued = set(accepted)
    return accepted, [datapoint.n for datapoint in datapoints if datapoint.n not in queued]


def body_of(datapoint: Datapoint, invocation: dict[str, Any]) -> str:
    """Build the message body; truncated where the fault plan makes it poison."""
    body = message_body(datapoint, collector=invocation)
    return body[:-1] if experiment_controls.strikes("poison", datapoint) else body


def _batches(datapoints: list[Datapoint]) -> Iterator[list[Datapoint]]:
    for start in range(0, len(datapoints), SEND_MAX_MESSAGES):
        yield datapoints[start : start + SEND_MAX_MESSAGES]
