"""Single node, the control: process and store a request's datapoints in one Lambda, without a queue."""

import environment

import os
import time
from dataclasses import replace
from typing import Any

import boto3

from lambdist_lib.protocol.contract import Datapoint, log_line

import api_request
from attempt import Attempt, attempt, record_death
from items import Table
from processing import process
from watchdog import Watchdog

PERMANENT_AT_ONCE = os.environ["PERMANENT_AT_ONCE"] == "on"

table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    received_at = time.time()
    invocation = environment.invocation(context)
    try:
        request = api_request.read(event, received_at)
    except api_request.InvalidRequestError as error:
        environment.log(log_line("request_refused", function="single_node", **invocation, reason=str(error)))
        return api_request.error_response(error)
    watchdog = Watchdog(context)
    attempts = [process_datapoint(datapoint, table, invocation, watchdog) for datapoint in request.datapoints]
    names = ("stored", "failed", "unstarted", "permanent")
    outcomes = {name: [attempt.n for attempt in attempts if attempt.outcome == name] for name in names}
    outcomes["failed"] += outcomes.pop("unstarted")
    environment.log(
        log_line(
            "request_served",
            function="single_node",
            **invocation,
            **{name: len(ns) for name, ns in outcomes.items()},
            rejected=len(request.rejected),
            duplicates=sum(attempt.duplicate for attempt in attempts),
            put_s=[attempt.put_s for attempt in attempts],
            duration_s=round(time.time() - received_at, 6),
        )
    )
    if request.plain:
        return api_request.plain_response(request, done=bool(outcomes["stored"]))
    body = {
        "stored": outcomes["stored"],
        "rejected": request.rejected,
        "retry": outcomes["failed"],
        "dead": outcomes["permanent"],
        "received_at": received_at,
        "done_at": time.time(),
        "invocation": invocation,
    }
    return api_request.response(503 if outcomes["failed"] and not outcomes["stored"] else 200, body)


def process_datapoint(
    datapoint: Datapoint, table: Table, invocation: dict[str, Any], watchdog: Watchdog
) -> Attempt:
    """Make one attempt and record a permanent failure; without a queue the client retries the others."""
    result = attempt(datapoint, process, table, invocation, {}, watchdog)
    if result.outcome == "permanent" and not PERMANENT_AT_ONCE:
        return replace(result, outcome="failed")
    return record_death(datapoint, result, table) if result.outcome == "permanent" else result
