"""Dead-letter handler: writes down each dead datapoint with its causes, then tells people once.

Bodies are never parsed: what is here may be here because it cannot be. The key travels in
the message's attributes. One mail per invocation, which the mapping's window makes one per
window: SNS suspends an e-mail subscription that gets more than 10 messages a second.
"""

import environment

import collections
import json
import os
import time
from typing import Any

import boto3

from lambdist_lib.contract import DEAD, log_line

from items import Table, cut_payload

TOPIC_ARN = os.environ["TOPIC_ARN"]
STACK_NAME = os.environ["STACK_NAME"]
MAX_RECEIVES = int(os.environ["MAX_RECEIVES"])  # what a message had when the queue gave it up
DIGEST_CAUSES = 20

sns = boto3.client("sns")
table = Table(boto3.client("dynamodb"), os.environ["TABLE_NAME"], float(os.environ["ITEM_DAYS"]))
environment.initialised()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_s = time.perf_counter()
    invocation = environment.invocation(context)
    failed, deaths = [], []
    for message in event["Records"]:
        try:
            deaths.append(bury(message, table))
        except Exception as error:  # it stays in the dead-letter queue and comes again
            failed.append(message["messageId"])
            print(log_line("burial_failed", function="dead_letter", error=repr(error)))
    deaths = [death for death in deaths if death["outcome"] == DEAD]
    counts = {"received": len(event["Records"]), "dead": len(deaths), "failed": len(failed)}
    if deaths:
        sns.publish(TopicArn=TOPIC_ARN, Subject=subject(deaths), Message=digest(deaths))
    duration_s = round(time.perf_counter() - started_s, 6)
    print(
        log_line(
            "dead_letters_recorded", function="dead_letter", **invocation, **counts, duration_s=duration_s
        )
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def bury(message: dict[str, Any], table: Table) -> dict[str, Any]:
    """Record one dead datapoint: its payload as it came, why, and how often it was received."""
    attributes = {
        name: value.get("stringValue", "") for name, value in message.get("messageAttributes", {}).items()
    }
    run_id, n = key_of(attributes, message["messageId"])
    dead_at = time.time()
    cause = json.loads(attributes["cause"]) if "cause" in attributes else ""
    fields = {
        "payload": cut_payload(message["body"]),
        "dead_at": dead_at,
        "receives": int(attributes.get("receives") or MAX_RECEIVES),
        "queued_at": int(message["attributes"]["SentTimestamp"]) / 1000,
    }
    item = table.bury(run_id, n, {**fields, "cause": cause} if cause else fields)
    causes = [attempt["cause"] for attempt in item["attempts"]]
    cause = cause or (causes[-1] if causes else "no trace")
    return {"run_id": run_id, "n": n, "outcome": item["outcome"], "cause": cause}


def key_of(attributes: dict[str, str], message_id: str) -> tuple[str, int]:
    """The datapoint's key; a message that never had one is kept under a key of its own."""
    try:
        return attributes["run_id"], int(attributes["n"])
    except (KeyError, ValueError):
        return time.strftime("unkeyed-%Y-%m-%d", time.gmtime()), int(message_id.replace("-", "")[:13], 16)


def subject(deaths: list[dict[str, Any]]) -> str:
    return f"lambdist {STACK_NAME}: {len(deaths)} dead"[:100]  # SNS takes at most 100 characters


def digest(deaths: list[dict[str, Any]]) -> str:
    """The mail: how many, of which runs, why, and what to do. No payload: it may be anybody's data."""
    runs = collections.Counter(death["run_id"] for death in deaths)
    causes = collections.Counter(death["cause"] for death in deaths)
    lines = [f"{len(deaths)} datapoints could not be processed by the stack {STACK_NAME}.", "", "Causes:"]
    lines += [f"  {count:>6,}  {cause}" for cause, count in causes.most_common(DIGEST_CAUSES)]
    if len(causes) > DIGEST_CAUSES:
        lines.append(f"          and {len(causes) - DIGEST_CAUSES} more causes")
    lines += ["", "Runs:"]
    lines += [f"  {count:>6,}  {run_id}" for run_id, count in runs.most_common()]
    lines += [
        "",
        "Their results and causes in input order:",
        *[f"  lambdist fetch {run_id}" for run_id in runs],
    ]
    return "\n".join(lines)
