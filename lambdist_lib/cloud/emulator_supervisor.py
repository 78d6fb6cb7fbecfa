"""Start the emulator in a process of its own, watch it and end it.

`local_cloud` runs it as `python -m lambdist_lib.cloud.emulator_supervisor OPTIONS` (JSON). It lives in
its own session, so neither Ctrl-C in a terminal nor a killed kernel reaches it. It ends the
cloud on SIGTERM, after the emulator's death, when cloud.json is missing or names another cloud, and,
unless the cloud is kept, `linger_s` after the end of the last lease.

If this process is killed, Linux ends the emulator with it (parent-death signal). The next call of
`local_cloud` finds the rest in cloud.json and removes it: a busy worker, the folder and, on other
systems, the emulator.
"""

import ctypes
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lambdist_lib import paths
from lambdist_lib.cloud import emulator_gate, locks, process_limits
from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud.emulator_environment import emulator_folder, environment
from lambdist_lib.errors import BusyError, LocalCloudError

READY = "ready"  # the answer to the starter; any other is the reason of a failure
READY_S = 20.0  # for all ports together; 0.3 s is usual
POLL_S = 0.5
LOG_LINES_SHOWN = 8
# -P: a types.py in the folder that it starts in hides no module
EMULATOR_COMMAND = (sys.executable, "-P", "-m", cloud_state.EMULATOR)
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Hold what `local_cloud` asks of the supervisor."""

    state: str
    lock: int  # file descriptor of the transition lock, held until the cloud is ready
    ports: list[int]  # tried in this order
    parent_folder: str  # of the emulator's temporary folder
    version: str
    kept: bool
    auth: bool
    linger_s: float


def main() -> None:
    """Tell the starter on stdout whether the cloud is ready, then watch it until its end."""
    if os.fork():
        os._exit(0)  # the starter reaps this process, and init the supervisor: no zombie in a kernel
    options = Options(**json.loads(sys.argv[1]))
    state = Path(options.state)
    signals = Signals()
    try:
        process_limits.raise_and_require()
        log_to(cloud_state.log_path(state))
        emulator, record = launch(options)
    except (LocalCloudError, OSError) as error:
        answer(str(error))
        return
    os.close(options.lock)
    answer(READY)
    try:
        reason = watch(state, emulator, record, signals, options.linger_s)
    finally:
        record.end()  # nothing to do, unless `watch` failed
    print(f"lambdist: the local cloud ended: {reason}", file=sys.stderr)


def log_to(path: Path) -> None:
    """Send stderr to a new log; the supervisor of the cloud before may still write to its own."""
    os.umask(0o077)  # for all that this process and the emulator create
    with cloud_state.writable(path.parent, "LAMBDIST_STATE"), cloud_state.open_private(path) as log:
        os.dup2(log.fileno(), sys.stderr.fileno())


class Signals:
    """Record SIGTERM; only it and the end of a child cut a pause short."""

    def __init__(self) -> None:
        self.stop_asked = False
        self.wake, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.ask_to_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def ask_to_stop(self, *_: object) -> None:
        self.stop_asked = True

    def pause(self, timeout_s: float) -> None:
        if select.select([self.wake], [], [], timeout_s)[0]:
            os.read(self.wake, 100)


def answer(text: str) -> None:
    """Tell the starter, which may have ended, and close its pipe."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), text.encode())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def launch(options: Options) -> tuple[subprocess.Popen[bytes], cloud_state.Record]:
    """Start the emulator on the first free port, and record it in cloud.json.

    Raises:
        LocalCloudError: It was not ready on any of the ports within READY_S.
    """
    state = Path(options.state)
    deadline = time.monotonic() + READY_S
    for port in options.ports:
        emulator, record = _launch_on(port, options)
        cloud_state.write(state, record)
        while emulator.poll() is None and time.monotonic() < deadline:
            if is_ready(emulator, port, record.key):
                return emulator, record
            time.sleep(0.02)
        record.end()
        cloud_state.forget(state, record)
        emulator.wait()
        if time.monotonic() >= deadline:
            break
        # It ended early: another program has taken the port, or it cannot run at all.
    tried = ", ".join(str(port) for port in options.ports)
    raise LocalCloudError(
        f"the local cloud did not start within {READY_S:g} s (ports tried: {tried}); {log_tail(state)}\n"
        "run `lambdist cloud start` to try again"
    )


def _launch_on(port: int, options: Options) -> tuple[subprocess.Popen[bytes], cloud_state.Record]:
    """Start the emulator's process on a port, with a folder and a key of its own."""
    folder, key = emulator_folder(options.parent_folder), secrets.token_hex(16)
    emulator = subprocess.Popen(
        EMULATOR_COMMAND,
        env=environment(port, folder, key, auth=options.auth),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        preexec_fn=die_with_supervisor,  # safe: this process has one thread
    )
    record = cloud_state.Record(
        supervisor=cloud_state.Identity.of(),
        emulator=cloud_state.Identity.of(emulator.pid),
        port=port,
        key=key,
        kept=options.kept,
        auth=options.auth,
        folder=folder,
        version=options.version,
        started_at=time.time(),
    )
    return emulator, record


def die_with_supervisor() -> None:
    """Make Linux end this process, a child before exec, when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_ready(emulator: subprocess.Popen[bytes], port: int, key: str) -> bool:
    """Return whether this emulator answers, rather than another server on the same port."""
    try:
        sockets = psutil.Process(emulator.pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    if not any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets):
        return False
    import urllib.request  # with http.client, email and ssl

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        url = f"http://127.0.0.1:{port}/_ministack/health"
        request = urllib.request.Request(url, headers={emulator_gate.KEY_HEADER: key})
        with opener.open(request, timeout=2) as health:
            return bool(health.status == 200)
    except OSError:
        return False


def log_tail(state: Path) -> str:
    path = cloud_state.log_path(state)
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:] or ["(empty)"]
    return "\n  ".join([f"its log {paths.shown(path)} ends with", *lines])


def watch(
    state: Path,
    emulator: subprocess.Popen[bytes],
    record: cloud_state.Record,
    signals: Signals,
    linger_s: float,
) -> str:
    """Wait until the cloud must end, end it, and return the reason."""
    used_at = time.monotonic()

    def reason_to_end() -> str:
        nonlocal used_at
        if signals.stop_asked:
            return "stopped"
        if (status := emulator.poll()) is not None:
            return f"the emulator ended by itself with status {status}"
        recorded = cloud_state.read(state)
        if recorded is None or recorded.emulator != record.emulator:
            return "cloud.json no longer names it"
        if recorded.kept or cloud_state.holders(state):
            used_at = time.monotonic()
        return (
            f"no process has leased it for {linger_s:g} s" if time.monotonic() - used_at >= linger_s else ""
        )

    while True:
        if reason_to_end():
            # A process may just have taken a lease; while this holds the lock, none can.
            with suppress(BusyError), locks.transition(state):
                if reason := reason_to_end():
                    record.end()
                    cloud_state.forget(state, record)
                    return reason
        signals.pause(min(POLL_S, linger_s / 4))


if __name__ == "__main__":
    main()
