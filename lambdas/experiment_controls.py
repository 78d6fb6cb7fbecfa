"""Run the declared work and faults around `process()`, so that processing.py stays free of them.

Only a stack with the parameter ExperimentControls on obeys them. `lambdist_lib/protocol/faults.py`
defines the kinds of faults.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from lambdist_lib.errors import GrammarError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import Datapoint, PermanentError

ON = os.environ.get("EXPERIMENT_CONTROLS") == "on"
LONGEST_TIMEOUT_S = 900  # AWS's limit for a function: a slow attempt outlasts any timeout
MIB = 1024 * 1024
BLOCK_MIB = 16
ENOUGH_MEMORY = 1.25  # times the function's: spares the machine on a target without a memory limit


class InjectedFault(Exception):
    """A transient failure from the fault plan."""


class InjectedPermanentFault(PermanentError):
    """A permanent failure from the fault plan."""


def reason_against(work: str, fault: str, *, function_timeout_s: float) -> str | None:
    """Return why this stack rejects a request's work or fault, or None."""
    if not ON and (work, fault) != ("none", "none"):
        return "work and fault need a stack deployed with ExperimentControls on"
    try:
        faults.parse_work(work, longest_s=function_timeout_s / 2)
        faults.parse_fault(fault)
    except GrammarError as error:
        return str(error)
    return None


def run(process: Callable[[str], object], datapoint: Datapoint) -> object:
    """Run `process(data)` after the declared work, unless the fault plan strikes this attempt."""
    if ON:
        _work(faults.parse_work(datapoint.work))
        if kind := faults.parse_fault(datapoint.fault).before_write(datapoint.n, datapoint.attempt):
            _strike(kind, f"injected by {datapoint.fault} at attempt {datapoint.attempt}")
    return process(datapoint.data)


def after_write(datapoint: Datapoint) -> None:
    """Inject the fault that follows a stored result."""
    if strikes("crash-after", datapoint):
        _die()


def strikes(kind: str, datapoint: Datapoint) -> bool:
    return ON and faults.parse_fault(datapoint.fault).strikes(kind, datapoint.n, datapoint.attempt)


def marks(datapoint: Datapoint) -> bool:
    """Whether to record that this attempt started, which tells a crash from a throttle.

    Only with such faults declared or after a failed attempt: one more write per datapoint
    would distort every measurement.
    """
    return ON and (datapoint.attempt > 1 or faults.parse_fault(datapoint.fault).may_leave_no_trace)


def held_s(event: dict[str, Any]) -> float:
    """Seconds for which this invocation only occupies concurrency (`runs/throttle_fault.py`)."""
    return float(event.get("hold_s", 0)) if ON else 0.0


def _strike(kind: str, cause: str) -> None:
    if kind == "crash":
        _die()
    elif kind == "memory":
        _exhaust_memory()
        raise InjectedFault(f"{cause}: the function got memory beyond its limit")
    elif kind == "slow":
        time.sleep(LONGEST_TIMEOUT_S)
    elif kind == "permanent":
        raise InjectedPermanentFault(cause)
    raise InjectedFault(cause)


def _die() -> None:
    os._exit(70)  # like a signal: no handler, no response, nothing flushed


def _exhaust_memory() -> None:
    limit_mib = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")) * ENOUGH_MEMORY
    taken: list[bytes] = []
    while len(taken) * BLOCK_MIB < limit_mib:
        taken.append(b"\1" * (BLOCK_MIB * MIB))


def _work(work: faults.Work) -> None:
    if work.kind == "io":
        time.sleep(work.seconds)
    elif work.kind == "cpu":
        end_s = time.process_time() + work.seconds
        while time.process_time() < end_s:
            pass
