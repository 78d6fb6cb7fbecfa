"""Finish a run that was interrupted."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import local_cloud, locks
from lambdist_lib.cloud.targets import LOCAL_LABEL, Target
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import stacks
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.deployment.stacks import Stack, stack_name
from lambdist_lib.errors import AbsentError, DataFileError, RunError
from lambdist_lib.formatting import counted, duration
from lambdist_lib.progress import Log
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import REJECTED
from lambdist_lib.records import items
from lambdist_lib.results import closing, folders, journal
from lambdist_lib.runs import collect, completion, external_api, lost_stack, senders
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.runs.run import complete
from lambdist_lib.runs.run_info import RunInfo
from lambdist_lib.submission.receipts import UNKNOWN, Receipt

IN_TABLE = "found in the table by a resume"  # cause in a receipt that the sending did not write
COUNTS = ("tries", "status", "request", "senders")  # fields of Receipt that are never empty


def resume(
    target: Target,
    stack: Stack,
    points: Datapoints,
    folder: Path,
    *,
    watch: Watch | None = None,
    log: Log = lambda line: None,
) -> dict[str, Any]:
    """Finish an interrupted run and return its row; leave a collected one alone.

    Args:
        log: Called at once with what the run waits for, and for how long at most.

    Raises:
        RunError: The data file or the deployed code is not the one that the run began with.
    """
    with locks.run(folder, f"resuming {folder.name}"):
        facts = folders.read_facts(folder)
        if closing.is_finished(facts):
            return facts
        _require_same_input(stack, points, folder, facts)
        _wait_for_accepted(target, stack, points, folder, facts, watch, log)
        done, settled = _journal_settled(target, stack, points, folder, facts)
        left = (line for line in points if not done[line.n])
        info = replace(RunInfo.from_facts(facts), resumed=True)
        if info.conditions and closing.is_over_dead_limit(facts):  # a person asks for the rest nevertheless
            info = replace(info, conditions=replace(info.conditions, stop_if_dead=""))
        return complete(target, stack, points, left, folder, info, watch, settled=settled)


def _require_same_input(stack: Stack, points: Datapoints, folder: Path, facts: dict[str, Any]) -> None:
    """Raise RunError unless the data and the deployed code are those that the run began with."""
    if points.sha256 != facts["sha256"]:
        raise RunError(
            f"{points.name} has changed since {folder.name} began: restore it, or name the original by --data"
        )
    if stack.code != facts["code"]:
        raise RunError(
            f"{stack.name} has other code by now than {folder.name} began with; deploy that code again, "
            f"or start afresh with `lambdist submit {shlex.quote(points.path or points.name)}`"
        )


def _wait_for_accepted(
    target: Target,
    stack: Stack,
    points: Datapoints,
    folder: Path,
    facts: dict[str, Any],
    watch: Watch | None,
    log: Log,
) -> None:
    """Wait until what the interrupted process had sent is stored or dead.

    A message whose processor crashed comes back only after its visibility timeout, at each receive. It
    cannot be sent again before: the processor may still store its result.
    """
    key = folders.key_of(facts)
    depth = senders.depth(target, stack, facts["arm"], key)
    with (
        folders.resumable(folder),
        lost_stack.explained(target, facts),
        Monitor(watch, submitted=points.submitted) as monitor,
    ):
        if note := waits_for(depth(), facts["run_id"], completion.longest_s(stack)):
            log(note)
        completion.wait_until_complete(
            target,
            stack,
            key,
            expected=points.submitted,
            watch=monitor.waiting,
            depth=depth,
        )


def waits_for(queued: QueueDepth, run_id: str, longest_s: float) -> str:
    """Return what a resumed run waits for and how long, or "" for an empty queue.

    Args:
        longest_s: The longest that one message takes (`completion.longest_s`).
    """
    if not queued.total:
        return ""
    back = f", {queued.in_work:,} of them with a processor or due again later" if queued.in_work else ""
    return (
        f"{run_id}: waits for {counted(queued.total, 'messages')} that it sent before{back}; each takes at "
        f"most {duration(longest_s, rough=True)}"
    )


def _journal_settled(
    target: Target, stack: Stack, points: Datapoints, folder: Path, facts: dict[str, Any]
) -> tuple[bytearray, int]:
    """Complete the journal from the table; return what is not sent again, and the settled.

    Items that answer another datapoint are emptied.
    """
    receipts = _Receipts(folder, points.next_n)
    done, settled = receipts.rejected, 0
    stored_items = items.items_in_order(target, stack, folders.key_of(facts))
    with journal.Journal(folder / "journal", Receipt._fields) as kept:
        for line, item in collect.with_items(points, stored_items):
            if collect.is_foreign(item, line.data, facts.get("begun_at", 0.0)):
                _clear(target, stack, item)
            elif "outcome" in item:
                settled += 1
                done[line.n] = True
                kept.append(receipts.missing(line.n))
    return done, settled


def _clear(target: Target, stack: Stack, item: dict[str, Any]) -> None:
    """Empty an item that answers another datapoint: with its outcome it would refuse this one's answer."""
    names = {f"#f{number}": name for number, name in enumerate(sorted({*item} - {"run_shard", "n"}))}
    target.client("dynamodb").update_item(
        TableName=stack.outputs["TableName"],
        Key={"run_shard": {"S": item["run_shard"]}, "n": {"N": str(item["n"])}},
        UpdateExpression=f"REMOVE {', '.join(names)}",
        ExpressionAttributeNames=names,
    )


