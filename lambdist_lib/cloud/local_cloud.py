"""Run the local cloud: the emulator `ministack` on 127.0.0.1, for as long as a process uses it.

    cloud = local_cloud.lease()     # notebooks, scripts, tests: found or started, ended after use
    local_cloud.start(keep=True)    # `lambdist cloud start`: until `local_cloud.stop()`

There is one local cloud per state folder. A supervisor process owns it (`emulator_supervisor`), so
it outlives the process that started it, but not its users: a lease lasts as long as the process
that took it, however that process ends.
"""

import importlib.metadata
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

from lambdist_lib import paths
from lambdist_lib.cloud import emulator_gate, locks
from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud.emulator_environment import interpreter_environment
from lambdist_lib.cloud.emulator_supervisor import READY, Options
from lambdist_lib.errors import LocalCloudError, MissingExtraError

PYTHONS = ((3, 11), (3, 14))  # the emulator runs on these, first to last
REGION = "us-east-1"
LINGER_S = 60.0
PORTS_TRIED = 5
SUPERVISOR_COMMAND = (sys.executable, "-P", "-m", cloud_state.SUPERVISOR)  # -P as for the emulator
START_S = 30.0  # the supervisor gives up sooner, with a reason
STOP_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCloud:
    """Describe a local cloud as found or started; `require_alive` checks that it still runs."""

    endpoint_url: str
    port: int
    pid: int  # of the emulator
    kept: bool
    auth: bool  # IAM permissions are enforced
    version: str  # of ministack
    started_at: float  # seconds since the epoch
    log: Path
    emulator: cloud_state.Identity
    key: str = field(repr=False)  # without it the cloud answers nobody
    lease: Path | None = None  # of this process, if `lease` gave this

    def release(self) -> None:
        """End the lease before this process ends."""
        if self.lease:
            self.lease.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """Return the variables with which the AWS CLI and any SDK use this cloud; they hold its key."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": REGION,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Describe the running local cloud and its users."""

    cloud: LocalCloud
    holders: tuple[int, ...]  # pids of the processes that lease it
    workers: int  # processes below the emulator


def find(state: Path | None = None) -> LocalCloud | None:
    """Return the running local cloud or None; remove the rest of a dead one."""
    state = state or paths.state()
    if not state.exists():
        return None
    with locks.transition(state):
        record = cloud_state.recovered(state)
    return _described(state, record) if record else None


def start(
    state: Path | None = None,
    *,
    keep: bool = False,
    auth: bool = False,
    linger_s: float = LINGER_S,
    ports: Iterable[int] | None = None,
) -> LocalCloud:
    """Start the local cloud, or return the running one; takes no lease.

    Args:
        state: Folder of the files by which its users find it; default `paths.state()`.
        keep: Keep it until `stop`, used or not. A running cloud becomes kept, too.
        auth: Enforce IAM permissions.
        linger_s: How long it waits for a new user after the last. A running cloud keeps its own.
        ports: Ports to try, in this order; default: free ones.

    Raises:
        MissingExtraError: The emulator is not installed.
        LocalCloudError: It does not start, or runs without `auth`.
    """
    state = state or paths.state()
    with locks.transition(state) as lock:
        record = cloud_state.recovered(state)
        if record is None:
            options = Options(
                state=str(state.resolve()),
                lock=lock,
                ports=list(itertools.islice(ports or free_ports(), PORTS_TRIED)),
                parent_folder=tempfile.gettempdir(),
                version=require_emulator(),
                kept=keep,
                auth=auth,
                linger_s=linger_s,
            )
            record = _started(state, options)
        if auth and not record.auth:
            raise LocalCloudError(
                "the local cloud runs without IAM enforcement; run `lambdist cloud stop`, then start it again"
            )
        if keep and not record.kept:
            record = replace(record, kept=True)
            cloud_state.write(state, record)
        return _described(state, record)


def lease(
    state: Path | None = None,
    *,
    auth: bool = False,
    linger_s: float = LINGER_S,
    ports: Iterable[int] | None = None,
) -> LocalCloud:
    """Return the local cloud, started if necessary; it runs at least as long as this process.

    Arguments and errors are those of `start`.
    """
    state = state or paths.state()
    taken = cloud_state.hold(state)  # before the start: no supervisor finds the cloud unused
    try:
        return replace(start(state, auth=auth, linger_s=linger_s, ports=ports), lease=taken)
    except BaseException:
        taken.unlink(missing_ok=True)
        raise


