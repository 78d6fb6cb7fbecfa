"""Declared work and faults around `process()`, so that the file a user edits stays free of them.

Obeyed only where the stack's parameter ExperimentControls is on.
"""

import os
import time
from collections.abc import Callable

from lambdist_lib import faults
from lambdist_lib.contract import Datapoint
from lambdist_lib.errors import GrammarError

ON = os.environ.get("EXPERIMENT_CONTROLS") == "on"


class InjectedFault(Exception):
    """A transient failure that the experiment's fault plan asked for."""


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
        if faults.parse_fault(datapoint.fault).strikes("raise", datapoint.n, datapoint.attempt):
            raise InjectedFault(f"injected by {datapoint.fault} at attempt {datapoint.attempt}")
    return process(datapoint.data)


def _work(work: faults.Work) -> None:
    if work.kind == "io":
        time.sleep(work.seconds)
    elif work.kind == "cpu":
        end_s = time.process_time() + work.seconds
        while time.process_time() < end_s:
            pass
