"""Clear away what a run that was killed or given up has left in a stack's queues.

A run has a mark in the state folder from its first request until the queues were seen empty. The stacks'
lock lets one process send at a time, so a mark that another run finds is of a run that has no process.
Nothing is lost: a resume of that run asks the table, and sends again what has no outcome.
"""

import contextlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.queue_depth import queue_depth
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted
from lambdist_lib.progress import Log
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.results import files, journal
from lambdist_lib.runs import map_runs
from lambdist_lib.runs.run_info import RunInfo

QUEUES = ("QueueUrl", "DeadLetterQueueUrl")
KEPT_S = 14 * 86_400.0  # SQS keeps no message longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A run that may have messages in a stack's queue.

    key: Of its items. queue_url: Of the stack; another stack of the same name has another one.
    journal: Path of its journal, "" without one. unjournalled: The most datapoints that were sent and are
    not in the journal. copies: Messages of a datapoint.
    """

    run_id: str
    key: str
    queue_url: str
    journal: str = ""
    unjournalled: int
    copies: int = 1


def mark(
    stack: Stack, run_id: str, key: str, *, journal: Path | None = None, unjournalled: int, copies: int = 1
) -> None:
    """Note that a run is about to send to a stack's queue; nothing for a stack without one."""
    if "QueueUrl" not in stack.outputs:
        return
    noted = Mark(
        run_id=run_id,
        key=key,
        queue_url=stack.outputs["QueueUrl"],
        journal=str(journal.absolute()) if journal else "",
        unjournalled=unjournalled,
        copies=copies,
    )
    paths.make_private(_folder())
    files.write_json(_folder() / f"{key}.json", asdict(noted))


def mark_run(stack: Stack, info: RunInfo, folder: Path, submitted: int) -> None:
    """Note that a run is about to send its lines; a map's receipts are written after its start."""
    assert info.conditions
    at_once = info.conditions.chunks * info.conditions.request_batch
    mark(
        stack,
        info.run_id,
        info.key,
        journal=folder / "journal",
        unjournalled=submitted if ARMS[info.arm].orchestrated else at_once,
        copies=2 if faults.parse_fault(info.conditions.fault).share("duplicate") else 1,
    )


def unmark(stack: Stack) -> None:
    """Forget every run of a stack: its queues are empty."""
    for path in _marks(stack):
        path.unlink(missing_ok=True)


def clear(target: Target, stack: Stack, log: Log) -> None:
    """Delete the messages of runs that have no process any more, before another run of the stack begins.

    On the local cloud they are deleted if all messages there may be such; otherwise, and on AWS, where a
    deletion lasts a minute and could take new messages along, the run has to wait for them.

    Args:
        log: Called with what was deleted, or what the run will wait for.
    """
    marks = _marks(stack)
    if not marks:
        return
    if target.name == "local":
        for left in marks.values():
            _stop_maps(target, stack, left.key)
    queued = queue_depth(target, stack).total
    if not queued:
        unmark(stack)
        return
    names = ", ".join(sorted({left.run_id for left in marks.values()}))
    messages = counted(queued, "messages")
    if target.name == "local" and queued <= sum(map(_most_messages, marks.values())):
        _purge(target, stack)
        unmark(stack)
        log(f"{messages} of {names}, whose process ended, deleted from the queue")
    else:
        log(f"waiting for {messages} in the queue, also of {names}, whose process ended")


def _most_messages(left: Mark) -> int:
    """Return how many messages a run may have left: more are somebody else's.

    Settled datapoints count, too: the message of one stays if its batch crashed.
    """
    sent = set[int]()
    if left.journal:
        with contextlib.suppress(RunError):  # nothing was sent, or the folder is gone
            sent = {row["n"] for row in journal.read(Path(left.journal)) if row["tries"]}
    return (len(sent) + left.unjournalled) * left.copies


def _purge(target: Target, stack: Stack) -> None:
    """Delete all messages of a stack's queues, also those that a processor holds or has held."""
    for output in QUEUES:
        target.client("sqs").purge_queue(QueueUrl=stack.outputs[output])


def _stop_maps(target: Target, stack: Stack, key: str) -> None:
    if stack.outputs.get("MapMachineArn"):
        machine = map_runs.machine_of(target, stack)
        for execution in map_runs.executions(machine, key):
            if execution["status"] == map_runs.RUNNING:
                machine.states.stop_execution(executionArn=execution["executionArn"])


def _marks(stack: Stack) -> dict[Path, Mark]:
    """Return the marks of a stack's runs by their files; those that are too old are removed."""
    marks = {}
    for path in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, RunError, TypeError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
                continue
            noted = Mark(**files.read_json(path, "remove it"))
            if noted.queue_url == stack.outputs.get("QueueUrl"):
                marks[path] = noted
    return marks


def _folder() -> Path:
    return paths.state() / "unended"
