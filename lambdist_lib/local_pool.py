"""The arm without a cloud: `process()` and the declared work in N processes of this machine.

What a person would do who has no Lambdas: the comparison that a fan-out has to win. The
attempt itself is the Lambdas' own code.
"""

import functools
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from lambdist_lib import project
from lambdist_lib.contract import DEAD, STORED, Datapoint, PermanentError, result_json
from lambdist_lib.datapoints import Line


def process_all(
    lines: Iterable[Line], *, processes: int, work: str, fault: str, tries: int
) -> dict[int, dict[str, Any]]:
    """Process every line that is a datapoint; returns items as the table would hold them, by n.

    Args:
        tries: Attempts before a datapoint is dead; without a queue they follow at once.
    """
    # processes forked from a clean server: a fork of this one would inherit its threads' locks
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    settle = functools.partial(_settle, work, fault, tries)
    with context.Pool(processes, _initialise, [str(project.LAMBDAS)]) as pool:
        pool.map(time.sleep, [0.05] * processes, chunksize=1)  # the pool is up before the clock starts
        points = ((line.n, line.data) for line in lines if not line.reason)
        began_at = time.time()
        return {item["n"]: {**item, "received_at": began_at} for item in pool.imap_unordered(settle, points)}


def _initialise(lambdas: str) -> None:
    """A pool's process sees lambdas/ as a Lambda sees its zip."""
    sys.path.insert(0, lambdas)
    os.environ["EXPERIMENT_CONTROLS"] = "on"
    importlib.import_module("processing")


def _settle(work: str, fault: str, tries: int, point: tuple[int, str]) -> dict[str, Any]:
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
