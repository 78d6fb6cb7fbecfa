"""Numbers, intervals and names as people read them in a page."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

NONE = "-"


def label(name: str) -> str:
    return name.replace("_", " ")


def is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None) -> str:
    """Three digits."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def count(value: float | None) -> str:
    return f"{value:,.0f}" if is_known(value) else NONE


def counted(value: int, things: str) -> str:
    """`1 run`, `10 runs`."""
    return f"{value:,} {things.removesuffix('s') if value == 1 else things}"


def percent(share: float | None) -> str:
    return NONE if share is None or not math.isfinite(share) else f"{share * 100:.3g} %"


def between(low: float | None, high: float | None, as_text: Callable[[float | None], str] = number) -> str:
    """An interval, its unit once."""
    if not (is_known(low) and is_known(high)):
        return NONE
    first, last = as_text(low), as_text(high)
    return f"{first.removesuffix(' %')} to {last}"


def moment(at: float | None) -> str:
    """Seconds since the epoch as a date and time, UTC."""
    if at is None or not math.isfinite(at):
        return NONE
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


UNITS_S = (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0))


def duration(seconds: float) -> str:
    for unit, length_s in UNITS_S:
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.1f} s"


def money(usd: float) -> str:
    """Cents from a dollar on, two digits below."""
    return f"{usd:,.2f}" if usd >= 1 else f"{usd:.2g}"
