"""AWS's own figures of each invocation beside ours, from CloudWatch Logs: the whole init, what is billed.

Lambda writes them in START and REPORT lines (`measures.report_lines`), which reach CloudWatch
some seconds after the invocation, so they are asked for once at the end of an experiment.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.records import join, lambda_reports

LOOK_BACK_S = 3600.0  # an environment made ahead of need was begun before the run
LATE_S = 60.0  # after that what is missing stays missing
POLL_S = 3.0


def with_reports(
    target: Target,
    stacks: Iterable[Stack],
    invocations: pd.DataFrame,
    *,
    late_s: float = LATE_S,
    poll_s: float = POLL_S,
) -> pd.DataFrame:
    """Invocations with `report_lines.COLUMNS` beside their own.

    Args:
        stacks: Whose logs are read, from LOOK_BACK_S before the first invocation until now.
        late_s: How long to wait until each invocation has its report.

    Returns:
        A row per invocation, as given. On the local cloud nothing is fetched and the columns are
        missing; on AWS they are for those whose report has not come.
    """
    if target.name == "local" or invocations.empty:
        return lambda_reports.with_report(invocations, [])
    stacks, since = list(stacks), float(invocations["at"].min()) - LOOK_BACK_S
    deadline_s = time.monotonic() + late_s
    while True:
        lines = [
            line(event) for stack in stacks for event in join.log_events(target, stack, since, time.time())
        ]
        joined = lambda_reports.with_report(invocations, lines)
        if joined["report_s"].notna().all() or time.monotonic() > deadline_s:
            return joined
        time.sleep(poll_s)


def line(event: dict[str, Any]) -> str:
    """A log event as text: time, stream, message, as `aws logs tail --format detailed` writes it."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    return f"{at} {event['logStreamName']} {event['message']}"
