"""Read a run's invocations from the functions' logs."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.results import schema

LOG_GROUPS = ("CollectorLogGroup", "ProcessorLogGroup", "DeadLetterLogGroup", "SingleNodeLogGroup")


LOG_LINES = ("request_served", "batch_processed", "dead_letters_recorded")


def invocations(target: Target, stack: Stack, run_id: str, since: float, until: float) -> pd.DataFrame:
    """One row per invocation of the stack's functions between two times (`columns.INVOCATIONS`)."""
    rows = []
    for event in log_events(target, stack, since, until):
        if event["message"].startswith('{"event"'):
            line = json.loads(event["message"])
            if line["event"] in LOG_LINES:
                rows.append(_invocation(run_id, event["timestamp"] / 1000, line))
    return pd.DataFrame(rows, columns=list(schema.INVOCATIONS))


def log_events(target: Target, stack: Stack, since: float, until: float) -> Iterator[dict[str, Any]]:
    """Everything that the stack's functions logged between two times, one function after the other."""
    logs = target.client("logs")
    for group in [stack.outputs[name] for name in LOG_GROUPS if name in stack.outputs]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1000), endTime=int(until * 1000) + 1000
        )
        for page in pages:
            yield from page["events"]


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
