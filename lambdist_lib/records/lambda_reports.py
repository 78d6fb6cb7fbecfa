"""Parse the log lines that AWS writes about each invocation: INIT_START, START, REPORT.

    2023-07-01T10:00:00.123000+00:00 2023/07/01/[$LATEST]4f2a INIT_START Runtime Version: python:3.12.v1 ...
    START RequestId: 8f50... Version: $LATEST
    REPORT RequestId: 8f50...\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\t
        Max Memory Used: 66 MB\tInit Duration: 100.12 ms

The time and the log stream before a line are optional (`aws logs tail --format detailed`
writes them, and so does `line`). A function with SnapStart restores an environment instead of
initialising it, and reports Restore Duration instead of Init Duration. The local cloud writes START and
REPORT without either, so inits are unknown there.
"""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.records import invocations as records_invocations
from lambdist_lib.results import tables

PREFIX = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))\s+(?:(?P<stream>\S*\[\S+\]\S+)\s+)?"
)
LINE = re.compile(
    r"(?P<kind>INIT_START|RESTORE_START|START|REPORT)\b"
    r"(?: RequestId: (?P<request_id>[0-9a-fA-F-]+))?(?P<rest>[\s\S]*)"
)
FIELD = re.compile(r"(?P<name>[A-Z][A-Za-z ]+): (?P<value>[^\t\n]+)")
IN_SECONDS = {
    "report_s": "Duration",
    "billed_s": "Billed Duration",
    "report_init_s": "Init Duration",
    "restore_s": "Restore Duration",
}
IN_MB = {"memory_size_mb": "Memory Size", "memory_used_mb": "Max Memory Used"}
COLUMNS = {
    "report_s": "REPORT: Duration",
    "billed_s": "REPORT: Billed Duration, whole milliseconds",
    "report_init_s": "REPORT: Init Duration, the runtime's own start included; only of a first invocation",
    "restore_s": "REPORT: Restore Duration, of a first invocation with SnapStart",
    "memory_size_mb": "REPORT: Memory Size",
    "memory_used_mb": "REPORT: Max Memory Used, of the environment so far",
    "status": "REPORT: Status, `timeout` or `error`; missing where it went well",
    "init_to_invoke_s": "from the end of its environment's init or restore to START; the lines need times",
}


def parse(lines: Iterable[str]) -> pd.DataFrame:
    """Return one row per REPORT line: `request_id` and COLUMNS.

    Args:
        lines: In the order of their log stream; streams may be mixed if the lines name them. The last
            report of a request counts (a timeout repeats the line).
    """
    rows: dict[str, dict[str, object]] = {}
    opened: dict[str, pd.Timestamp] = {}  # begin of an environment before its first START
    waits: dict[str, float] = {}  # seconds from there to START, by request
    for line in lines:
        prefix = PREFIX.match(line)
        match = LINE.match(line, prefix.end() if prefix else 0)
        if not match:
            continue
        at = pd.Timestamp(prefix["at"]) if prefix else None
        stream, request_id = (prefix["stream"] or "") if prefix else "", match["request_id"]
        if match["kind"] in ("INIT_START", "RESTORE_START") and at is not None:
            opened[stream] = at
        elif match["kind"] == "START" and request_id and stream in opened and at is not None:
            waits[request_id] = (at - opened.pop(stream)).total_seconds()
        elif match["kind"] == "REPORT" and request_id:
            rows[request_id] = {"request_id": request_id, **_report(match["rest"])}
    table = pd.DataFrame(rows.values(), columns=["request_id", *COLUMNS])
    waited_s = pd.to_numeric(table["request_id"].map(waits), errors="coerce")
    made_s = table["restore_s"].fillna(table["report_init_s"])
    return table.assign(init_to_invoke_s=(waited_s - made_s).clip(lower=0))


def with_report(invocations: pd.DataFrame, lines: Iterable[str]) -> pd.DataFrame:
    """Add COLUMNS to invocations; values are missing without a REPORT line of the request.

    Asynchronous retries keep their request id, so they share one report.
    """
    return invocations.merge(parse(lines), on="request_id", how="left")


def _report(rest: str) -> dict[str, object]:
    fields = {field["name"].strip(): field["value"].strip() for field in FIELD.finditer(rest)}
    row: dict[str, object] = {
        column: _number(fields.get(name, ""), "ms") / 1000 for column, name in IN_SECONDS.items()
    }
    row |= {column: _number(fields.get(name, ""), "MB") for column, name in IN_MB.items()}
    return {**row, "status": fields.get("Status")}


def _number(text: str, unit: str) -> float:
    match = re.fullmatch(rf"(\d+(?:\.\d+)?) {unit}", text)
    return float(match[1]) if match else float("nan")


LOOK_BACK_S = 3600.0  # an environment may be initialised ahead of the run
LATE_S = 60.0  # reports that come later are not waited for
POLL_S = 3.0


def with_reports(
    target: Target,
    stacks: Iterable[Stack],
    invocations: pd.DataFrame,
    *,
    late_s: float = LATE_S,
    poll_s: float = POLL_S,
) -> pd.DataFrame:
    """Fetch the REPORT lines of invocations and add COLUMNS.

    Args:
        stacks: Those whose logs are read, from LOOK_BACK_S before the first invocation until now.
        late_s: Seconds to wait until each invocation has its report.

    Returns:
        A row per invocation, in the same order. Values are missing on the local cloud, and on AWS for
        invocations without a report in time.
    """
    if target.name == "local" or invocations.empty:
        return with_report(invocations, [])
    stacks, since = list(stacks), float(invocations["at"].min()) - LOOK_BACK_S
    deadline_s = time.monotonic() + late_s
    while True:
        lines = [
            line(event)
            for stack in stacks
            for event in records_invocations.log_events(target, stack, since, time.time())
        ]
        joined = with_report(invocations, lines)
        if joined["report_s"].notna().all() or time.monotonic() > deadline_s:
            return joined
        time.sleep(poll_s)


def write_reports(
    folder: Path, target: Target, stacks: Iterable[Stack], invocations: pd.DataFrame
) -> pd.DataFrame:
    """Write `reported.csv` to an experiment's folder if AWS has reports; return `with_reports`."""
    table = with_reports(target, stacks, invocations)
    if table["report_s"].notna().any():
        tables.write_table(folder, "reported", table)
    return table


def line(event: dict[str, Any]) -> str:
    """Format a log event as `aws logs tail --format detailed` does: time, stream, message."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return f"{at} {event['logStreamName']} {event['message']}"
