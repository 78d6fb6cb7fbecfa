"""A run under way in numbers, and how they read: as one line of any width, or as a row of a table."""

import html
from dataclasses import dataclass
from typing import NamedTuple

MINUTE_S, HOUR_S = 60, 3600
UNKNOWN = "-"


class Depth(NamedTuple):
    """Messages of the queue and the dead-letter queue together, in the order of `settling.DEPTHS`."""

    waiting: int = 0
    in_work: int = 0
    delayed: int = 0

    @property
    def total(self) -> int:
        return sum(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is known of a run while it goes on, in datapoints; None is what nobody has looked up (yet).

    doing: what goes on now. submitted: of the whole run. answered: with a verdict of the API.
    settled: stored or dead. dead: of the settled. in_flight: sent, and not settled. requests: without an
    answer so far. in_work: messages that processors hold. troubles: further verdicts, not zero.
    """

    doing: str
    submitted: int
    answered: int = 0
    settled: int | None = None
    dead: int | None = None
    in_flight: int | None = None
    requests: int = 0
    in_work: int = 0
    troubles: tuple[tuple[str, int], ...] = ()
    took_s: float = 0.0

    @property
    def rate(self) -> float | None:
        """Datapoints per second that are settled, or answered where nobody knows more."""
        done = self.answered if self.settled is None else self.settled
        return done / self.took_s if done and self.took_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """Until the end at this rate."""
        if not self.rate:
            return None
        waiting = 0 if self.settled is None else self.in_flight or 0
        return max(0, self.submitted - self.answered + waiting) / self.rate

    def cells(self) -> dict[str, str]:
        """Every number by its name, as people read it."""
        if self.settled is not None and self.dead is None:  # nobody counts a table for that on AWS
            settled = {"stored or dead": f"{self.settled:,}"}
        else:
            stored = None if self.settled is None else max(0, self.settled - (self.dead or 0))
            settled = {"stored": _known(stored), "dead": _known(self.dead)}
        at_once = [_plural(self.requests, "request"), f"{self.in_work:,} in work" if self.in_work else ""]
        return {
            "sent": f"{self.answered:,} of {self.submitted:,}",
            "in flight": _known(self.in_flight),
            **settled,
            **{name: f"{count:,}" for name, count in self.troubles},
            "rate": UNKNOWN if self.rate is None else f"{self.rate:,.0f}/s",
            "at once": ", ".join(filter(None, at_once)) or UNKNOWN,
            "left": UNKNOWN if self.left_s is None else duration(self.left_s),
        }

    def line(self, width: int = 1000) -> str:
        """As much of it as fits, the more important before the others."""
        parts = {name: _told(name, value) for name, value in self.cells().items() if value != UNKNOWN}
        for least in ("at once", "rate", "in flight", *dict(self.troubles), "left"):
            if len(", ".join(parts.values())) <= width:
                break
            parts.pop(least, None)
        return ", ".join(parts.values())[:width]

    def table(self) -> str:
        """The same as HTML."""
        names, values = self.cells().keys(), self.cells().values()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        row = "".join(f"<td>{html.escape(value)}</td>" for value in values)
        return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"


def duration(seconds: float) -> str:
    """A duration in the unit in which people would say it."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.1f} h"


def _known(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count:,}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}" if count else ""


def _told(name: str, value: str) -> str:
    return value if name in ("rate", "at once") else f"{value} {name}"
