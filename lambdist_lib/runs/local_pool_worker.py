"""Run process() on this machine as a Lambda would, in an interpreter of its own.

For the arm without a cloud, with the declared work in N processes: what a person would do who has no
Lambdas, the comparison that a fan-out has to win. And for `lambdist try`. The interpreter sees the
files of the zip, read-only, and the packages of requirements.txt, and no others (`worker`).
"""

import contextlib
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import bundles
from lambdist_lib.errors import RunError
from lambdist_lib.protocol.contract import CRASH, DEAD
from lambdist_lib.runs import worker

ENDS_S = 5.0  # an interpreter that runs code with its own signal handlers may not end
Points = Sequence[tuple[int, str]]


class UnusableCodeError(RunError):
    """processing.py cannot be imported or has no `process`; `cause` is the exception's class and text."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def process_all(
    lines: Iterable[Line],
    *,
    processes: int,
    work: str,
    fault: str,
    tries: int,
    processing: Path | None = None,
    max_dead: int | None = None,
) -> dict[int, dict[str, Any]]:
    """Process every line that is a datapoint; returns items as the table would hold them, by n.

    Args:
        tries: Attempts before a datapoint is dead; without a queue they follow at once.
        processing: Folder with processing.py.
        max_dead: Once more are dead, no further datapoint begins; it has no item. None for no limit.

    Raises:
        DeployError: The folder could not be deployed, either (`bundles.build`).
        RunError: `processing.py` cannot be imported, or the pool itself died.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise RunError("the arm local_pool needs to fork processes: use Linux, macOS or WSL")
    points = [(line.n, line.data) for line in lines if not line.reason]
    controls = {"work": work, "fault": fault, "tries": tries, "max_dead": max_dead}
    request = {**controls, "processes": processes, "points": points}
    with _staged(processing) as path, tempfile.TemporaryFile() as printed:
        with _interpreter({**request, "path": path}, printed) as pool:
            answers = list(_answers(pool))
        if answers and worker.FAILED in answers[0]:
            raise RunError(_failed(answers[0][worker.FAILED]))
        is_over = max_dead is not None and sum(item["outcome"] == DEAD for item in answers) > max_dead
        if len(answers) < len(points) and not is_over:
            line = _last_line(printed)
            ended = f"exit status {pool.returncode}" + (f" after it printed {line!r}" if line else "")
            raise RunError(_failed(ended))
    return {item["n"]: item for item in sorted(answers, key=lambda item: item["n"])}


def process_each(points: Points, processing: Path | None = None) -> Generator[dict[str, Any], None, None]:
    """Yield the item of each datapoint after one attempt, in order; what process() prints is shown.

    Raises:
        DeployError: The folder could not be deployed, either (`bundles.build`).
        UnusableCodeError: processing.py cannot be imported, or has no `process`.
    """
    request = {"processes": 0, "work": "none", "fault": "none", "tries": 1}
    left = list(points)
    with _staged(processing) as path:
        while left:
            is_ready = False
            with _interpreter({**request, "points": left, "path": path}, None) as interpreter:
                for answer in _answers(interpreter):
                    if worker.FAILED in answer:
                        raise UnusableCodeError(answer[worker.FAILED])
                    if worker.READY in answer:
                        is_ready = True
                        continue
                    del left[0]
                    yield answer
                    if not left:
                        return
                cause = worker.crash_cause(interpreter.wait())
            if not is_ready:
                raise UnusableCodeError(cause)
            n, _ = left.pop(0)  # it ended the process; the others go on in another one
            yield {"n": n, "outcome": worker.DEAD, "attempts": [{"cause": cause, "class": CRASH}]}


@contextlib.contextmanager
def _staged(processing: Path | None) -> Iterator[list[str]]:
    """Yield the folders to import from; the first holds the zip's files, read-only as in a Lambda."""
    with tempfile.TemporaryDirectory(prefix="lambdist-", ignore_cleanup_errors=True) as scratch:
        task = Path(scratch).resolve() / "task"
        task.mkdir()
        path = bundles.stage(processing, task)
        entries = [task, *task.rglob("*")]
        for entry in entries:
            entry.chmod(0o555 if entry.is_dir() else 0o444)
        try:
            yield path
        finally:
            for entry in entries:
                if entry.is_dir():
                    entry.chmod(0o755)


@contextlib.contextmanager
def _interpreter(request: dict[str, Any], stderr: IO[bytes] | None) -> Iterator[subprocess.Popen[bytes]]:
    """Start the worker's interpreter with this request; it ends with the block."""
    command = [sys.executable, "-I", "-S", "-B", worker.__file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
    ) as interpreter:
        try:
            with contextlib.suppress(BrokenPipeError), interpreter.stdin as given:  # type: ignore[union-attr]
                given.write(json.dumps({**request, "given_path": sys.path}).encode())
            yield interpreter
        finally:
            if interpreter.poll() is None:
                interpreter.terminate()  # a pool ends its processes first
                with contextlib.suppress(subprocess.TimeoutExpired):
                    interpreter.wait(ENDS_S)
                interpreter.kill()


def _answers(interpreter: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what the interpreter answers, up to its end; a line that its end cut off is left out."""
    assert interpreter.stdout is not None
    for line in interpreter.stdout:
        if line.endswith(b"\n"):
            yield json.loads(line)


def _last_line(printed: IO[bytes]) -> str:
    printed.seek(0)
    return printed.read().decode(errors="replace").strip().rpartition("\n")[2]


def _failed(why: str) -> str:
    return f"the pool of local processes failed: {why}; `lambdist try FILE` shows where"