def status(state: Path | None = None) -> Status | None:
    """Return the running local cloud with its users, or None."""
    state = state or paths.state()
    cloud = find(state)
    record = cloud_state.read(state)
    if cloud is None or record is None:
        return None
    return Status(
        cloud=cloud,
        holders=tuple(sorted(holder.pid for holder in cloud_state.holders(state))),
        workers=len(record.processes()) - 1,
    )


def stop(state: Path | None = None) -> bool:
    """End the local cloud, kept or leased, and wait for its end; returns whether one ran."""
    state = state or paths.state()
    if not state.exists():
        return False
    with locks.transition(state):
        record = cloud_state.recovered(state)
    if record is None:
        return False
    deadline = time.monotonic() + STOP_S
    if supervisor := record.supervisor.process(cloud_state.SUPERVISOR):
        with suppress(psutil.NoSuchProcess):
            supervisor.terminate()
            while record.supervisor.process():
                if time.monotonic() >= deadline:
                    supervisor.kill()
                time.sleep(0.02)
    with locks.transition(state):
        cloud_state.recovered(state)  # clears away what a killed supervisor left
    return True


def reset(cloud: LocalCloud) -> None:
    """Delete all stacks, tables, queues, logs and workers of the local cloud; its endpoint stays.

    Raises:
        LocalCloudError: It does not answer.
    """
    import urllib.request  # with http.client, email and ssl

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        url, headers = f"{cloud.endpoint_url}/_ministack/reset", {emulator_gate.KEY_HEADER: cloud.key}
        opener.open(urllib.request.Request(url, b"", headers), timeout=30).close()
    except OSError as error:
        require_alive(cloud)
        raise LocalCloudError(
            f"the local cloud at {cloud.endpoint_url} did not reset ({error}); its log is "
            f"{paths.shown(cloud.log)}; run `lambdist cloud stop`, then `lambdist cloud start`"
        ) from error


def require_alive(cloud: LocalCloud) -> None:
    """Raise LocalCloudError if this cloud has ended, even if another one runs."""
    if cloud.emulator.process(cloud_state.EMULATOR) is None:
        raise LocalCloudError(
            f"the local cloud at {cloud.endpoint_url} has ended with all that was deployed there; "
            f"its log {paths.shown(cloud.log)} may say why; run `lambdist cloud start`, then try again"
        )


def free_ports() -> Iterator[int]:
    """Yield free ports of 127.0.0.1; another program may take one first."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        yield port


def require_emulator(
    version_of: Callable[[str], str] = importlib.metadata.version,
    python: tuple[int, int] = sys.version_info[:2],
) -> str:
    """Return the installed version of ministack.

    Raises:
        MissingExtraError: It is not installed.
        LocalCloudError: This Python cannot run it.
    """
    (first, last), version = PYTHONS, ".".join(map(str, python))
    if not first <= python <= last:
        raise LocalCloudError(
            f"the local cloud needs Python 3.11 to 3.14, and this is {version}; "
            "install lambdist-lib into an environment of one of these"
        )
    try:
        return version_of("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError("local", "the local cloud", "ministack") from None


def _started(state: Path, options: Options) -> cloud_state.Record:
    try:
        # Returns when the supervisor, a grandchild, has let go of stdout: the cloud is ready or failed.
        starting = subprocess.run(
            [*SUPERVISOR_COMMAND, json.dumps(asdict(options))],
            cwd=paths.root(),
            env={**interpreter_environment(), "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=[options.lock],
            start_new_session=True,
            timeout=START_S,
        )
    except subprocess.TimeoutExpired:
        reason = f"did not answer within {START_S:g} s"
    else:
        reason = f"failed ({(starting.stderr.splitlines() or ['no reason given'])[-1]})"
        if starting.stdout == READY and (record := cloud_state.read(state)):
            return record
        if starting.stdout not in ("", READY):
            raise LocalCloudError(starting.stdout)
    raise LocalCloudError(
        f"the local cloud's supervisor {reason}; its log is {paths.shown(cloud_state.log_path(state))}; "
        "run `lambdist cloud start` to try again"
    )


def _described(state: Path, record: cloud_state.Record) -> LocalCloud:
    return LocalCloud(
        endpoint_url=f"http://127.0.0.1:{record.port}",
        port=record.port,
        pid=record.emulator.pid,
        kept=record.kept,
        auth=record.auth,
        version=record.version,
        started_at=record.started_at,
        log=cloud_state.log_path(state),
        emulator=record.emulator,
        key=record.key,
    )
