"""Read a run's invocations from the functions' logs."""

import itertools
import json
import time
from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.results import schema

LOG_GROUPS = {  # outputs that name a log group, and the event that its function logs once per invocation
    "CollectorLogGroup": "request_served",
    "ProcessorLogGroup": "batch_processed",
    "DeadLetterLogGroup": "dead_letters_recorded",
    "SingleNodeLogGroup": "request_served",
}
ROWS_AT_ONCE = 10_000  # in memory as Python objects: a table of them takes a tenth
PAGE_EVENTS = 10_000  # most events of one answer; the emulator then ends without a token
LATE_S = {"local": 5.0, "aws": 60.0}  # an event may come so long after its invocation
POLL_S = {"local": 0.2, "aws": 3.0}


def invocations(
    target: Target, stack: Stack, run_id: str, since: float, until: float, *, known: Collection[str] = ()
) -> pd.DataFrame:
    """Return one row per invocation of the stack's functions between two times (`schema.INVOCATIONS`).

    Args:
        since, until: Seconds since the epoch, by the Lambdas' clock.
        known: Request ids of invocations that ran. Where one has no event yet, the logs are read again
            until all have, for LATE_S at most.
    """
    began_s, known = time.monotonic(), set(known)
    while True:
        spent_s = time.monotonic() - began_s
        table = _read(target, stack, run_id, since, until + spent_s)
        if known <= set(table["request_id"]) or spent_s > LATE_S[target.name]:
            return table
        time.sleep(POLL_S[target.name])


def _read(target: Target, stack: Stack, run_id: str, since: float, until: float) -> pd.DataFrame:
    rows = _invocations(target, stack, run_id, since, until)
    tables = []
    while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
        tables.append(pd.DataFrame(some, columns=list(schema.INVOCATIONS)))
    if len(tables) == 1:
        return tables[0]
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(schema.INVOCATIONS))
    return whole.infer_objects()  # a column that was missing throughout one of the tables


def _invocations(
    target: Target, stack: Stack, run_id: str, since: float, until: float
) -> Iterator[dict[str, Any]]:
    for output, name in LOG_GROUPS.items():
        if output in stack.outputs:
            for event in group_events(target, stack.outputs[output], since, until, f'"{name}"'):
                if event["message"].startswith('{"event"'):
                    line = json.loads(event["message"])
                    if line["event"] == name:
                        yield _invocation(run_id, event["timestamp"] / 1000, line)


def log_events(target: Target, stack: Stack, since: float, until: float) -> Iterator[dict[str, Any]]:
    """Yield everything that the stack's functions logged between two times, one function after the other."""
    for group in [stack.outputs[output] for output in LOG_GROUPS if output in stack.outputs]:
        yield from group_events(target, group, since, until)


def group_events(
    target: Target, group: str, since: float, until: float, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the events of one log group between two times, each once.

    Where an answer is full and has no token, reading continues from the time of its last event: the
    emulator cuts there. More events than fit into one answer in one millisecond would be lost.

    Args:
        pattern: CloudWatch's filter pattern; "" for all events.
    """
    logs = target.client("logs")
    filtered = {"filterPattern": pattern} if pattern else {}
    start_ms, end_ms = int(since * 1000), int(until * 1000) + 1000
    seen: set[tuple[str, str]] = set()  # streams and messages of the millisecond at which reading goes on
    while True:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start_ms, endTime=end_ms, **filtered
        )
        events: list[dict[str, Any]] = []
        for page in pages:
            events = page["events"]
            yield from (event for event in events if _key(event) not in seen or event["timestamp"] > start_ms)
        if len(events) < PAGE_EVENTS or events[-1]["timestamp"] <= start_ms:
            return
        start_ms = events[-1]["timestamp"]
        seen = {_key(event) for event in events if event["timestamp"] == start_ms}


def _key(event: dict[str, Any]) -> tuple[str, str]:
    return event.get("logStreamName", ""), event["message"]


def _invocation(run_id: str, at: float, line: dict[str, Any]) -> dict[str, Any]:
    counts = {
        "stored": line.get("stored", line.get("accepted", 0)),
        "failed": line.get("failed", line.get("retry", 0)),
    }
    counts["permanent"] = line.get("permanent", line.get("dead", 0))
    counts["received"] = line.get("received", sum(counts.values()) + line.get("rejected", 0))
    same = {
        name: line.get(name)
        for name in ("function", "request_id", "environment_id", "cold", "init_s", "duration_s")
    }
    return {"run_id": run_id, "at": at, **same, **counts, "put_s": sum(line.get("put_s", []))}
