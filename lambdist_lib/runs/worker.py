"""Run process() of a folder in an interpreter of its own, under a Lambda's conditions.

A script, started with `python -I -S` by `local_pool_worker`: a request on standard input, answers on
standard output, both JSON. It imports only what a zip holds, the standard library and boto3, so that
a module that the cloud lacks is missing here, too. `lambdist_lib` is the zip's.
"""

import collections
import contextlib
import importlib
import importlib.machinery
import json
import multiprocessing.connection
import os
import signal
import site
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

GIVEN = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}  # by the runtime
READY, FAILED = "ready", "failed"  # keys of the first answer
STORED, DEAD = "stored", "dead"  # as the contract, which can be imported only once its folder is known
CAPABILITY_VERSION, CAP_DAC_OVERRIDE = 0x20080522, 1  # linux/capability.h
CONDITIONS = {"TZ": ":UTC", "LANG": "en_US.UTF-8", "EXPERIMENT_CONTROLS": "on"}

Answer = dict[str, Any]


def main() -> None:
    """Answer each datapoint of the request; without `processes` in order, and here."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what process() prints is not an answer
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]
    request = json.load(sys.stdin)
    _adopt_conditions(request)
    from lambdist_lib.protocol.causes import cause_of  # the staged one, found from here on

    try:
        job = Job(request)
    except BaseException as error:  # a module that calls sys.exit() would end this with status 0
        _write(answers, {FAILED: cause_of(error)})
        return
    if not request["processes"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
        _write(answers, {READY: True})
        for point in request["points"]:
            item = job.settle(point)
            with contextlib.suppress(OSError, ValueError):  # process() may have closed it
                sys.stdout.flush()
            _write(answers, item)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for answer in run_pool(job, request["processes"], request["points"], request.get("max_dead")):
        _write(answers, answer)


def _write(file: Any, answer: Answer) -> None:
    file.write(json.dumps(answer) + "\n")
    file.flush()


def crash_cause(status: int | None) -> str:
    """Say how the process of an attempt ended."""
    how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    return f"crash: its process ended ({how})"


def _adopt_conditions(request: Answer) -> None:
    """Take a Lambda's folders, time zone and empty standard input."""
    task, *_ = request["path"]
    os.environ.update(CONDITIONS, LAMBDA_TASK_ROOT=task)
    if os.access("/tmp", os.W_OK):
        os.environ["TMPDIR"] = "/tmp"
    if hasattr(time, "tzset"):
        time.tzset()
    site.setquit()  # exit() and quit(), which -S leaves out
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.chdir(task)
    _obey_permissions()
    sys.dont_write_bytecode = True
    sys.path[:0] = request["path"]
    sys.meta_path.append(_Given(request["given_path"]))


def _obey_permissions() -> None:
    """Give up root's right to write what is read-only, such as the code's folder; no Lambda runs as root.

    Python has no function for it. Where the system call fails, this process stays as it is.
    """
    if sys.platform != "linux" or os.geteuid():
        return
    import ctypes

    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)  # 0: this process
    words = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same of higher numbers
    libc = ctypes.CDLL(None)
    if libc.capget(header, words) == 0:
        words[0] &= ~(1 << CAP_DAC_OVERRIDE)
        libc.capset(header, words)


class _Given:
    """Finds the packages that Lambda's runtime has where the calling Python has them."""

    def __init__(self, path: Sequence[str]) -> None:
        self._path = path

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in GIVEN:
            return None
        return importlib.machinery.PathFinder.find_spec(name, path or self._path, target)


class Job:
    """process() with the request's work and faults; one attempt at a time."""

    def __init__(self, request: Answer) -> None:
        self.tries: int = request["tries"]
        self._controls = {"work": request["work"], "fault": request["fault"]}
        from lambdist_lib.protocol import causes, contract

        self._causes, self._contract = causes, contract
        self._run: Callable[..., object] = importlib.import_module("experiment_controls").run
        self._module = importlib.import_module("processing")
        self._module.process  # noqa: B018  missing: said before anything runs

    def attempt(self, n: int, data: str, number: int) -> Answer:
        """Make one attempt: an outcome of `stored`, `failed` or `permanent`, with its fields."""
        contract, started_at = self._contract, time.time()
        point = contract.Datapoint(run_id="local-pool", n=n, data=data, attempt=number, **self._controls)
        try:
            result = contract.result_json(self._run(self._module.process, point))
        except BaseException as error:  # sys.exit() would end the other datapoints, too
            is_permanent = issubclass(type(error), contract.PermanentError)
            cause = {"cause": self._causes.cause_of(error), "class": contract.APPLICATION}
            outcome = "permanent" if is_permanent else "failed"
            return {"outcome": outcome, "attempt": {**cause, "at": time.time()}}
        times = {"started_at": started_at, "finished_at": time.time(), "put_at": time.time()}
        return {"outcome": STORED, "result": result, **times}

    def crash(self, status: int | None) -> Answer:
        """Return the outcome of an attempt that ended its process."""
        cause = {"cause": crash_cause(status), "class": self._contract.CRASH}
        return {"outcome": "failed", "attempt": {**cause, "at": time.time()}}

    def settle(self, point: Sequence[Any]) -> Answer:
        """Attempt one datapoint until it is stored or dead."""
        n, data = point
        history = History(point, self.tries)
        while (answer := history.next(self.attempt(n, data, history.number), os.getpid())) is None:
            pass
        return answer


