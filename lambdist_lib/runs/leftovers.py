"""Clear away what a run that was killed or given up has left in a stack's queues.

Marks tell of such runs (`deployment.unended`). Nothing is lost: a resume of that run asks the table, and
sends again what has no outcome.
"""

import contextlib
from pathlib import Path

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import unended
from lambdist_lib.deployment.queue_depth import queue_depth
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted
from lambdist_lib.progress import Log
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.results import journal
from lambdist_lib.runs import map_runs
from lambdist_lib.runs.run_info import RunInfo

QUEUES = ("QueueUrl", "DeadLetterQueueUrl")


def mark_run(stack: Stack, info: RunInfo, folder: Path, submitted: int) -> None:
    """Note that a run is about to send its lines; a map's receipts are written after its start."""
    assert info.conditions
    at_once = info.conditions.chunks * info.conditions.request_batch
    unended.mark(
        stack,
        info.run_id,
        info.key,
        journal=folder / "journal",
        unjournalled=submitted if ARMS[info.arm].orchestrated else at_once,
        copies=2 if faults.parse_fault(info.conditions.fault).share("duplicate") else 1,
    )


def clear(target: Target, stack: Stack, log: Log) -> None:
    """Delete the messages of runs that have no process any more, before another run of the stack begins.

    On the local cloud they are deleted if all messages there may be such; otherwise, and on AWS, where a
    deletion lasts a minute and could take new messages along, the run has to wait for them.

    Args:
        log: Called with what was deleted, or what the run will wait for.
    """
    marks = unended.marks(stack)
    if not marks:
        return
    if target.name == "local":
        for left in marks.values():
            _stop_maps(target, stack, left.key)
    queued = queue_depth(target, stack).total
    if not queued:
        unended.unmark(stack)
        return
    names = ", ".join(sorted({left.run_id for left in marks.values()}))
    messages = counted(queued, "messages")
    if target.name == "local" and queued <= sum(map(_most_messages, marks.values())):
        _purge(target, stack)
        unended.unmark(stack)
        log(f"{messages} of {names}, whose process ended, deleted from the queue")
    else:
        log(f"waiting for {messages} in the queue, also of {names}, whose process ended")


def _most_messages(left: unended.Mark) -> int:
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
