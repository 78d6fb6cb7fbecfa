"""How far a long step is: in a notebook one output that changes in place, and its saved file keeps
the last state; in a terminal one or two lines, written over; elsewhere one line when it has ended.
"""

import html
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from lambdist_lib.counts import Counts

EVERY_S = 0.2
PLAIN_EVERY_S = 60.0  # in a log a line of the long ones still, so that nobody takes them for dead
UP = "\x1b[1A"
CLEAR_BELOW = "\x1b[J"


class Progress:
    """`with Progress("submit") as progress: progress.show("3 of 9 files")`; ends with its last state."""

    def __init__(self, label: str) -> None:
        self._label, self._text, self._end = label, "begins", ""
        self._counts: Counts | None = None
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

    def show(self, text: str, counts: Counts | None = None) -> None:
        """What goes on now, and how far the run is that does."""
        self._text, self._counts = text, counts
        every_s = EVERY_S if self._is_live else PLAIN_EVERY_S
        if time.perf_counter() - self._shown_s >= every_s:
            self._draw()

    def watcher(self, label: str = "") -> Callable[[Counts], None] | None:
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
