"""The protocol of client and Lambdas: datapoints, requests, messages, items, log lines.

The Lambdas and the client import this file. Standard library only: it ships in every zip.
Times named `*_at` are seconds since the Unix epoch (UTC) as a float; durations end in `_s`.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

DATAPOINT_MAX_CHARS = 1_024  # default of the stacks' parameter DatapointMaxChars
DATAPOINT_CEILING_CHARS = 65_536  # its upper bound: 64 Ki characters fill a request
REQUEST_MAX_DATAPOINTS = 100
REQUEST_MAX_BYTES = 256 * 1024
# Step Functions quotas: a state's input or output holds 262,144 bytes. The dead letter of a map's line is the
# line as a text inside a text, whose quotes and backslashes are escaped once more; a map's output is that of
# all its children, `{}` each.
LINE_MAX_BYTES = 100 * 1024
MAP_MAX_LINES = 80_000
RESULT_MAX_BYTES = 300_000  # a DynamoDB item holds 400 KB, including the datapoint and its history
RESULT_MAX_DEPTH = 200  # of lists and dicts in each other: readers of JSON stop at 256 (jq) to 1,000 (Python)
SHARDS = 16  # of one run's items: a DynamoDB partition takes 1,000 writes/s
ADHOC = "adhoc-"  # prefix of the run ids of datapoints without one: adhoc-<UTC date>
ADHOC_MAX_BYTES = 65_536  # of such a datapoint: its item also holds a result and 20 failed attempts
WARM_UP = "-warm-up"  # suffix of the run ids of warm-ups
N_BITS = 53
N_MAX = 2**N_BITS - 1  # exact as a JSON number and in DynamoDB
RUN_ID = re.compile(r"[a-z0-9-]{1,40}")
EXPERIMENT_ID_MAX_CHARS = 28  # a run's id adds up to twelve

STORED, DEAD = "stored", "dead"  # item outcomes; an item without one had failed attempts only
REJECTED, UNSENT, IN_FLIGHT, LOST = "rejected", "unsent", "in_flight", "lost"  # further outcomes of a record
OUTCOMES = (STORED, DEAD, REJECTED, UNSENT, IN_FLIGHT, LOST)

# Classes of a failed attempt's cause; the last three only of a death, from the history on its item
# (`lambdas/items.py`). A receive that started without a failure is a crash, one that never started a
# throttle. With experiment controls off starts are not recorded, and both have no trace.
APPLICATION, TIMEOUT, POISON = "application", "timeout", "poison"
CRASH, THROTTLE_ONLY, NO_TRACE = "crash", "throttle-only", "no trace"
CAUSE_CLASSES = (APPLICATION, TIMEOUT, POISON, CRASH, THROTTLE_ONLY, NO_TRACE)

# Control characters except TAB, line and paragraph separators, and lone surrogates. Format
# characters are printable: U+200D joins the emoji of a family.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PermanentError(Exception):
    """Raise in `process()` if a retry cannot help: the datapoint is then dead at once."""


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
    """Return why `data` is not a valid datapoint, or None if it is.

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
    if match := UNPRINTABLE.search(data):
        return f"has the unprintable character U+{ord(match[0]):04X} at {match.start()}"
    if pattern and not re.fullmatch(pattern, data):
        return f"does not match the pattern {pattern}"
    return None


def is_count(value: object, minimum: int = 0) -> bool:
    """Return whether a JSON value is an integer from `minimum` to N_MAX; True and 1.0 are not."""
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= N_MAX


def result_json(result: object) -> str:
    """Encode a result of `process()` as JSON.

    Raises:
        PermanentError: JSON cannot represent it, would merge its keys, or it has more than
            RESULT_MAX_BYTES or RESULT_MAX_DEPTH.
    """
    try:
        _require_plain(result)
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        size_bytes = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise PermanentError(f"process() returned what JSON cannot hold: {error}") from error
    if size_bytes > RESULT_MAX_BYTES:
        raise PermanentError(
            f"process() returned {size_bytes:,} bytes, at most {RESULT_MAX_BYTES:,} are stored"
        )
    return text


def _require_plain(result: object) -> None:
    """Raise PermanentError for a result that readers of its JSON could not read, or would read as another."""
    level, depth, values = [result], 0, 1
    while containers := [value for value in level if isinstance(value, dict | list | tuple)]:
        depth += 1
        values += sum(map(len, containers))
        if depth > RESULT_MAX_DEPTH:
            raise PermanentError(
                f"process() returned lists or dicts more than {RESULT_MAX_DEPTH} deep in each other"
            )
        if values > RESULT_MAX_BYTES:  # each has a byte or more; not counted one by one without end
            raise PermanentError(
                f"process() returned {values:,} values or more, at most {RESULT_MAX_BYTES:,} bytes are stored"
            )
        level = []
        for container in containers:
            if isinstance(container, dict):
                _require_distinct(container)
                level += container.values()
            else:
                level += container


def _require_distinct(keys: dict[Any, Any]) -> None:
    """Raise PermanentError for keys that are one key in JSON, such as 1 and "1"."""
    if all(type(key) is str for key in keys):
        return
    names = set[str]()
    for key in keys:
        name = json.dumps({key: 0}, allow_nan=False)[1:-4]
        if name in names:
            raise PermanentError(f"process() returned a dict with two keys that JSON writes as {name}")
        names.add(name)


def data_digest(data: str) -> str:
    """Digest of a datapoint, which its item keeps: an answer belongs to its input."""
    return hashlib.sha256(data.encode(errors="surrogatepass")).hexdigest()[:16]


def shard_key(run_id: str, n: int) -> str:
    """Return the partition key of a datapoint's item; its sort key is `n`."""
    return f"{run_id}#{n % SHARDS}"


def shard_keys(run_id: str) -> list[str]:
    """Return the partition keys of a run's items."""
    return [f"{run_id}#{shard}" for shard in range(SHARDS)]


def without_repeats(history: list[Any]) -> list[Any]:
    """Return an item's history; an entry that follows itself came by a call that boto3 sent twice."""
    return [entry for k, entry in enumerate(history) if not k or entry != history[k - 1]]


def message_body(datapoint: Datapoint, *, collector: dict[str, Any]) -> str:
    """Encode a datapoint for the queue, in ASCII: SQS rejects some characters of datapoints."""
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
    """Encode the key and the digest as attributes, which survive a malformed body."""
    return {
        "digest": {"DataType": "String", "StringValue": data_digest(datapoint.data)},
        "run_id": {"DataType": "String", "StringValue": datapoint.run_id},
        "n": {"DataType": "Number", "StringValue": str(datapoint.n)},
    }


def log_line(event: str, **fields: object) -> str:
    """Encode one log line as JSON, event first."""
    return json.dumps({"event": event, **fields}, separators=(",", ":"), default=str)
