"""One line of a Distributed Map: the datapoints that one child execution tries together.

    line   {run_id, work, fault, execution_at, datapoints: [{n, data or ascii}]}
    event  {"line": line, "retries": of this child so far, "entered_at": when it began}

Each datapoint becomes the record of a queue's message, sent when the execution started and first received
when its child began, so that all else treats it as one. Step Functions retries a line that raises.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from lambdist_lib.protocol.contract import DEAD, STORED, Datapoint, message_attributes, message_body


class LineFailed(Exception):
    """Makes Step Functions try a line again, which counts as one of its tries."""


class OutOfTime(Exception):
    """Makes Step Functions try the rest of a line again, for which it has a count of its own."""


def records(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of the messages that the line's datapoints would be, as Lambda receives them."""
    line = event["line"]
    times = {"SentTimestamp": line["execution_at"], "ApproximateFirstReceiveTimestamp": event["entered_at"]}
    sent = {name: str(round(seconds(stamp) * 1000)) for name, stamp in times.items()}
    receives = {"ApproximateReceiveCount": str(event["retries"] + 1)}
    controls = {name: line[name] for name in ("run_id", "work", "fault")}
    lines = []
    for point in line["datapoints"]:
        data = json.loads(point["ascii"]) if "ascii" in point else point["data"]  # what SQS refuses otherwise
        datapoint = Datapoint(n=point["n"], data=data, **controls)
        attributes = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message_attributes(datapoint).items()
        }
        record = {"messageId": str(datapoint.n), "body": message_body(datapoint, collector={})}
        lines.append({**record, "attributes": {**sent, **receives}, "messageAttributes": attributes})
    return lines


def is_settled(history: dict[str, Any], since: float) -> bool:
    """Whether a datapoint is stored, or has died since then; an earlier death was redriven."""
    died_at = history["dead_at"] or 0.0
    return bool(history["outcome"] == STORED or (history["outcome"] == DEAD and died_at >= since))


def require_settled(outcomes: Iterable[str]) -> None:
    """Raise for a line with attempts whose datapoints are to be tried again.

    Raises:
        LineFailed: At least one failed.
        OutOfTime: None failed, but for some no time was left.
    """
    outcomes = list(outcomes)
    if failed := outcomes.count("failed"):
        raise LineFailed(f"{failed} of {len(outcomes)} datapoints failed")
    if unstarted := outcomes.count("unstarted"):
        raise OutOfTime(f"no time was left for {unstarted} of {len(outcomes)} datapoints")


def seconds(stamp: str) -> float:
    """Convert a time of Step Functions, as 2026-11-28T12:00:00.123Z, to seconds since the epoch."""
    return datetime.fromisoformat(stamp).timestamp()
