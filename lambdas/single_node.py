"""Single node, the control: processes and stores what it is sent, in one Lambda, without a queue."""

import environment

import os
import time
from dataclasses import replace
from typing import Any

import boto3

from lambdist_lib.protocol.contract import Datapoint, log_line

import api_request
from attempt import Attempt, attempt
from items import Table, cause_of, cut_payload
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
    except api_request.Refused as error:
        print(log_line("request_refused", function="single_node", **invocation, reason=str(error)))
        return api_request.refusal(error)
    watchdog = Watchdog(context)
    attempts = [settle(datapoint, table, invocation, watchdog) for datapoint in request.datapoints]
    names = ("stored", "failed", "unstarted", "hopeless")
    ended = {name: [one.n for one in attempts if one.ended == name] for name in names}
    ended["failed"] += ended.pop("unstarted")
    print(
        log_line(
            "request_served",
            function="single_node",
            **invocation,
            **{name: len(ns) for name, ns in ended.items()},
            rejected=len(request.rejected),
            duplicates=sum(one.duplicate for one in attempts),
            put_s=[one.put_s for one in attempts],
            duration_s=round(time.time() - received_at, 6),
        )
    )
    if request.plain:
        return api_request.plain_answer(request, done=bool(ended["stored"]))
    body = {
        "stored": ended["stored"],
        "rejected": request.rejected,
        "retry": ended["failed"],
        "dead": ended["hopeless"],
        "received_at": received_at,
        "done_at": time.time(),
        "invocation": invocation,
    }
    return api_request.answer(503 if ended["failed"] and not ended["stored"] else 200, body)


def settle(datapoint: Datapoint, table: Table, invocation: dict[str, Any], watchdog: Watchdog) -> Attempt:
    """One attempt; without a queue the client is who tries again, and what is hopeless dies here."""
    done = attempt(datapoint, process, table, invocation, {}, watchdog)
    if done.ended == "hopeless" and not PERMANENT_AT_ONCE:
        return replace(done, ended="failed")
    if done.ended == "hopeless":
        fields = {
            "payload": cut_payload(datapoint.data),
            "cause": done.cause,
            "cause_class": done.cause_class,
            "dead_at": time.time(),
            "receives": datapoint.attempt,
        }
        try:
            table.bury(datapoint.run_id, datapoint.n, fields)
        except Exception as error:  # not written down, so not dead yet: the client sends it again
            return replace(done, ended="failed", cause=f"{done.cause} (not buried: {cause_of(error)})")
    return done