class _Receipts:
    """What a run's journal says of each datapoint, and receipts for those that it lacks.

    A process that was killed between a request and its response leaves accepted datapoints without one.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.rejected, self._settled = bytearray(size), bytearray(size)
        self._open: dict[int, dict[str, Any]] = {}  # the last row of datapoints that may have been accepted
        if not (folder / "journal").exists():
            return
        for row in journal.read(folder / "journal"):
            n, verdict = row["n"], row["verdict"]
            self.rejected[n] |= verdict == REJECTED
            self._settled[n] |= verdict in ("accepted", "dead")
            if self._settled[n]:
                self._open.pop(n, None)
            elif verdict in ("retry", UNKNOWN):
                self._open[n] = row

    def missing(self, n: int) -> list[Receipt]:
        """The receipt of a datapoint that the table has and the journal does not call accepted."""
        if self._settled[n]:
            return []
        nothing = {**dict.fromkeys(Receipt._fields), "n": n, **dict.fromkeys(COUNTS, 0)}
        row = {**nothing, **self._open.get(n, {}), "verdict": "accepted", "cause": IN_TABLE}
        return [Receipt(**row)]


def resume_all(
    run: str,
    *,
    data: str = "",
    connect: Callable[[str], Target],
    watch: Watch | None = None,
    log: Log = lambda line: None,
) -> list[dict[str, Any]]:
    """Resume every unfinished run of a run or an experiment; return the rows of all.

    Args:
        data: The data file, if it has moved since the run read it.
        connect: Connects to the target that a run names.
        log: Called at once with what a run waits for.

    Raises:
        TargetError: The stack is gone, and with it what was not collected.
    """
    rows = []
    for folder in folders.find(run):
        facts = folders.read_facts(folder)
        if facts["arm"] == external_api.ARM:
            facts = external_api.resume(folder, data=data, watch=watch)
        elif not closing.is_finished(facts) and not is_local(facts["arm"]):
            points = _read_again(folder, facts, data)
            target = connect_to(facts, connect)
            with locks.stacks(target, f"lambdist resume {folder.name}"):
                facts = resume(target, stack_of(facts, target), points, folder, watch=watch, log=log)
        rows.append(facts)
    return rows


def connect_to(facts: dict[str, Any], connect: Callable[[str], Target]) -> Target:
    """Connect to the target that a run's facts name.

    Raises:
        TargetError: It was a local cloud that has ended.
    """
    if facts["target"] == LOCAL_LABEL and local_cloud.find() is None:  # connecting would start an empty one
        raise lost_stack.error(facts, "the local cloud is gone")
    return connect(facts["target"])


def stack_of(facts: dict[str, Any], target: Target) -> Stack:
    """Describe the stack that a run's facts name.

    Raises:
        TargetError: It is gone.
    """
    kind = ARMS[facts["arm"]].stack
    try:
        return stacks.describe(target, kind, name=facts["stack"].removesuffix(stack_name(kind, "")))
    except AbsentError:
        raise lost_stack.error(facts, f"the stack {facts['stack']} is gone from {target.label}") from None


def _read_again(folder: Path, facts: dict[str, Any], data: str) -> Datapoints:
    try:
        return Conditions.from_run(facts).read(folders.data_of(folder, facts, data))
    except DataFileError as error:
        raise DataFileError(f"{error}; --data says where {facts['data']} is by now") from None


def is_collected(run: str) -> bool:
    return all(folders.read_facts(folder)["state"] == "collected" for folder in folders.find(run))
