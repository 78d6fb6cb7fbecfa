"""What a measure must not do, as CI writes it: `--fail-if 'dead_rate>0.01' --fail-if 'speedup_low<2'`.

    thresholds.require(summary, ["dead_rate>0.01"])     raises ThresholdError where it is so

Names are those of `summary.flat`: a measure, or an end of its interval with `_low` and `_high`. A
measure that could not be had (too few runs for an interval, nothing stored) counts as a failure:
a gate that nobody could check has not been passed.
"""

import difflib
import math
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lambdist_lib.errors import ThresholdError, UsageError
from lambdist_lib.measures.summary import flat

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
EXPRESSION = re.compile(r"\s*(?P<name>\w+)\s*(?P<sign>>=|<=|>|<)\s*(?P<bound>[-+0-9.eE]+)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """Fails if the measure `name` compares so with `bound`, which is in the measure's unit."""

    name: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class Violation:
    threshold: Threshold
    value: float  # NaN if it could not be had
    note: str  # why not

    def __str__(self) -> str:
        if math.isnan(self.value):
            return (
                f"{self.threshold}: {self.threshold.name} is not known{': ' + self.note if self.note else ''}"
            )
        return f"{self.threshold}: {self.threshold.name} is {self.value:.4g}"


def parse(text: str) -> Threshold:
    """Read one expression.

    Raises:
        UsageError: It is none.
    """
    found = EXPRESSION.fullmatch(text)
    try:
        bound = float(found["bound"]) if found else math.nan
    except ValueError:
        bound = math.nan
    if not found or math.isnan(bound):
        raise UsageError(
            f"{text!r} is no threshold; write a measure, one of {' '.join(COMPARISONS)} and a number, "
            "such as 'dead_rate>0.01' or 'speedup_low<2'"
        )
    return Threshold(found["name"], found["sign"], bound)


def violated(summary: dict[str, Any], expressions: Iterable[str]) -> list[Violation]:
    """Those of the expressions that hold, or whose measure is not known.

    Args:
        summary: What `measures.summary.build` returns, or was read from `summary.json`.

    Raises:
        UsageError: An expression does not parse, or names no measure.
    """
    numbers, found = flat(summary), []
    for one in [parse(text) for text in expressions]:
        if one.name not in numbers:
            raise UsageError(_unknown(one.name, list(numbers), summary))
        value = numbers[one.name]
        if math.isnan(value) or COMPARISONS[one.sign](value, one.bound):
            measure = summary["measures"].get(re.sub("_(low|high)$", "", one.name), {})
            found.append(Violation(one, value, measure.get("note") or ""))
    return found


def require(summary: dict[str, Any], expressions: Iterable[str]) -> None:
    """Raises ThresholdError, a line for each violated threshold, which ends a command with status 4."""
    if found := violated(summary, expressions):
        raise ThresholdError("failed: " + "; ".join(map(str, found)))


def _unknown(name: str, known: list[str], summary: dict[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}? Known" if close else "known"
    measures = ", ".join(summary["measures"])
    return f"there is no measure {name!r}; {hint}, each also with _low and _high: {measures}"
