"""How far a long step is: in a notebook one output that changes in place, and its saved file keeps
the last state; in a terminal one or two lines, written over; elsewhere one line when it has ended.
"""

import html
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

EVERY_S = 0.2
PLAIN_EVERY_S = 60.0  # in a log a line of the long ones still, so that nobody takes them for dead
UP = "\x1b[1A"
CLEAR_BELOW = "\x1b[J"


MINUTE_S, HOUR_S = 60, 3600


UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
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


class Progress:
    """`with Progress("submit") as progress: progress.show("3 of 9 files")`; ends with its last state."""

    def __init__(self, label: str) -> None:
        self._label, self._text, self._end = label, "begins", ""
        self._counts: RunProgress | None = None
        self._began_s = self._shown_s = time.perf_counter()
        self._lines = 1  # of the terminal that the next state is written over
        self._terminal = sys.stderr.isatty()
        self._notebook = _display_handle(self._saved()) if in_notebook() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._end = " - interrupted" if issubclass(kind, KeyboardInterrupt) else " - failed"
            self._counts = (
                replace(self._counts, took_s=0.0) if self._counts else None
            )  # nothing is left to wait for
        self._draw(last=True)

    def show(self, text: str, counts: RunProgress | None = None) -> None:
        """What goes on now, and how far the run is that does."""
        self._text, self._counts = text, counts
        every_s = EVERY_S if self._is_live else PLAIN_EVERY_S
        if time.perf_counter() - self._shown_s >= every_s:
            self._draw()

    def watcher(self, label: str = "") -> Callable[[RunProgress], None] | None:
        """Shows the counts of a run, which `label` names; None where nobody would see them."""
        if not self._is_live:
            return None
        return lambda counts: self.show(f"{label}, {counts.doing}" if label else counts.doing, counts)

    @property
    def _is_live(self) -> bool:
        return self._terminal or self._notebook is not None

    def _draw(self, *, last: bool = False) -> None:
        self._shown_s = time.perf_counter()
        if self._notebook is not None:
            self._notebook.update(self._saved() if last else self._bundle(), raw=True)
        elif self._terminal:
            self._write_over([self._plain()] if last else self._few_lines(), last=last)
        else:
            print(self._plain(), file=sys.stderr, flush=True)

    def _write_over(self, lines: list[str], *, last: bool) -> None:
        text = UP * (self._lines - 1) + "\r" + CLEAR_BELOW + "\n".join(lines)
        print(text, end="\n" if last else "", file=sys.stderr, flush=True)
        self._lines = len(lines)

    def _few_lines(self) -> list[str]:
        """For a terminal, none of them longer than it is wide."""
        width = shutil.get_terminal_size().columns - 1
        head = self._told(self._text)[:width]
        return [head, f"  {self._counts.line(width - 2)}"] if self._counts else [head]

    def _bundle(self) -> dict[str, str]:
        """For a notebook."""
        if self._counts is None:
            return self._saved()
        shown = f"<div>{html.escape(self._told(self._text))}</div>{self._counts.table()}"
        return {**self._saved(), "text/html": shown}

    def _saved(self) -> dict[str, str]:
        """What stays in a notebook is text, and after an interrupt the counts in a line of their own."""
        counted = f"\n  {self._counts.line()}" if self._counts else ""
        return {"text/plain": self._told(f"{self._text}{self._end}") + counted}

    def _plain(self) -> str:
        """All of it in one line."""
        counted = f": {self._counts.line()}" if self._counts else ""
        return self._told(f"{self._text}{counted}{self._end}")

    def _told(self, text: str) -> str:
        return f"{self._label}: {text} ({time.perf_counter() - self._began_s:.1f} s)"


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, without importing IPython where none does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _display_handle(bundle: dict[str, str]) -> Any:
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)
