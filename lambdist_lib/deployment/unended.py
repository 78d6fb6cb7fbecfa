"""Note which runs may have messages in a stack's queue.

A run has a mark in the state folder from its first request until the queues were seen empty. The stacks'
lock lets one process send at a time, so a mark that another process finds is of a run that has no process.
"""

import contextlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError
from lambdist_lib.results import closing, files, folders

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


def unmark(stack: Stack) -> None:
    """Forget every run of a stack: its queues are empty."""
    for path in marks(stack):
        path.unlink(missing_ok=True)


def marks(stack: Stack) -> dict[Path, Mark]:
    """Return the marks of a stack's runs by their files; those that are too old are removed."""
    stack_marks = {}
    for path in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, RunError, TypeError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
                continue
            noted = Mark(**files.read_json(path, "remove it"))
            if noted.queue_url == stack.outputs.get("QueueUrl"):
                stack_marks[path] = noted
    return stack_marks


def unfinished_runs(stack: Stack) -> list[str]:
    """Return the unfinished runs that may have messages here and that began with the stack's code."""
    runs = set()
    for noted in marks(stack).values():
        if not noted.journal:  # a warm-up
            continue
        with contextlib.suppress(RunError):  # its folder is gone
            facts = folders.read_facts(Path(noted.journal).parent)
            if facts.get("code") == stack.code and not closing.is_finished(facts):
                runs.add(noted.run_id)
    return sorted(runs)


def _folder() -> Path:
    return paths.state() / "unended"
