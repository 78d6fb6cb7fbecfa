"""Check the arguments of everything that runs, before anything is deployed, written or measured.

Each check returns the value in Python's own type, or raises a UsageError that names the argument and
what to write. Bounds that a template has are read from it.
"""

import math
import numbers
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from lambdist_lib.deployment import templates
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.arms import require_arm

OF_STACK = {  # conditions that a deployed stack sets, by its parameters
    "max_chars": "DatapointMaxChars",
    "memory_mb": "MemoryMb",
    "processors": "MaximumConcurrency",
    "queue_batch": "QueueBatch",
    "retry_delay_s": "RetryDelaySeconds",
}
MAX_SEED = 10**18 - 1  # as many digits as a fault plan spells (`faults.NUMBER`)
TEMPERATURES = ("warm", "cold")


def whole(name: str, value: Any, low: int = 0, high: int | None = None, *, zero: str = "") -> int:
    """Return a whole number within bounds.

    Args:
        zero: What 0 stands for, where it is allowed below `low`.
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_whole and ((zero and value == 0) or (value >= low and (high is None or value <= high))):
        return int(value)
    span = f"{low:,} or more" if high is None else f"{low:,} to {high:,}"
    also = f", or 0 for {zero}" if zero else ""
    raise UsageError(f"{name} is {value!r}; write a whole number, {span}{also}")


def real(name: str, value: Any, low: float = 0.0, below: float = math.inf) -> float:
    """Return a finite number that is at least `low` and less than `below`."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if is_real and math.isfinite(value) and low <= value < below:
        return float(value)
    upper = "" if math.isinf(below) else f" and below {below:g}"
    raise UsageError(f"{name} is {value!r}; write a number, {low:g} or more{upper}")


def text(name: str, value: Any) -> str:
    """Return a text."""
    if isinstance(value, str):
        return value
    raise UsageError(f"{name} is {value!r}; write text, in quotes")


def flag(name: str, value: Any) -> bool:
    """Return True or False."""
    if value is True or value is False:
        return value
    raise UsageError(f"{name} is {value!r}; write True or False")


def from_template(name: str, value: Any, *, parameter: str = "") -> int:
    """Return a whole number within the bounds of a template's parameter, by default the condition's own."""
    declared = templates.parameters("distributed")[parameter or OF_STACK[name]]
    return whole(name, value, declared["MinValue"], declared["MaxValue"])


def several(name: str, values: Any, what: str) -> list[Any]:
    """Return a collection as a list: not empty, without repetitions, and not one text."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"{name} is {values!r}; write a list of {what}")
    listed = list(values)
    if not listed:
        raise UsageError(f"{name} is empty; write at least one of {what}")
    for k, value in enumerate(listed):
        if value in listed[:k]:
            raise UsageError(f"{name} names {value!r} twice; write each once")
    return listed


def arms(values: Any) -> tuple[str, ...]:
    """Return names of arms, each known and named once."""
    known = several("arms", values, "arms, such as ['distributed', 'single_node']")
    for arm in known:
        require_arm(arm)
    return tuple(known)


def temperatures(values: Any) -> tuple[str, ...]:
    """Return the temperatures of a sweep's runs."""
    known = several("temperatures", values, f"{' and '.join(TEMPERATURES)}")
    require_known("temperatures", known, TEMPERATURES)
    return tuple(known)


def require_no_condition(settings: Collection[str], conditions: Collection[str]) -> None:
    """Raise UsageError for a setting of the stacks that is a condition of the experiment."""
    if double := set(settings) & set(conditions):
        raise UsageError(
            f"{', '.join(sorted(double))}: a condition of the experiment, recorded with its runs; "
            "pass it to Experiment(...) or as an option of its own, not to deploy(...) or --set"
        )


def require_known(name: str, values: Collection[Any], known: Sequence[str]) -> None:
    """Raise UsageError for a value that is not one of the known words."""
    for value in values:
        if value not in known:
            raise UsageError(f"{name} is {value!r}; write one of {', '.join(known)}")
