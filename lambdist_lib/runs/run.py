"""Run one arm over one file once, from the first request to its folder.

    results/<experiment_id>/runs/<run_id>/
        run.json  journal  receipts.csv  records.csv  invocations.csv  outputs.jsonl

A run that was interrupted, by a signal or by the end of its process, is finished by
`resume`: the table says what is stored or dead, and only the rest is sent again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.cloud import locks
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.deployment import stacks, unended
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, UsageError
from lambdist_lib.protocol.arms import ARMS, arm_abbreviation, faults_of, require_arm
from lambdist_lib.results import closing, files, folders, journal
from lambdist_lib.runs import (
    clocks,
    collect,
    completion,
    crash_waits,
    dead_limit,
    leftovers,
    lost_stack,
    machine,
    senders,
    throttle_fault,
)
from lambdist_lib.runs.argument_checks import OF_STACK
from lambdist_lib.runs.conditions import (
    Conditions,
    parse_conditions,
    resolve_faults,
    send_options,
    write_ground_truth,
)
from lambdist_lib.runs.inputs import Source
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.runs.run_info import RunInfo, recorded_settings
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts


def run_once(
    target: Target,
    stack: Stack,
    points: Datapoints,
    folder: Path,
    info: RunInfo,
    *,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Send, wait, collect; return the run's row (`schema.RUNS`), whatever its datapoints' outcomes.

    Args:
        folder: Made for this run; its name is the run id.
        info: Arm and conditions, completed by `new_run`.

    Raises:
        RunError: The run exists already.
        UsageError: The stack or the target refuses the declared work or faults; no folder is made.
        KeyboardInterrupt: What was measured is in the folder; `resume` finishes the run.
    """
    folders.refuse_existing(folder)
    assert info.conditions
    send_options(target, stack, info.arm, info.conditions, info.temperature)
    paths.make_private(folder)
    write_ground_truth(
        folder, info.arm, points, info.conditions, int(stack.outputs["MaxReceives"]),
        at_once=stack.parameters.get("PermanentAtOnce") != "off",
    )  # fmt: skip
    with (
        locks.run(folder, f"sending {folder.name}"),
        throttle_fault.during(target, stack, faults_of(info.arm, info.conditions.fault)),
    ):
        folders.refuse_existing(folder)  # another process may have begun it since
        return complete(target, stack, points, points, folder, info, watch)


def new_run(
    target: Target, stack: Stack, points: Datapoints, folder: Path, conditions: Conditions, **facts: Any
) -> RunInfo:
    """Describe a run of a stack's arm that is about to begin; `facts` are other fields of `RunInfo`."""
    return RunInfo(
        run_id=folder.name,
        key=folders.new_key(folder.name),
        begun_at=time.time(),
        target=target.label,
        data=points.name,
        data_path=points.path,
        sha256=points.sha256,
        conditions=conditions,
        stack=stack.name,
        settings=recorded_settings({"RetryDelaySeconds": str(conditions.retry_delay_s), **stack.parameters}),
        code=stack.code,
        **facts,
    )


def complete(
    target: Target,
    stack: Stack,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    info: RunInfo,
    watch: Watch | None,
    *,
    settled: int = 0,
) -> dict[str, Any]:
    """Send `lines`, wait for all that was accepted, collect; each state is on disk before it begins."""
    assert info.conditions
    options = send_options(target, stack, info.arm, info.conditions, info.temperature)
    options = replace(options, deadline_s=info.deadline_s)
    facts = info.facts()
    files.write_json(folder / "run.json", {**facts, "state": "submitting"})
    clock, meter = clocks.StepDetector(), machine.Meter(target)
    with (
        folders.resumable(folder),
        lost_stack.explained(target, facts),
        _monitor(target, stack, points, info, watch, settled, meter) as monitor,
    ):
        leftovers.mark_run(stack, info, folder, points.submitted)
        counts = _send(target, stack, lines, options, info, folder, points.submitted, monitor)
        facts["stopped"] = counts.stopped
        files.write_json(folder / "run.json", {**facts, "state": "settling"})
        expected = settled + counts.accepted + counts.dead
        ended = _wait(target, stack, info, expected, monitor)
        if not ended.queued:
            unended.unmark(stack)
            failure = senders.clean_up(target, stack, info.arm, info.key)
            facts["stopped"] = facts["stopped"] or failure
        monitor.collecting()
        collected = collect.collect(target, stack, points, folder, info.arm, ended, jumped_s=clock.jumped_s())
        row = _collected_row(info, {**facts, **collected}, _changed(target, stack), meter)
        files.write_json(folder / "run.json", row)
    return row


def _send(
    target: Target,
    stack: Stack,
    lines: Iterable[Line],
    options: SendOptions,
    info: RunInfo,
    folder: Path,
    submitted: int,
    monitor: Monitor,
) -> SubmissionCounts:
    """Send the lines and keep each receipt, until the dead limit or a lost stack ends the sending."""
    assert info.conditions
    limit = dead_limit.of_run(target, stack, info.key, info.conditions.stop_if_dead, submitted)
    with journal.Journal(folder / "journal", Receipt._fields) as kept, limit:
        return senders.send(
            target,
            stack,
            info.arm,
            lines,
            options,
            run_id=info.key,
            keep=kept.append,
            watch=monitor.sending,
            should_stop=lambda counts: limit.should_stop(counts) or lost_stack.reason(target),
        )


