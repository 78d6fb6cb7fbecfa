"""One run: one arm over one file once, from the first request to its folder.

    results/<experiment_id>/runs/<run_id>/
        run.json  journal  receipts.csv  records.csv  invocations.csv  outputs.jsonl

A run that was interrupted, by a signal or by the end of its process, is finished by
`resume`: the table says what is stored or dead, and only the rest is sent again.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import local_cloud
from lambdist_lib.cloud.targets import LOCAL_STAMP, Target
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.deployment import stacks
from lambdist_lib.deployment.stacks import Stack, stack_name
from lambdist_lib.errors import AbsentError, DataFileError, RunError, TargetError
from lambdist_lib.protocol.contract import REJECTED
from lambdist_lib.records import join
from lambdist_lib.results import folders, journal
from lambdist_lib.runs import collect, completion, external_api, throttle_fault
from lambdist_lib.runs.conditions import (
    ARMS,
    AS_FOUND,
    Conditions,
    faults_of,
    initials,
    of_run,
    plan_of,
    write_truth,
)
from lambdist_lib.runs.monitor import Watch, Watching
from lambdist_lib.submission import client
from lambdist_lib.submission.receipts import Receipt

WARM_UP = "-warm-up"  # end of the run ids that measure nothing
WARM_UPS_MOST = 5  # the first opens environments one by one, the second has all senders at once


def run(
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
    replace(plan_of(target, stack, arm, conditions, temperature), deadline_s=deadline_s)
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


def resume(
    target: Target, stack: Stack, points: Datapoints, folder: Path, *, watch: Watch | None = None
) -> dict[str, Any]:
    """Finish an interrupted run; returns its row. A run that was collected is left as it is.

    Raises:
        RunError: The data file or the deployed code is not the one that the run began with.
    """
    facts = folders.read_facts(folder)
    if facts["state"] == "collected" and not (facts["unsent"] or facts["in_flight"]):
        return facts
    if points.sha256 != facts["sha256"]:
        raise RunError(f"{points.name} is not the file that {folder.name} began with; put that one back")
    if stack.code != facts["code"]:
        raise RunError(
            f"{stack.name} has other code by now than {folder.name} began with; deploy that code again, "
            f"or start afresh with `lambdist submit {points.name}`"
        )
    with folders.resumable(folder), Watching(watch, submitted=points.submitted) as watching:
        completion.await_settled(
            target, stack, folder.name, expected=points.submitted, watch=watching.waiting
        )
    done, settled = bytearray(points.next_n), 0
    for item in join.items_in_order(target, stack, folder.name):
        done[item["n"]] = "outcome" in item
        settled += 1
    if (folder / "journal").exists():
        for row in journal.read(folder / "journal"):
            done[row["n"]] |= row["verdict"] == REJECTED
    left = (line for line in points if not done[line.n])
    return _complete(target, stack, points, left, folder, {**facts, "resumed": True}, watch, settled=settled)


def warm_up(
    target: Target, stack: Stack, arm: str, points: Datapoints, conditions: Conditions, name: str
) -> None:
    """Send datapoints that nobody measures until a round of them meets no cold first Lambda."""
    faultless, api = replace(conditions, fault="none"), stacks.api(target, stack)
    plan = replace(plan_of(target, stack, arm, faultless, "cold"), growth=1.0)
    for number in range(WARM_UPS_MOST):
        run_id, receipts = f"{name}-{initials(arm)}-{number}{WARM_UP}", list[Receipt]()
        tally = client.submit(points, api, plan, run_id=run_id, keep=receipts.extend)
        completion.await_settled(target, stack, run_id, expected=tally.accepted)
        if number and not any(receipt.entry_cold for receipt in receipts):
            return
        plan = plan_of(target, stack, arm, faultless, "warm")


def exclusive(target: Target) -> contextlib.AbstractContextManager[None]:
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
    planned = plan_of(target, stack, facts["arm"], of_run(facts), facts["temperature"])
    plan = replace(planned, deadline_s=facts["deadline_s"])
    folders.write_json(folder / "run.json", {**facts, "state": "submitting"})
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
        folders.write_json(folder / "run.json", {**facts, "state": "settling"})
        ended = completion.await_settled(
            target,
            stack,
            folder.name,
            expected=settled + tally.accepted + tally.dead,
            watch=watching.waiting,
        )
        watching.collecting()
        found = collect.collect(target, stack, points, folder, facts["arm"], ended)
        row = {**facts, **found, "state": "collected"}
        folders.write_json(folder / "run.json", row)
    return row


def _watching(
    target: Target, stack: Stack, points: Datapoints, facts: dict[str, Any], watch: Watch | None, before: int
) -> Watching:
    return Watching(
        watch,
        submitted=points.submitted,
        before=before,
        request_batch=facts["request_batch"],
        is_queued="QueueUrl" in stack.outputs,
        where=(target, stack, facts["run_id"]),
    )


def finish(
    run: str, *, data: str = "", connect: Callable[[str], Target], watch: Watch | None = None
) -> list[dict[str, Any]]:
    """Resume every unfinished run of a run's or an experiment's folder; returns the rows of all.

    Args:
        data: The data file, where it is not any more where the run read it.
        connect: Gives the target for a run's stamp.

    Raises:
        TargetError: The stack is gone, and with it what was not collected.
    """
    rows = []
    for folder in folders.find(run):
        facts = folders.read_facts(folder)
        if facts["arm"] == external_api.ARM:
            facts = external_api.resume(folder, data=data, watch=watch)
        elif facts["state"] != "collected" or facts["unsent"] or facts["in_flight"]:
            points = _read_again(folder, facts, data)
            target, stack = where_it_ran(facts, connect)
            facts = resume(target, stack, points, folder, watch=watch)
        rows.append(facts)
    return rows


def where_it_ran(facts: dict[str, Any], connect: Callable[[str], Target]) -> tuple[Target, Stack]:
    """The target and stack that a run's facts name.

    Raises:
        TargetError: One of them is gone.
    """
    kind = ARMS[facts["arm"]].stack
    if facts["target"] == LOCAL_STAMP and local_cloud.find() is None:  # connecting would start an empty one
        raise _gone(facts, "the local cloud is gone")
    target = connect(facts["target"])
    try:
        return target, stacks.describe(target, kind, name=facts["stack"].removesuffix(stack_name(kind, "")))
    except AbsentError:
        raise _gone(facts, f"the stack {facts['stack']} is gone from {target.stamp}") from None


def _gone(facts: dict[str, Any], what: str) -> TargetError:
    return TargetError(
        f"{facts['run_id']} cannot go on: {what}, and with it what was not collected; "
        f"start afresh: `lambdist deploy`, then `lambdist submit {facts['data']}`"
    )


def _read_again(folder: Path, facts: dict[str, Any], data: str) -> Datapoints:
    """A run's data file, of which the run keeps no more than the project's own path or its name."""
    try:
        return of_run(facts).read(data or folders.spooled(folder) or facts["data"])
    except DataFileError as error:
        raise DataFileError(f"{error}; --data says where {facts['data']} is by now") from None


def is_collected(run: str) -> bool:
    return all(folders.read_facts(folder)["state"] == "collected" for folder in folders.find(run))
