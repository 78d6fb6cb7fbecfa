"""Follow the executions of a run through a Distributed Map until none is under way.

Step Functions counts the children itself, so what is in flight is exact: no poll of a queue's approximate
depth. Dead letters wait in the stack's queue after the last child.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.queue_depth import QueueDepth, queue_depth
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.protocol.causes import CAUSE_MAX_CHARS
from lambdist_lib.protocol.contract import UNPRINTABLE
from lambdist_lib.results import closing
from lambdist_lib.submission.map_client import MapMachine

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"


def machine_of(target: Target, stack: Stack) -> MapMachine:
    """Return a stack's state machine with the clients that it needs."""
    return MapMachine(
        arn=stack.outputs["MapMachineArn"],
        bucket=stack.parameters["MapBucket"],
        s3=target.client("s3"),
        states=target.client("stepfunctions"),
    )


def depth(target: Target, stack: Stack, run_id: str) -> Callable[[], QueueDepth]:
    """Return a function that counts the datapoints in flight, and then the stack's queued messages.

    A child counts as many datapoints as a full line has.
    """
    machine, number, map_run = machine_of(target, stack), 0, ""

    def seen() -> QueueDepth:
        nonlocal number, map_run
        while (execution := machine.describe(run_id, number)) is not None:
            if execution["status"] == RUNNING:
                map_run = map_run or _map_run(machine, execution)
                return _in_flight(machine, execution, map_run)
            number, map_run = number + 1, ""
        return queue_depth(target, stack)

    return seen


def clean_up(target: Target, stack: Stack, run_id: str) -> str:
    """Delete the files that a run's ended executions have read; the bucket expires any other after a day.

    Returns:
        Why the last execution failed, "" if it did not: its datapoints without an outcome are then lost.
    """
    machine, failure = machine_of(target, stack), ""
    for execution in executions(machine, run_id):
        if execution["status"] != RUNNING:
            fields = json.loads(execution["input"])
            version = {"VersionId": fields["version"]} if fields.get("version") else {}
            machine.s3.delete_object(
                Bucket=fields["bucket"], Key=fields["key"], ExpectedBucketOwner=machine.owner, **version
            )
        failure = _failure(execution)
    return failure


def _failure(execution: dict[str, Any]) -> str:
    if execution["status"] in (RUNNING, SUCCEEDED):
        return ""
    reported = [str(execution[name]) for name in ("error", "cause") if execution.get(name)]
    text = UNPRINTABLE.sub(" ", ": ".join(reported) or "no reason given")[:CAUSE_MAX_CHARS]
    return f"{closing.MAP_ENDED} as {execution['status']}: {text}"


def executions(machine: MapMachine, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield a run's executions, oldest first."""
    number = 0
    while (execution := machine.describe(run_id, number)) is not None:
        yield execution
        number += 1


def _map_run(machine: MapMachine, execution: dict[str, Any]) -> str:
    """Return the ARN of an execution's map run, "" before it began."""
    runs = machine.states.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    return str(runs[0]["mapRunArn"]) if runs else ""


def _in_flight(machine: MapMachine, execution: dict[str, Any], map_run: str) -> QueueDepth:
    """Count what a running execution has under way: at least one, as it has not ended."""
    if not map_run:
        return QueueDepth(waiting=1)
    counts = machine.states.describe_map_run(mapRunArn=map_run)["itemCounts"]
    per_line = json.loads(execution["input"])["per_line"]
    waiting, in_work = (counts[name] * per_line for name in ("pending", "running"))
    return QueueDepth(waiting=waiting or (not in_work), in_work=in_work)
