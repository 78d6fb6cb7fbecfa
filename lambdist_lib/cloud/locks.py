"""One writer at a time: a lock per run folder, per place where stacks are deployed, per local cloud.

    with locks.stacks(target, "submit my-run"), locks.run(folder, "submit my-run"): ...
    with locks.transition(state) as descriptor: ...     while the local cloud starts or ends

Each is an advisory lock of the operating system on a file, so it ends with the process that holds
it, however that ends. The file names the holder; a process that has to wait says at once for which one.
The stacks' lock comes before the run's. The local cloud has one lock for all its stacks: what
happens to one disturbs what is timed on another. On AWS the lock is for one label and stack name,
among the processes of this state folder: another machine or account is not seen. A run whose stack
changed meanwhile is marked (`stack_changed`) and refused as a timing, wherever the change came from.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lambdist_lib import paths
from lambdist_lib.errors import BusyError, LambdistError, LocalCloudError
from lambdist_lib.progress import Log, to_stderr

if TYPE_CHECKING:
    from lambdist_lib.cloud.targets import Target

POLL_S = 0.1
LOCK_BYTE = 1 << 30  # far behind the text: Windows lets nobody read a byte that is locked
RUN_FILE, TRANSITION_FILE = "run.lock", "transition.lock"
TRANSITION_WAIT_S = 45.0  # a start of the local cloud takes at most 20 s, an end a few

_held: dict[tuple[str, int], int] = {}  # by file and thread, how often; a lock may be taken again


def run(
    folder: Path, doing: str, *, timeout_s: float = float("inf"), log: Log = to_stderr
) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a run's folder, which must exist.

    Args:
        doing: What this process does, for those that wait.
        timeout_s: The longest wait.
        log: Called once with whom this process waits for, if it has to.

    Raises:
        BusyError: Another process held it for all of `timeout_s`.
    """
    return _exclusive(folder / RUN_FILE, f"the run {folder.name}", doing, timeout_s, log, remove=True)


def stacks(
    target: "Target",
    doing: str,
    *,
    name: str = "lambdist",
    timeout_s: float = float("inf"),
    log: Log = to_stderr,
) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of the stacks of one name on a target; arguments and errors are those of `run`."""
    what = target.label if target.name == "local" else f"the stacks {name}-* on {target.label}"
    slug = re.sub("[^a-z0-9]+", "-", target.label.lower()).strip("-")
    file = "stacks.lock" if target.name == "local" else f"stacks-{slug}-{name}.lock"
    return _exclusive(paths.state() / file, what, doing, timeout_s, log, remove=False)


@contextlib.contextmanager
def transition(state: Path, *, timeout_s: float = TRANSITION_WAIT_S) -> Iterator[int]:
    """Hold the lock under which a local cloud starts, ends or is searched; yields its file descriptor.

    After an exception it is closed, not unlocked: a supervisor that inherited it then holds it until its
    start, which was interrupted here, is complete.

    Raises:
        LocalCloudError: This system has no local cloud.
        BusyError: Another process held it for all of `timeout_s`.
    """
    if sys.platform == "win32":
        raise LocalCloudError("the local cloud needs Linux, macOS or WSL; or use --target aws")
    file = _acquire(state / TRANSITION_FILE, "the local cloud's start and end", timeout_s, lambda line: None)
    try:
        _write_holder(file, "starting or stopping the local cloud")
        yield file
        _unlock(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def _exclusive(
    path: Path, what: str, doing: str, timeout_s: float, log: Log, *, remove: bool
) -> Iterator[None]:
    key = (str(path.resolve()), threading.get_ident())
    if key in _held:
        _held[key] += 1
        try:
            yield
        finally:
            _held[key] -= 1
        return
    file = _acquire(path, what, timeout_s, log)
    _held[key] = 1
    try:
        _write_holder(file, doing)
        yield
    finally:
        del _held[key]
        if remove:
            with contextlib.suppress(OSError):  # Windows keeps a file that is open
                path.unlink()
        else:
            with contextlib.suppress(OSError):
                os.truncate(file, 0)
        _unlock(file)  # closing is not enough when a forked child still has it open
        os.close(file)


def _acquire(path: Path, what: str, timeout_s: float, log: Log) -> int:
    """Lock the file at `path`; return its descriptor."""
    try:
        paths.make_private(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise LambdistError(
            f"cannot lock {what}: {error.strerror} in {paths.shown(path.parent)}: free its disk or make it "
            "writable; LAMBDIST_STATE names another state folder"
        ) from None
    deadline_s, waits = time.monotonic() + timeout_s, False
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _try_lock(file):
                if _is_current(file, path):
                    return file
                os.close(file)  # its last holder removed it while we opened it
                continue
            pid, text = _holder(path)
            if time.monotonic() >= deadline_s:
                raise BusyError(
                    f"{what} is in use: {text}; wait for it, or end it with `kill {pid}`", pid=pid
                )
            if not waits:
                log(f"waiting for {what}: {text}; Ctrl-C ends the waiting")
                waits = True
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        time.sleep(POLL_S)


def _write_holder(file: int, doing: str) -> None:
    """Write for those that wait who holds the lock."""
    holder = {"pid": os.getpid(), "since": time.time(), "doing": doing}
    with contextlib.suppress(OSError):  # a full disk: the lock holds, and only its holder has no name
        os.truncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, json.dumps(holder).encode())


def _is_current(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> tuple[int, str]:
    """The pid of the process that holds the lock, and a sentence on it."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        pid, since = int(holder["pid"]), time.strftime("%H:%M:%S", time.localtime(holder["since"]))
        return pid, f"process {pid} has been at `{holder['doing']}` since {since}"
    except (OSError, ValueError, KeyError, TypeError):  # it has just taken the lock
        return 0, "another process uses it"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        os.lseek(file, LOCK_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, LOCK_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
