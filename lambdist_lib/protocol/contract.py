"""What both sides of the wire agree on: datapoints, requests, messages, items, log lines.

The Lambdas and the client import this same file. Standard library only: it ships in
every zip. Times named `*_at` are seconds since the Unix epoch (UTC) as a float;
durations end in `_s`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

DATAPOINT_MAX_CHARS = 1_024  # default of the stacks' parameter DatapointMaxChars
DATAPOINT_CEILING_CHARS = 65_536  # its upper bound: 64 Ki characters fill a request
REQUEST_MAX_DATAPOINTS = 100
REQUEST_MAX_BYTES = 256 * 1024
RESULT_MAX_BYTES = 300_000  # a DynamoDB item holds 400 KB, and the datapoint and its history are in it too
N_MAX = 2**53 - 1  # exact as a JSON number everywhere, and DynamoDB takes it
SHARDS = 16  # of one run's items: a DynamoDB partition takes 1,000 writes/s
ADHOC = "adhoc-"  # begin of the run ids of datapoints that came without one: adhoc-<UTC date>
RUN_ID = re.compile(r"[a-z0-9-]{1,40}")

STORED, DEAD = "stored", "dead"  # item outcomes; an item without one had failed attempts only
REJECTED, UNSENT, IN_FLIGHT, LOST = "rejected", "unsent", "in_flight", "lost"  # further outcomes of a record
OUTCOMES = (STORED, DEAD, REJECTED, UNSENT, IN_FLIGHT, LOST)

# Why an attempt failed, and with the last three why a datapoint is dead: what its receives left on its item
# tells them apart (`lambdas/items.py`). A receive that began and never failed is a crash; one that never
# began, a throttle; where nothing marks what begins (experiment controls off), both are no trace.
APPLICATION, TIMEOUT, POISON = "application", "timeout", "poison"
CRASH, THROTTLE_ONLY, NO_TRACE = "crash", "throttle-only", "no trace"
CAUSE_CLASSES = (APPLICATION, TIMEOUT, POISON, CRASH, THROTTLE_ONLY, NO_TRACE)

# Control characters but TAB, line and paragraph separators, and lone surrogates. Format
# characters stay in: an emoji of a family is joined by U+200D.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PermanentError(Exception):
    """Raised by `process()`: trying this datapoint again cannot help, so it dies at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoint:
    """One line of the data file on its way through the Lambdas.

    attempt counts from 1; received_at is the first Lambda's clock.
    """

    run_id: str
    n: int
    data: str
    attempt: int = 1
    work: str = "none"
    fault: str = "none"
    received_at: float = 0.0


def reason_against(data: object, *, max_chars: int = DATAPOINT_MAX_CHARS, pattern: str = "") -> str | None:
    """Why `data` is no datapoint, or None if it is one.

    A datapoint is one line of printable text or TAB, 1 to `max_chars` characters, that
    matches `pattern` (a regular expression, "" for any) as a whole.

        >>> reason_against("word"), reason_against("two\\nlines")
        (None, 'has the unprintable character U+000A at 3')
    """
    if not isinstance(data, str):
        return f"is {type(data).__name__}, not a string"
    if not data:
        return "is empty"
    if len(data) > max_chars:
        return f"has {len(data):,} characters, at most {max_chars:,} are taken"
    if found := UNPRINTABLE.search(data):
        return f"has the unprintable character U+{ord(found[0]):04X} at {found.start()}"
    if pattern and not re.fullmatch(pattern, data):
        return f"does not match the pattern {pattern}"
    return None


def is_count(value: object, least: int = 0) -> bool:
    """Whether a value out of JSON can number something: True and 1.0 cannot."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= N_MAX


def result_json(result: object) -> str:
    """A result as it is stored.

    Raises:
        PermanentError: JSON cannot hold it, or it takes more than RESULT_MAX_BYTES.
    """
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        size_bytes = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"process() returned what JSON cannot hold: {error}") from error
    if size_bytes > RESULT_MAX_BYTES:
        raise PermanentError(
            f"process() returned {size_bytes:,} bytes, at most {RESULT_MAX_BYTES:,} are stored"
        )
    return text


def shard_key(run_id: str, n: int) -> str:
    """Partition key of a datapoint's item; its sort key is `n`."""
    return f"{run_id}#{n % SHARDS}"


def shard_keys(run_id: str) -> list[str]:
    return [f"{run_id}#{shard}" for shard in range(SHARDS)]


def message_body(datapoint: Datapoint, *, collector: dict[str, Any]) -> str:
    """What the collector queues. ASCII, because SQS refuses some characters that a datapoint may have."""
    return json.dumps(
        {
            "run_id": datapoint.run_id,
            "n": datapoint.n,
            "data": datapoint.data,
            "work": datapoint.work,
            "fault": datapoint.fault,
            "received_at": datapoint.received_at,
            "collector": collector,
        }
    )


def message_attributes(datapoint: Datapoint) -> dict[str, Any]:
    """The key again, beside the body: a body that cannot be parsed keeps it."""
    return {
        "run_id": {"DataType": "String", "StringValue": datapoint.run_id},
        "n": {"DataType": "Number", "StringValue": str(datapoint.n)},
    }


def log_line(event: str, **fields: object) -> str:
    """One line of JSON, event first."""
    return json.dumps({"event": event, **fields}, separators=(",", ":"), default=str)


WARM_UP = "-warm-up"  # end of the run ids that measure nothing
