"""Send dead letters again once their cause is mended: dead -> stored, or dead again.

They go through the API as new messages: with no receives, no cause and no fault. The causes of
their death stay on their items, in `redrives` and `attempts`. The run's folder is written again,
so its ledger still balances; its times are no longer a timing.
"""

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.cloud import locks
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import DEAD
from lambdist_lib.records import dead_letters, join
from lambdist_lib.records import items as records_items
from lambdist_lib.records.dead_letters import DeadLetter
from lambdist_lib.results import files, folders, journal, outputs
from lambdist_lib.runs import collect, completion, lost_stack, resume, senders
from lambdist_lib.runs.conditions import AS_FOUND, Conditions, send_options
from lambdist_lib.runs.monitor import Monitor, Watch
from lambdist_lib.runs.redrive_result import RedriveResult, count_outcomes, is_settled_again
from lambdist_lib.submission.receipts import Receipt

QUEUED = "distributed"  # the stack and arm with a queue, whichever client sent first
MARKERS = 8  # threads that mark items


def redrive_run(
    target: Target,
    stack: Stack,
    folder: Path,
    *,
    cause: str = "",
    fault: str = "none",
    watch: Watch | None = None,
) -> RedriveResult:
    """Send a collected run's dead letters again, and rewrite its folder.

    Args:
        cause: Only those of this class (`contract.CAUSE_CLASSES`).
        fault: Declared for the new attempts; that of the run does not count any more.

    Raises:
        RunError: The run was not collected, or has no queue.
        UsageError: There is no such class, or the fault does not parse.
    """
    facts = folders.read_facts(folder)
    if not has_queue(facts["arm"]):
        raise RunError(
            f"{folder.name} went through {facts['arm']}, which has no queue of dead letters; "
            "send its file again with `lambdist submit`"
        )
    letters = dead_letters.from_folder(folder, cause=cause)
    conditions = replace(Conditions.from_run(facts), fault=str(faults.parse_fault(fault)))
    try:
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            report, ended = _again(
                target, stack, folder.name, letters, conditions, kept.append, watch, key=folders.key_of(facts)
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; `lambdist redrive {folder.name}` goes on with it") from None
    lines = [Line(answer["n"], answer["data"]) for answer in outputs.outputs(folder)]
    gathered = collect.collect(target, stack, lines, folder, facts["arm"], ended)
    entry = {"at": time.time(), "cause": cause, "fault": fault, "code": stack.code, **asdict(report)}
    history = {"resumed": facts["resumed"] or bool(letters), "redrives": [*facts.get("redrives", []), entry]}
    files.write_json(folder / "run.json", {**facts, **gathered, **history})
    return report


def redrive_adhoc(
    target: Target,
    stack: Stack,
    run_id: str,
    *,
    cause: str = "",
    fault: str = "none",
    watch: Watch | None = None,
) -> RedriveResult:
    """Send again the dead letters of datapoints without a run; `lambdist fetch` gets the answers."""
    conditions = Conditions(fault=str(faults.parse_fault(fault)))
    with locks.stacks(target, f"lambdist redrive {run_id}"):
        letters = dead_letters.from_table(target, stack, run_id, cause=cause)
        report, _ = _again(target, stack, run_id, letters, conditions, lambda receipts: None, watch)
    return report


def redrive_all(
    where: str,
    *,
    cause: str = "",
    fault: str = "none",
    connect: Callable[[str], Target],
    watch: Watch | None = None,
) -> list[RedriveResult]:
    """Redrive every run of a run's or an experiment's folder that has a queue.

    Args:
        where: Id or folder of a run or an experiment.
        cause: Only dead letters of this class (`contract.CAUSE_CLASSES`).
        fault: Declared for the new attempts.
        connect: Returns the target that a run names.

    Returns:
        A result per run.

    Raises:
        RunError: No collected run has a queue.
        TargetError: The stack is gone, and with it the items.
    """
    reports = []
    for folder in dead_letters.collected(where):
        facts = folders.read_facts(folder)
        if has_queue(facts["arm"]):
            target = resume.connect_to(facts, connect)
            with (
                locks.stacks(target, f"lambdist redrive {folder.name}"),
                locks.run(folder, f"lambdist redrive {folder.name}"),
            ):
                stack = resume.stack_of(facts, target)
                reports.append(redrive_run(target, stack, folder, cause=cause, fault=fault, watch=watch))
    if not reports:
        raise RunError(
            f"{where} has no collected run through a queue, so nothing can be sent again; "
            "`lambdist submit` sends its file"
        )
    return reports


def has_queue(arm: str) -> bool:
    return arm in ARMS and ARMS[arm].cloud_retries


def _again(
    target: Target,
    stack: Stack,
    run_id: str,
    letters: list[DeadLetter],
    conditions: Conditions,
    keep: Callable[[list[Receipt]], None],
    watch: Watch | None,
    *,
    key: str = "",
) -> tuple[RedriveResult, completion.Completion]:
    """Mark, send and await letters; return their outcomes and how the waiting ended."""
    key = key or run_id  # of the items; datapoints without a run have no other
    monitor = Monitor(watch, submitted=len(letters), request_batch=conditions.request_batch)
    # queued messages may be those of an interrupted redrive: sending them again would double them
    ended = completion.wait_until_complete(target, stack, key, expected=sys.maxsize, watch=monitor.waiting)
    before = records_items.items(target, stack, key)
    if letters and not before:
        raise RunError(f"{stack.name} has no items of {run_id} any more; send its file again")
    marked = _mark(target, stack, [before[letter.n] for letter in letters if letter.n in before])
    lines = [
        Line(letter.n, letter.data) for letter in letters if letter.n in marked and letter.data is not None
    ]
    began_s = time.perf_counter()
    accepted = _send(target, stack, key, lines, conditions, keep, monitor) if lines else set()

    def count_settled_again() -> int:
        now = records_items.items(target, stack, key)
        return sum(is_settled_again(before[n], now[n]) for n in accepted)

    if lines:
        ended = completion.wait_until_complete(
            target, stack, key, expected=len(accepted), watch=monitor.waiting, count=count_settled_again
        )
    drain_s = time.perf_counter() - began_s if lines else 0.0
    after = records_items.items(target, stack, key)
    return count_outcomes(run_id, letters, before, after, accepted, ended.queued, drain_s), ended


def _send(
    target: Target,
    stack: Stack,
    key: str,
    lines: list[Line],
    conditions: Conditions,
    keep: Callable[[list[Receipt]], None],
    monitor: Monitor,
) -> set[int]:
    """Send datapoints through the API; return the numbers of those that may have been accepted."""
    accepted: set[int] = set()

    def kept(receipts: list[Receipt]) -> None:
        keep(receipts)
        accepted.update(receipt.n for receipt in receipts if receipt.verdict in ("accepted", "unknown"))

    senders.send(
        target,
        stack,
        QUEUED,
        lines,
        send_options(target, stack, QUEUED, conditions, AS_FOUND),
        run_id=key,
        keep=kept,
        watch=monitor.sending,
        should_stop=lambda counts: lost_stack.reason(target),
    )
    return accepted


def _mark(target: Target, stack: Stack, items: Iterable[dict[str, Any]]) -> set[int]:
    """Record on dead items their cause and that they are sent again; return their numbers."""
    dynamodb, table = target.client("dynamodb"), stack.outputs["TableName"]

    def mark(item: dict[str, Any]) -> int | None:
        death = {
            "at": {"N": f"{time.time():.6f}"},
            "dead_at": {"N": str(item["dead_at"])},
            "cause": {"S": item.get("cause", "")},
            "class": {"S": join.cause_class(item)},
            "receives": {"N": str(item.get("receives", 0))},
        }
        before = len(item.get("redrives", []))
        try:
            dynamodb.update_item(
                TableName=table,
                Key={"run_shard": {"S": item["run_shard"]}, "n": {"N": str(item["n"])}},
                # by its index: a call that botocore sends again then marks no second time
                UpdateExpression=f"SET redrives[{before}] = :death" if before else "SET redrives = :death",
                ConditionExpression="outcome = :dead",
                ExpressionAttributeValues={
                    ":death": {"M": death} if before else {"L": [{"M": death}]},
                    ":dead": {"S": DEAD},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None  # a late success: nothing is to be sent
        return int(item["n"])

    with ThreadPoolExecutor(MARKERS) as pool:
        marked = pool.map(mark, [item for item in items if item.get("outcome") == DEAD])
        return {n for n in marked if n is not None}
