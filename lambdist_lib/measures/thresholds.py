"""Check measures against thresholds in CI: `--fail-if 'dead_rate>0.01' --fail-if 'speedup_low<2'`.

    thresholds.require(summary, ["dead_rate>0.01"])     raises ThresholdError where the expression holds

Names are those of `summary.flat`: a measure, or an end of its interval with `_low` and `_high`. A
measure that is not known (too few runs for an interval, nothing stored) counts as a failure.
"""

import math
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lambdist_lib.errors import ThresholdError, UsageError
from lambdist_lib.formatting import closest
from lambdist_lib.measures import measure_names
from lambdist_lib.measures.summary import SUFFIXES, flat
from lambdist_lib.protocol.arms import ARMS

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
EXPRESSION = re.compile(r"\s*(?P<name>\w+)\s*(?P<sign>>=|<=|>|<)\s*(?P<bound>[-+0-9.eE]+)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """An expression that fails if it holds. `bound` is in the unit of the measure `name`."""

    name: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A threshold that failed, with the measure's value."""

    threshold: Threshold
    value: float  # NaN if it is not known
    note: str  # the reason

    def __str__(self) -> str:
        if math.isnan(self.value):
            return (
                f"{self.threshold}: {self.threshold.name} is not known{': ' + self.note if self.note else ''}"
            )
        return f"{self.threshold}: {self.threshold.name} is {self.value:.4g}"


def parse(text: str) -> Threshold:
    """Parse one expression.

    Raises:
        UsageError: The expression is invalid.
    """
    match = EXPRESSION.fullmatch(text)
    try:
        bound = float(match["bound"]) if match else math.nan
    except ValueError:
        bound = math.nan
    if not match or not math.isfinite(bound):
        raise UsageError(
            f"invalid threshold {text!r}: write a measure, one of {' '.join(COMPARISONS)} and a number, "
            "such as 'dead_rate>0.01' or 'speedup_low<2'"
        )
    return Threshold(match["name"], match["sign"], bound)


def require_possible(expressions: Iterable[str], arms: Iterable[str] = ARMS) -> None:
    """Check thresholds before anything is measured.

    Args:
        arms: Those that run; by default any.

    Raises:
        UsageError: An expression is invalid, names no measure, or holds always or never; or several of one
            measure leave no value that passes.
    """
    thresholds = []
    names = [f"{name}{suffix}" for name in measure_names.known(arms) for suffix in SUFFIXES]
    for text in expressions:
        threshold = parse(text)
        thresholds.append(threshold)
        if threshold.name not in names and not measure_names.SWEEP.fullmatch(threshold.name):
            near = closest(threshold.name, names)
            hint = (
                f"did you mean {near}?" if near else "`lambdist analyse RUN --json` lists them under measures"
            )
            raise UsageError(f"unknown measure {threshold.name!r} in the threshold {text!r}: {hint}")
        if always := _holds_always_or_never(threshold):
            raise UsageError(
                f"the threshold {text!r} {always}: {threshold.name} is between 0 and "
                f"{measure_names.highest(threshold.name):g}; write another bound"
            )
    _require_a_value_that_passes(thresholds)


def _require_a_value_that_passes(thresholds: list[Threshold]) -> None:
    for name in dict.fromkeys(threshold.name for threshold in thresholds):
        own = [threshold for threshold in thresholds if threshold.name == name]
        highest = measure_names.highest(name)
        near = {end for t in own for end in (t.bound, *(math.nextafter(t.bound, to) for to in (0, highest)))}
        values = [value for value in {0.0, highest, *near} if 0 <= value <= highest]
        if all(any(COMPARISONS[t.sign](value, t.bound) for t in own) for value in values):
            shown = " and ".join(repr(str(threshold)) for threshold in own)
            raise UsageError(f"the thresholds {shown} together always fail: no {name} passes all of them")


def _holds_always_or_never(threshold: Threshold) -> str:
    """Return "always fails" or "never fails" for a threshold that tells nothing, else ""."""
    compare = COMPARISONS[threshold.sign]
    ends = {compare(value, threshold.bound) for value in (0.0, measure_names.highest(threshold.name))}
    if len(ends) == 2:
        return ""
    return "always fails" if ends == {True} else "never fails"


def violated(summary: dict[str, Any], expressions: Iterable[str]) -> list[Violation]:
    """Return the thresholds that fail: those that hold, or whose measure is not known.

    Args:
        summary: What `measures.summary.build` returns, or was read from `summary.json`.

    Raises:
        UsageError: An expression is invalid, or its measure does not exist.
    """
    numbers, violations = flat(summary), []
    for threshold in [parse(text) for text in expressions]:
        if threshold.name not in numbers:
            raise UsageError(_unknown(threshold.name, list(numbers), summary))
        value = numbers[threshold.name]
        if math.isnan(value) or COMPARISONS[threshold.sign](value, threshold.bound):
            measure = summary["measures"].get(re.sub("_(low|high)$", "", threshold.name), {})
            violations.append(Violation(threshold, value, measure.get("note") or ""))
    return violations


def require(summary: dict[str, Any], expressions: Iterable[str]) -> None:
    """Raise ThresholdError, which ends a command with status 4, if a threshold fails."""
    if violations := violated(summary, expressions):
        raise ThresholdError("failed: " + "; ".join(map(str, violations)))


def _unknown(name: str, known: list[str], summary: dict[str, Any]) -> str:
    near = closest(name, known)
    hint = f"did you mean {near}? Known" if near else "known"
    measures = ", ".join(summary["measures"])
    return f"unknown measure {name!r}: {hint}, each also with _low and _high: {measures}"