def _wait(
    target: Target, stack: Stack, info: RunInfo, expected: int, monitor: Monitor
) -> completion.Completion:
    """Wait until the expected number of datapoints is stored or dead."""
    return completion.wait_until_complete(
        target,
        stack,
        info.key,
        expected=expected,
        watch=monitor.waiting,
        depth=senders.depth(target, stack, info.arm, info.key),
    )


def _collected_row(
    info: RunInfo, collected: dict[str, Any], changed: list[str], meter: machine.Meter
) -> dict[str, Any]:
    """Complete a run's row by why it stopped, this machine's load and whether its time is a timing."""
    assert info.conditions
    row = {**collected, "state": "collected", "stack_changed": changed}
    row["stopped"] = row["stopped"] or dead_limit.reason(
        info.conditions.stop_if_dead, row["dead"], row["submitted"]
    )
    row |= {} if info.resumed else meter.facts(row["makespan_s"])
    row["resumed"] = info.resumed or bool(changed or row["clock_moved_s"])  # neither is a timing
    if closing.is_finished(row):
        del row["data_path"]
    return row


def _changed(target: Target, stack: Stack) -> list[str]:
    """Name what of the stack is no longer as the run began with: parameters and handlers' code."""
    try:
        name = stack.name.removesuffix(stacks.stack_name(stack.kind, ""))
        now = stacks.describe(target, stack.kind, name=name)
    except AbsentError:
        return ["all of it: it is deleted"]
    before, after = ({**a_stack.parameters, **a_stack.code} for a_stack in (stack, now))
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _monitor(
    target: Target,
    stack: Stack,
    points: Datapoints,
    info: RunInfo,
    watch: Watch | None,
    before: int,
    meter: machine.Meter,
) -> Monitor:
    assert info.conditions
    return Monitor(
        watch,
        submitted=points.submitted,
        before=before,
        request_batch=ARMS[info.arm].per_request(info.conditions.request_batch),
        is_queued="QueueUrl" in stack.outputs,
        where=(target, stack, info.key),
        depth=senders.depth(target, stack, info.arm, info.key),
        meter=meter,
    )


def submit(
    target: Target,
    arm: str = "distributed",
    *,
    data: str | Path | Iterable[str],
    format: str = "",
    columns: Sequence[str] = (),
    seed: int = 0,
    experiment_id: str = "",
    deadline_s: float = 0.0,
    watch: Watch | None = None,
    log: Callable[[str], None] = lambda text: None,
    **conditions: Any,
) -> dict[str, Any]:
    """Send a data file through one arm of the deployed stacks, and collect its results.

    Args:
        target: Where the stacks are deployed (`connect`).
        data: Path of the data file; `-` for standard input. Or strings.
        format, columns: Of a data file (`runs.inputs`); the format is guessed from its name.
        deadline_s: Of the sending, 0 for none; what is not answered then is unsent.
        log: Called with what a run without a process has left in the queue.
        conditions: Fields of `Conditions` that the stack does not set.

    Returns:
        The run's row (`schema.RUNS`) and its `folder`.

    Raises:
        UsageError: The arm is unknown or sends nothing, a condition is out of bounds, or the stack runs a
            function that takes JSON and the file is lines of text.
        TargetError: The stacks are not deployed here.
    """
    require_arm(arm)
    if not ARMS[arm].stack:
        raise UsageError(f"{arm} sends nothing; it is an arm of `lambdist run`")
    parse_conditions(conditions, submit)
    source = Source(data=data, format=format, columns=columns)
    source.require_datapoints()
    name = str(data) if source.is_file else "items"
    experiment_id = folders.checked_id(experiment_id or folders.new_id(name))
    stack = stacks.describe(target, ARMS[arm].stack)
    source = source.for_code(stack.code.values())
    known = parse_conditions({**conditions, **_of_stack(stack)})
    experiment = paths.results() / experiment_id
    with folders.removed_if_refused(experiment):
        points = known.read(source.file(experiment, max_chars=known.max_chars, target=target))
    known = resolve_faults(known, points, seed)
    folder = experiment / "runs" / f"{experiment_id}-{arm_abbreviation(arm)}"
    info = new_run(
        target, stack, points, folder, known,
        arm=arm, experiment_id=experiment_id, deadline_s=deadline_s, encoding=source.encoding,
    )  # fmt: skip
    if note := crash_waits.note([arm], {stack.kind: stack}, known, points):
        log(note)
    with locks.stacks(target, f"lambdist submit {name}"):
        leftovers.clear(target, stack, log)
        return run_once(target, stack, points, folder, info, watch=watch) | {"folder": paths.shown(folder)}


def _of_stack(stack: Stack) -> dict[str, Any]:
    """Conditions that the deployed stack sets, whatever else was asked for."""
    numbers = {name: int(stack.parameters[key]) for name, key in OF_STACK.items() if key in stack.parameters}
    partial = stack.parameters.get("PartialBatchResponses", "on") == "on"
    return {**numbers, "pattern": stack.parameters["DatapointPattern"], "partial_responses": partial}
