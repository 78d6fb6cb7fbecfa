"""Keep the state of one local cloud in files that its processes share.

    cloud.json        the running cloud, written by its supervisor
    cloud.log         the emulator's log, kept after its end
    leases/*.json     one per process that uses the cloud; it ends with the process
    transition.lock   held while a cloud starts or ends (`locks`)
    stacks.lock       held while a run or a deploy uses it (`locks`)

All are private to the user; cloud.json has the key without which the cloud answers nobody.
Pids are reused, so a process is identified by its pid and its creation time. Only processes
that this cloud started are ever ended.
"""

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import psutil

from lambdist_lib import paths
from lambdist_lib.errors import LocalCloudError

FOLDER_PREFIX = "lambdist-cloud-"
SUPERVISOR, EMULATOR = "lambdist_lib.cloud.emulator_supervisor", "lambdist_lib.cloud.emulator_launcher"
GRACE_S = 1.0  # for a busy worker to end by itself
SAME_PROCESS_S = 2.0  # the boot time that psutil subtracts is in whole seconds, and wavers by one


@dataclass(frozen=True, slots=True)
class Identity:
    """Identify one process: a later one with the same pid has another creation time."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int | None = None) -> "Identity":
        process = psutil.Process(pid)
        return cls(process.pid, _created(process))

    def process(self, word: str = "") -> psutil.Process | None:
        """Return the process if it runs and has `word` in its command line; a zombie does not run."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if (
                abs(_created(process) - self.created) < SAME_PROCESS_S
                and _runs(process)
                and (not word or any(word in part for part in process.cmdline()))
            ):
                return process
        return None


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _wait_until_ended(processes: set[psutil.Process], timeout_s: float) -> None:
    # psutil.wait_procs would wait for zombies too, which the init of a container may reap late or never.
    deadline = time.monotonic() + timeout_s
    while any(_runs(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _created(process: psutil.Process) -> float:
    # On Linux since boot: when the clock is set, or a suspended machine wakes, the kernel's
    # time of day for the same process moves, and a living lease would look dead.
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The content of cloud.json."""

    supervisor: Identity
    emulator: Identity
    port: int
    key: str = field(repr=False)  # that requests must carry (`emulator_gate`)
    kept: bool  # until `lambdist cloud stop`, with or without leases
    auth: bool
    folder: str  # temporary, of the emulator and its workers
    version: str  # of ministack
    started_at: float  # seconds since the epoch

    def is_alive(self) -> bool:
        return bool(self.supervisor.process(SUPERVISOR) and self.emulator.process(EMULATOR))

    def processes(self) -> set[psutil.Process]:
        """Return the emulator, its workers and their children.

        Workers inherit the emulator's TMPDIR, whose name is unique to this cloud, so they are
        found even after the emulator's end.
        """
        processes = []
        if emulator := self.emulator.process(EMULATOR):
            with suppress(psutil.Error):
                processes = [emulator, *emulator.children(recursive=True)]
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get("TMPDIR") == self.folder:
                    processes.append(process)
        return {process for process in processes if _runs(process)}

    def end(self) -> None:
        """End the processes of this cloud and remove its folder; a busy worker has GRACE_S."""
        processes = self.processes()
        if emulator := self.emulator.process(EMULATOR):
            with suppress(psutil.Error):
                emulator.terminate()
        _wait_until_ended(processes, GRACE_S)
        for _ in range(5):  # a worker may have started another one meanwhile
            if not (left := self.processes()):
                break
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            _wait_until_ended(left, 2.0)
        if Path(self.folder).name.startswith(FOLDER_PREFIX):
            shutil.rmtree(self.folder, ignore_errors=True)


def log_path(state: Path) -> Path:
    return state / "cloud.log"


def read(state: Path) -> Record | None:
    """Return the record in cloud.json, perhaps of a dead cloud; None if it is missing or invalid."""
    try:
        record = json.loads((state / "cloud.json").read_text())
        for name in ("supervisor", "emulator"):
            record[name] = Identity(**record[name])
        return Record(**record)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(state: Path, record: Record) -> None:
    with writable(state, "LAMBDIST_STATE"):
        _write_json(state / "cloud.json", asdict(record))


def forget(state: Path, record: Record) -> None:
    """Remove cloud.json, unless it belongs to a later cloud."""
    if (current := read(state)) and current.emulator == record.emulator:
        (state / "cloud.json").unlink(missing_ok=True)


def recovered(state: Path) -> Record | None:
    """Return the running cloud; end the rest of one that lost its supervisor or its emulator.

    Call it inside `locks.transition`.
    """
    record = read(state)
    if record is None or record.is_alive():
        return record
    record.end()
    forget(state, record)
    return None


def hold(state: Path) -> Path:
    """Register this process as a user of the cloud; returns the lease's file."""
    lease = state / "leases" / f"{os.getpid()}-{secrets.token_hex(4)}.json"
    with writable(lease.parent, "LAMBDIST_STATE"):
        paths.make_private(lease.parent)
        _write_json(lease, asdict(Identity.of()))
    return lease


def holders(state: Path) -> set[Identity]:
    """Return the living processes that lease the cloud; remove the leases of dead ones."""
    living = set()
    for lease in (state / "leases").glob("*.json"):
        with suppress(FileNotFoundError):  # released meanwhile
            try:
                holder = Identity(**json.loads(lease.read_text()))
            except (ValueError, TypeError):
                holder = None
            if holder and holder.process():
                living.add(holder)
            else:
                lease.unlink()
    return living


@contextmanager
def writable(folder: Path | str, variable: str) -> Iterator[None]:
    """Turn errors of the disk into a LocalCloudError that names the folder and how to use another."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free disk space there" if is_full else "make it a folder that you may write to"
        raise LocalCloudError(
            f"cannot write to the local cloud's folder {paths.shown(folder)}: {error.strerror}; {remedy}, or "
            f"name another in the environment variable {variable}"
        ) from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with open_private(partial) as file:
            file.write(json.dumps(content, indent=1))
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def open_private(path: Path) -> TextIO:
    """Open a new file that only this user can read, for writing."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
