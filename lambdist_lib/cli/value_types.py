"""Check the values of options while they are parsed: before anything is deployed, sent or written.

A type returns the value, or raises ArgumentTypeError with the end of a sentence that begins with the
option's name: `--chunks is '0'; write a whole number from 1 on`.
"""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import EXPERIMENT_ID_MAX_CHARS, RUN_ID


def _refusal(text: str, remedy: str) -> argparse.ArgumentTypeError:
    shown = text if re.fullmatch(r"[\w.%+-]+", text) else repr(text)
    return argparse.ArgumentTypeError(f"is {shown}; write {remedy}")


def _float(text: str) -> float:
    """Return the number that a text is; NaN for any other text."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole(low: int, high: int | None = None, *, or_zero: bool = False) -> Callable[[str], int]:
    """Return a type for whole numbers from `low` to `high`; with `or_zero` also 0."""
    span = f"a whole number from {low:,} {'on' if high is None else f'to {high:,}'}"
    remedy = f"{span}, or 0 for the default" if or_zero else span

    def parse(text: str) -> int:
        if not (text.isascii() and text.removeprefix("-").isdecimal()) or len(text) > 18:
            raise _refusal(text, remedy)
        value = int(text)
        if (or_zero and value == 0) or (low <= value and (high is None or value <= high)):
            return value
        raise _refusal(text, remedy)

    return parse


def real(low: float, below: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """Return a type for finite numbers from `low` on (or `above` it) and below `below`."""
    start = f"above {low:g}" if above else f"from {low:g} on"
    remedy = f"a number {start}" if math.isinf(below) else f"a number {start} and below {below:,.0f}"

    def parse(text: str) -> float:
        value = _float(text)
        if math.isfinite(value) and value < below and (value > low or (value == low and not above)):
            return value
        raise _refusal(text, remedy)

    return parse


def datapoints(text: str) -> float:
    """Parse a number of datapoints: whole, also as a power such as 1e9."""
    value = _float(text)
    if not (math.isfinite(value) and value >= 1 and value.is_integer()):
        raise _refusal(text, "a whole number from 1 on, such as 1e9")
    return value


def share(text: str) -> float:
    """Parse a share below 1: `0.05` or `5%`; a bare 1 or 5 was meant as per cent."""
    value = _float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value < 1:
        raise _refusal(text, "a share below 1, such as 0.05 or 5%")
    return value


def dead_limit(text: str) -> str:
    """Check a limit of dead datapoints by its grammar."""
    from lambdist_lib.runs import dead_limit

    try:
        dead_limit.parse(text)
    except UsageError:
        raise _refusal(text, dead_limit.REMEDY) from None
    return text


def not_empty(text: str) -> str:
    """Refuse an empty text: a variable of a script that is not set."""
    if not text.strip():
        raise _refusal(text, "a name; is a variable of your script empty?")
    return text


def folder(text: str) -> Path:
    """Return the path of a folder or file; refuse an empty text."""
    return Path(not_empty(text))


def work(text: str) -> str:
    """Check declared work by its grammar."""
    faults.parse_work(text)
    return text


def fault(text: str) -> str:
    """Check a fault plan by its grammar."""
    faults.parse_fault(text)
    return text


def experiment_id(text: str) -> str:
    """Check an experiment's id: it names a folder."""
    if not RUN_ID.fullmatch(text) or len(text) > EXPERIMENT_ID_MAX_CHARS:
        raise argparse.ArgumentTypeError(
            f"is an invalid experiment id {text!r}: use 1 to {EXPERIMENT_ID_MAX_CHARS} of a-z, 0-9 and -"
        )
    return text


def arms(text: str) -> str:
    """Check a list of arms, separated by commas: each known, none twice."""
    names = text.split(",")
    if unknown := [name for name in names if name not in ARMS]:
        raise argparse.ArgumentTypeError(f"has an unknown arm {unknown[0]!r}: use one of {', '.join(ARMS)}")
    if len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"is {text!r}; name each arm once")
    return text


def setting(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise _refusal(text, "NAME=VALUE, such as memory_mb=256")
    return name, value


def columns(text: str) -> list[str]:
    """Split names of columns, separated by commas: none empty, none twice."""
    names = text.split(",")
    if not all(map(str.strip, names)) or len(set(names)) < len(names):
        raise _refusal(text, "names of columns, each once, such as url or url,lang")
    return names
