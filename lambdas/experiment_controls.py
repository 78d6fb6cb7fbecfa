"""Declared work and faults around `process()`, so that the file a user edits stays free of them.

Obeyed only where the stack's parameter ExperimentControls is on. What a kind of fault
means stands in `lambdist_lib/faults.py`.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from lambdist_lib.errors import GrammarError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import Datapoint, PermanentError

ON = os.environ.get("EXPERIMENT_CONTROLS") == "on"
LONGEST_TIMEOUT_S = 900  # of a Lambda function: a slow attempt outlasts any
MIB = 1024 * 1024
BLOCK_MIB = 16
ENOUGH_MEMORY = 1.25  # times the function's: on a target without a limit the rest of the machine is spared


class InjectedFault(Exception):
    """A transient failure that the experiment's fault plan asked for."""


class InjectedPermanentFault(PermanentError):
    """A permanent one."""


def reason_against(work: str, fault: str, *, function_timeout_s: float) -> str | None:
    """Why a request's controls are refused, or None."""
    if not ON and (work, fault) != ("none", "none"):
        return "work and fault need a stack deployed with ExperimentControls on"
    try:
        faults.parse_work(work, longest_s=function_timeout_s / 2)
        faults.parse_fault(fault)
    except GrammarError as error:
        return str(error)
    return None


def run(process: Callable[[str], object], datapoint: Datapoint) -> object:
    """`process(data)` after the declared work, unless the fault plan strikes this attempt."""
    if ON:
        _work(faults.parse_work(datapoint.work))
        if kind := faults.parse_fault(datapoint.fault).before_write(datapoint.n, datapoint.attempt):
            _strike(kind, f"injected by {datapoint.fault} at attempt {datapoint.attempt}")
    return process(datapoint.data)


def after_write(datapoint: Datapoint) -> None:
    """What the plan has for an attempt whose result has just been written."""
    if strikes("crash-after", datapoint):
        _die()


def strikes(kind: str, datapoint: Datapoint) -> bool:
    return ON and faults.parse_fault(datapoint.fault).strikes(kind, datapoint.n, datapoint.attempt)


def marks(datapoint: Datapoint) -> bool:
    """Whether the begin of this attempt is written down, so that a crash can be told from a throttle.

    Only where such faults are declared or an attempt has failed before: a write more for each
    datapoint would be in every measurement.
    """
    return ON and (datapoint.attempt > 1 or faults.parse_fault(datapoint.fault).may_leave_no_trace)


def held_s(event: dict[str, Any]) -> float:
    """For how long this invocation is to do nothing but take its place (`runs/throttling.py`)."""
    return float(event.get("hold_s", 0)) if ON else 0.0


def _strike(kind: str, cause: str) -> None:
    if kind == "crash":
        _die()
    elif kind == "memory":
        _exhaust_memory()
        raise InjectedFault(f"{cause}: memory beyond the function's limit was given all the same")
    elif kind == "slow":
        time.sleep(LONGEST_TIMEOUT_S)
    elif kind == "permanent":
        raise InjectedPermanentFault(cause)
    raise InjectedFault(cause)


def _die() -> None:
    os._exit(70)  # as from a signal: no handler, no answer, nothing flushed


def _exhaust_memory() -> None:
    most_mib = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")) * ENOUGH_MEMORY
    taken: list[bytes] = []
    while len(taken) * BLOCK_MIB < most_mib:
        taken.append(b"\1" * (BLOCK_MIB * MIB))


def _work(work: faults.Work) -> None:
    if work.kind == "io":
        time.sleep(work.seconds)
    elif work.kind == "cpu":
        end_s = time.process_time() + work.seconds
        while time.process_time() < end_s:
            pass
