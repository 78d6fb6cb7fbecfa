"""Dead-letter handler: record each dead datapoint with its cause, then send one mail.

It never parses a body: a malformed one may be why the message is here. The key travels in
the message's attributes. Only a line of a Distributed Map is parsed: Step Functions wrote it.
The mapping's batching window bounds the mails to one per window: SNS suspends an e-mail
subscription that gets more than 10 messages a second.
"""

import environment

import json
import os
import time
from typing import Any

import boto3

from lambdist_lib.protocol import causes
from lambdist_lib.protocol.contract import APPLICATION, DEAD, NO_TRACE, THROTTLE_ONLY, log_line

import digest
import map_line
from items import Table, cut_payload

TOPIC_ARN = os.environ["TOPIC_ARN"]
STACK_NAME = os.environ["STACK_NAME"]
MAX_RECEIVES = int(os.environ["MAX_RECEIVES"])  # of a message that SQS moved here
MARKED = os.environ["EXPERIMENT_CONTROLS"] == "on"
EXAMPLES = int(os.environ["DIGEST_EXAMPLES"])
# CloudWatch turns it into a metric for the alarm (its Embedded Metric Format Specification)
METRIC = {
    "Namespace": "lambdist",
    "Dimensions": [["Stack"]],
    "Metrics": [{"Name": "DeadDatapoints", "Unit": "Count"}],
}

sns = boto3.client("sns")
table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_s = time.perf_counter()
    invocation = environment.invocation(context)
    failed, letters = [], []
    for message in event["Records"]:
        try:
            letters += [record_death(letter, table) for letter in letters_of(message, table)]
        except Exception as error:  # it stays in the dead-letter queue and is received again
            failed.append(message["messageId"])
            print(log_line("burial_failed", function="dead_letter", error=repr(error)))
    dead = [letter for letter in letters if letter["outcome"] == DEAD]
    if dead:
        text = digest.text(dead, STACK_NAME, examples=EXAMPLES, where=digest.where(os.environ))
        sns.publish(TopicArn=TOPIC_ARN, Subject=digest.subject(dead, STACK_NAME), Message=text)
    print(
        log_line(
            "dead_letters_recorded",
            function="dead_letter",
            **invocation,
            received=len(event["Records"]),
            dead=len(dead),
            failed=len(failed),
            duration_s=round(time.perf_counter() - started_s, 6),
            Stack=STACK_NAME,
            DeadDatapoints=len(dead),
            _aws={"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [METRIC]},
        )
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def letters_of(message: dict[str, Any], table: Table) -> list[dict[str, Any]]:
    """Return a message per dead datapoint: this one, or those of a map's line that are not settled."""
    since = message.get("messageAttributes", {}).get("since", {}).get("stringValue")
    if not since:
        return [message]
    line = json.loads(message["body"])
    letters = map_line.records({"line": line, "retries": MAX_RECEIVES - 1, "entered_at": since})
    histories = {letter["messageId"]: _history(letter, table) for letter in letters}
    return [
        {**letter, "error": line.get("error") or {}}
        for letter in letters
        if not map_line.is_settled(histories[letter["messageId"]], map_line.seconds(since))
    ]


def record_death(message: dict[str, Any], table: Table) -> dict[str, Any]:
    """Record one dead datapoint: its unparsed payload, its cause and its number of receives."""
    attributes = {
        name: value.get("stringValue", "") for name, value in message.get("messageAttributes", {}).items()
    }
    run_id, n = key_of(attributes, message["messageId"])
    queued_at = int(message["attributes"]["SentTimestamp"]) / 1000
    receives = int(attributes.get("receives") or MAX_RECEIVES + int(attributes.get("receives_before") or 0))
    history = table.history(run_id, n)
    if "cause" in attributes:  # a permanent failure, which the processor sent here at once
        cause, cause_class = json.loads(attributes["cause"]), attributes.get("class", APPLICATION)
    else:
        cause, cause_class = causes.explain(
            history["attempts"], history["started"], receives=receives, marked=MARKED, since=queued_at
        )
    error = message.get("error")  # of a map: why its last try failed
    if error and cause_class in (NO_TRACE, THROTTLE_ONLY) and "TooManyRequests" not in str(error):
        cause, cause_class = f"{NO_TRACE}: Step Functions reports {error.get('Error')}", NO_TRACE
    letter = {"payload": cut_payload(message["body"]), "cause": cause, "cause_class": cause_class}
    entries = [*history["attempts"], *history["started"]]
    if "digest" in attributes:
        letter["digest"] = attributes["digest"]
    first_at = min([queued_at, *(entry["at"] for entry in entries)])
    times = {"first_at": first_at, "queued_at": queued_at, "dead_at": time.time(), "receives": receives}
    item = table.record_death(run_id, n, {**letter, **times})
    return {"run_id": run_id, "n": n, "outcome": item["outcome"], **letter}


def _history(letter: dict[str, Any], table: Table) -> dict[str, Any]:
    attributes = letter["messageAttributes"]
    return table.history(attributes["run_id"]["stringValue"], int(attributes["n"]["stringValue"]))


def key_of(attributes: dict[str, str], message_id: str) -> tuple[str, int]:
    """Return the datapoint's key; a message without one gets a key made of its id."""
    try:
        return attributes["run_id"], int(attributes["n"])
    except (KeyError, ValueError):
        return time.strftime("unkeyed-%Y-%m-%d", time.gmtime()), int(message_id.replace("-", "")[:13], 16)
