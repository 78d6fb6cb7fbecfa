"""The arm without a cloud: `process()` and the declared work in N processes of this machine.

What a person would do who has no Lambdas: the comparison that a fan-out has to win. The
attempt itself is the Lambdas' own code. The pool belongs to an interpreter of its own: one made
in the caller's would run a script without a main guard again in each process, and a fork of a
notebook's kernel would inherit its threads' locks.
"""

import functools
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from lambdist_lib.data.datapoints import Line
from lambdist_lib.deployment import bundles
from lambdist_lib.errors import RunError
from lambdist_lib.protocol.contract import DEAD, STORED, Datapoint, PermanentError, result_json


def process_all(
    lines: Iterable[Line],
    *,
    processes: int,
    work: str,
    fault: str,
    tries: int,
    processing: Path | None = None,
) -> dict[int, dict[str, Any]]:
    """Process every line that is a datapoint; returns items as the table would hold them, by n.

    Args:
        tries: Attempts before a datapoint is dead; without a queue they follow at once.
        processing: Folder with processing.py.

    Raises:
        RunError: `processing.py` cannot be imported, or a process of the pool died.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise RunError("the arm local_pool needs to fork processes: use Linux, macOS or WSL")
    points = [(line.n, line.data) for line in lines if not line.reason]
    settings = {"processes": processes, "work": work, "fault": fault, "tries": tries}
    wanted = {**settings, "path": bundles.search_path(processing), "points": points}
    command = [sys.executable, "-P", "-m", __name__]  # -P: a types.py in the current folder stays unseen
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as pool:
        try:
            items, said = pool.communicate(json.dumps(wanted))
        except BaseException:
            pool.terminate()
            raise
    if pool.returncode:
        why = said.strip().rpartition("\n")[2] or f"exit status {pool.returncode}"
        raise RunError(f"the pool of local processes failed: {why}; `lambdist try FILE` shows where")
    return {item["n"]: item for item in json.loads(items)}


def main() -> None:
    """The pool's interpreter: a request on standard input, items on standard output, both JSON."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what process() prints is no answer
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    wanted = json.load(sys.stdin)
    sys.path[:0] = wanted["path"]  # a process sees these folders as a Lambda sees its zip
    os.environ["EXPERIMENT_CONTROLS"] = "on"
    importlib.import_module("processing")
    settle = functools.partial(_settle, wanted["work"], wanted["fault"], wanted["tries"])
    processes = wanted["processes"]
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _leave_interrupts_to_parent)
    try:
        list(pool.map(time.sleep, [0.05] * processes))  # all are up before the clock starts
        began_at = time.time()
        items = [{**item, "received_at": began_at} for item in pool.map(settle, wanted["points"])]
    finally:
        pool.shutdown(cancel_futures=True)
    json.dump(items, answer)
    answer.close()


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _settle(work: str, fault: str, tries: int, point: list[Any]) -> dict[str, Any]:
    """One datapoint until it is done or dead; runs in a process of the pool."""
    controls, processing = (importlib.import_module(name) for name in ("experiment_controls", "processing"))
    n, data = point
    me = {"n": n, "environment_id": str(os.getpid()), "request_id": f"{os.getpid()}-{n}"}
    attempts: list[dict[str, Any]] = []
    for attempt in range(1, tries + 1):
        datapoint = Datapoint(run_id="local-pool", n=n, data=data, attempt=attempt, work=work, fault=fault)
        started_at = time.time()
        try:
            result = result_json(controls.run(processing.process, datapoint))
        except Exception as error:
            attempts.append({"cause": f"{type(error).__name__}: {error}"[:300], "at": time.time()})
            if isinstance(error, PermanentError):
                break
        else:
            times = {"started_at": started_at, "finished_at": time.time(), "put_at": time.time()}
            return {
                **me,
                **times,
                "outcome": STORED,
                "result": result,
                "attempts": attempts,
                "receives": attempt,
            }
    return {**me, "outcome": DEAD, "attempts": attempts, "receives": len(attempts), "dead_at": time.time()}


if __name__ == "__main__":
    main()