class History:
    """The attempts at one datapoint, without a delay between them."""

    def __init__(self, point: Sequence[Any], tries: int) -> None:
        self.point, self.number = point, 1
        self._tries, self._attempts = tries, list[Answer]()

    def next(self, outcome: Answer, pid: int) -> Answer | None:
        """Add an attempt's outcome; returns the datapoint's item, None if another attempt follows."""
        n = self.point[0]
        item = {"n": n, "environment_id": str(pid), "request_id": f"{pid}-{n}", "receives": self.number}
        if outcome["outcome"] == STORED:
            return {**item, "attempts": self._attempts, **outcome}
        self._attempts.append(outcome["attempt"])
        if outcome["outcome"] == "failed" and self.number < self._tries:
            self.number += 1
            return None
        return {**item, "attempts": self._attempts, "outcome": DEAD, "dead_at": time.time()}


def run_pool(
    job: Job, processes: int, points: Sequence[Sequence[Any]], max_dead: int | None = None
) -> list[Answer]:
    """Settle all datapoints in forked processes; one that ends is replaced, and only its attempt failed.

    Once more than `max_dead` are dead, those that have not begun are left out.
    """
    dead, waiting = 0, collections.deque(History(point, job.tries) for point in points)
    workers = [_Worker(job) for _ in range(processes)]
    items: list[Answer] = []
    try:
        for worker in workers:
            worker.connection.recv_bytes()  # all are up before the clock starts
        began_at = time.time()
        while waiting or any(worker.history for worker in workers):
            for worker in workers:
                if waiting and worker.history is None:
                    worker.begin(waiting.popleft())
            for worker in _ready([worker for worker in workers if worker.history]):
                if (item := worker.proceed(job)) is not None:
                    items.append({**item, "received_at": began_at})
                    dead += item["outcome"] == DEAD
            if max_dead is not None and dead > max_dead:
                waiting.clear()
    finally:
        for worker in workers:
            worker.process.kill()
    return items


def _ready(workers: "list[_Worker]") -> "list[_Worker]":
    """Wait until processes have answered or ended; returns them."""
    handles: dict[Any, _Worker] = {handle: worker for worker in workers for handle in worker.handles()}
    return list({handles[ready] for ready in multiprocessing.connection.wait(list(handles))})


class _Worker:
    """A forked process that makes one attempt after the other, replaced by another one if it ends."""

    def __init__(self, job: Job) -> None:
        self.history: History | None = None
        self._fork(job)

    def handles(self) -> list[Any]:
        """Return what becomes ready when the process answers or ends."""
        return [self.connection, self.process.sentinel]

    def begin(self, history: History) -> None:
        self.history = history
        self.connection.send_bytes(json.dumps([*history.point, history.number]).encode())

    def proceed(self, job: Job) -> Answer | None:
        """Take the attempt's outcome; returns the datapoint's item, or begins the next attempt."""
        history, pid = self.history, self.process.pid or 0
        if history is None:
            return None
        try:
            if not self.connection.poll():
                raise EOFError
            outcome = json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            self.process.join()
            outcome = job.crash(self.process.exitcode)
            self._fork(job)
            self.connection.recv_bytes()
        item = history.next(outcome, pid)
        self.history = None
        if item is None:
            self.begin(history)
        return item

    def _fork(self, job: Job) -> None:
        context = multiprocessing.get_context("fork")
        self.connection, far = context.Pipe()
        self.process = context.Process(target=_serve, args=(job, far))
        self.process.start()
        far.close()


def _serve(job: Job, connection: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection.send_bytes(b"")
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:  # the parent is gone
            os._exit(0)
        connection.send_bytes(json.dumps(job.attempt(*request)).encode())


if __name__ == "__main__":
    main()
