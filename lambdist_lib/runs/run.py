"""One run: one arm over one file once, from the first request to its folder.

    results/<experiment_id>/runs/<run_id>/
        run.json  journal  receipts.csv  records.csv  invocations.csv  outputs.jsonl

A run that was interrupted, by a signal or by the end of its process, is finished by
`resume`: the table says what is stored or dead, and only the rest is sent again.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.deployment import stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.contract import WARM_UP
from lambdist_lib.results import files, folders, journal
from lambdist_lib.runs import collect, completion, throttle_fault
from lambdist_lib.runs.arms import ARMS, arm_abbreviation, faults_of, require_arm
from lambdist_lib.runs.conditions import (
    AS_FOUND,
    Conditions,
    of_run,
    parse_conditions,
    resolve_faults,
    send_options,
    write_truth,
)
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.submission import client
from lambdist_lib.submission.receipts import Receipt

WARM_UPS_MOST = 5  # the first opens environments one by one, the second has all senders at once


def run_once(
    target: Target,
    stack: Stack,
    arm: str,
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    temperature: str = AS_FOUND,
    pair: int = 0,
    experiment_id: str = "",
    looks: str = "",
    deadline_s: float = 0.0,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Send, wait, collect; returns the run's row (`columns.RUNS`), whatever became of the datapoints.

    Args:
        folder: Made for this run; its name is the run id.
        deadline_s: Of the sending, 0 for none; what is not answered then is unsent.

    Raises:
        RunError: There is such a run already.
        KeyboardInterrupt: What was measured is in the folder; `resume` finishes the run.
    """
    if (folder / "run.json").exists():
        raise RunError(f"there is a run {folder.name} already; `lambdist resume {folder.name}` finishes it")
    # a plan that is none leaves no folder
    replace(send_options(target, stack, arm, conditions, temperature), deadline_s=deadline_s)
    folder.mkdir(parents=True, exist_ok=True)
    write_truth(
        folder, arm, points, conditions, int(stack.outputs["MaxReceives"]),
        at_once=stack.parameters.get("PermanentAtOnce") != "off",
    )  # fmt: skip
    facts = {
        "experiment_id": experiment_id,
        "run_id": folder.name,
        "pair": pair,
        "arm": arm,
        "temperature": temperature,
        "looks": looks,
        "target": target.stamp,
        **asdict(conditions),
        "deadline_s": deadline_s,
        "data": points.name,
        "sha256": points.sha256,
        "stack": stack.name,
        "code": stack.code,
        "resumed": False,
    }
    with throttle_fault.during(target, stack, faults_of(arm, conditions.fault)):
        return _complete(target, stack, points, points, folder, facts, watch)


def warm_up(
    target: Target, stack: Stack, arm: str, points: Datapoints, conditions: Conditions, name: str
) -> None:
    """Send datapoints that nobody measures until a round of them meets no cold first Lambda."""
    faultless, api = replace(conditions, fault="none"), stacks.api(target, stack)
    plan = replace(send_options(target, stack, arm, faultless, "cold"), growth=1.0)
    for number in range(WARM_UPS_MOST):
        run_id, receipts = f"{name}-{arm_abbreviation(arm)}-{number}{WARM_UP}", list[Receipt]()
        tally = client.submit(points, api, plan, run_id=run_id, keep=receipts.extend)
        completion.wait_until_complete(target, stack, run_id, expected=tally.accepted)
        if number and not any(receipt.entry_cold for receipt in receipts):
            return
        plan = send_options(target, stack, arm, faultless, "warm")


def exclusive_use(target: Target) -> contextlib.AbstractContextManager[None]:
    """Nobody else measures on this local cloud meanwhile; AWS has room for all."""
    return local_cloud.timed_run() if target.name == "local" else contextlib.nullcontext()


def _complete(
    target: Target,
    stack: Stack,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    facts: dict[str, Any],
    watch: Watch | None,
    *,
    settled: int = 0,
) -> dict[str, Any]:
    """Send `lines`, wait for all that was accepted, collect; each state is on disk before it begins."""
    planned = send_options(target, stack, facts["arm"], of_run(facts), facts["temperature"])
    plan = replace(planned, deadline_s=facts["deadline_s"])
    files.write_json(folder / "run.json", {**facts, "state": "submitting"})
    with folders.resumable(folder), _watching(target, stack, points, facts, watch, settled) as watching:
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            tally = ARMS[facts["arm"]].submit(
                lines,
                stacks.api(target, stack),
                plan,
                run_id=folder.name,
                keep=kept.append,
                watch=watching.sending,
            )
        facts = {**facts, "stopped": tally.stopped}
        files.write_json(folder / "run.json", {**facts, "state": "settling"})
        ended = completion.wait_until_complete(
            target,
            stack,
            folder.name,
            expected=settled + tally.accepted + tally.dead,
            watch=watching.waiting,
        )
        watching.collecting()
        found = collect.collect(target, stack, points, folder, facts["arm"], ended)
        row = {**facts, **found, "state": "collected"}
        files.write_json(folder / "run.json", row)
    return row


def _watching(
    target: Target, stack: Stack, points: Datapoints, facts: dict[str, Any], watch: Watch | None, before: int
) -> Monitor:
    return Monitor(
        watch,
        submitted=points.submitted,
        before=before,
        request_batch=facts["request_batch"],
        is_queued="QueueUrl" in stack.outputs,
        where=(target, stack, facts["run_id"]),
    )


def submit(
    target: Target,
    arm: str,
    *,
    data: str,
    seed: int = 0,
    experiment_id: str = "",
    deadline_s: float = 0.0,
    watch: Watch | None = None,
    **conditions: Any,
) -> dict[str, Any]:
    """One run of one arm against the stacks as they are deployed; returns its row with its folder.

    Raises:
        UsageError: There is no such arm.
        TargetError: The stacks are not deployed here.
    """
    require_arm(arm)
    if not ARMS[arm].stack:
        raise UsageError(f"{arm} sends nothing; it is an arm of `lambdist run`")
    stack = stacks.describe(target, ARMS[arm].stack)
    held = parse_conditions({**conditions, **_of_stack(stack)})
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    points = held.read(folders.data_file(data, paths.RESULTS / experiment_id))
    held = resolve_faults(held, points, seed)
    folder = paths.RESULTS / experiment_id / "runs" / f"{experiment_id}-{arm_abbreviation(arm)}"
    with exclusive_use(target):
        row = run_once(
            target,
            stack,
            arm,
            points,
            held,
            folder,
            experiment_id=experiment_id,
            deadline_s=deadline_s,
            watch=watch,
        )
    return {**row, "folder": paths.shown(folder)}


def _of_stack(stack: Stack) -> dict[str, Any]:
    """Conditions that the deployed stack sets, whatever else may be wished for."""
    found = {
        "max_chars": "DatapointMaxChars",
        "memory_mb": "MemoryMb",
        "queue_batch": "QueueBatch",
        "retry_delay_s": "RetryDelaySeconds",
    }
    numbers = {name: int(stack.parameters[key]) for name, key in found.items() if key in stack.parameters}
    partial = stack.parameters.get("PartialBatchResponses", "on") == "on"
    return {**numbers, "pattern": stack.parameters["DatapointPattern"], "partial_responses": partial}
