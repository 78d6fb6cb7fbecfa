"""Show the progress of a long step.

A notebook shows one output that changes in place; its saved file keeps the last state. A terminal
shows one or two lines that are overwritten. A log gets one line at the end of the step. A notebook that
papermill runs also writes lines to papermill's terminal or log.
"""

import html
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from lambdist_lib.formatting import NONE, count, counted, duration, shortened, wrapped_to

EVERY_S = 0.2
LOG_EVERY_S = 60.0  # log a line at this interval so that long steps do not look hung
LINE_EVERY_S = 5.0  # of a notebook that runs headless
BEGINS = "begins"  # until something is shown
CURSOR_UP = "\x1b[1A"
CLEAR_BELOW = "\x1b[J"

Log = Callable[[str], None]  # called with a line of progress


def to_stderr(line: str) -> None:
    """Print a line of progress at once."""
    print(_fitted(line), file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """The counts of a run under way, in datapoints; None where a count is not known (yet).

    phase: The run's current phase. submitted: Datapoints of the whole run. answered: Those with a
    response of the API. settled: Stored or dead. dead: Of the settled. in_flight: Sent and not settled.
    requests: Requests that wait for their response. processing: Messages that processors hold.
    problems: Names and counts of retries, rejections and the like; only those above zero.
    elapsed_s: Seconds since the run began.
    """

    phase: str
    submitted: int
    answered: int = 0
    settled: int | None = None
    dead: int | None = None
    in_flight: int | None = None
    requests: int = 0
    processing: int = 0
    problems: tuple[tuple[str, int], ...] = ()
    elapsed_s: float = 0.0

    @property
    def rate(self) -> float | None:
        """Settled datapoints per second; answered ones where the settled are not known."""
        done = self.answered if self.settled is None else self.settled
        return done / self.elapsed_s if done and self.elapsed_s > 0 else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the end at this rate; None before the first datapoint."""
        if not self.rate:
            return None
        waiting = 0 if self.settled is None else self.in_flight or 0
        return max(0, self.submitted - self.answered + waiting) / self.rate

    def cells(self) -> dict[str, str]:
        """Return each number as text, by its name; `-` where it is not known."""
        if self.settled is not None and self.dead is None:  # on AWS counting the dead would scan the table
            settled = {"stored or dead": f"{self.settled:,}"}
        else:
            stored = None if self.settled is None else max(0, self.settled - (self.dead or 0))
            settled = {"stored": count(stored), "dead": count(self.dead)}
        concurrent = [
            counted(self.requests, "requests") if self.requests else "",
            f"{counted(self.processing, 'messages')} in processing" if self.processing else "",
        ]
        return {
            "sent": f"{self.answered:,} of {self.submitted:,}",
            "in flight": count(self.in_flight),
            **settled,
            **{name: f"{number:,}" for name, number in self.problems},
            "rate": NONE if self.rate is None else f"{self.rate:,.0f}/s",
            "at once": ", ".join(filter(None, concurrent)) or NONE,
            "left": NONE if self.remaining_s is None else duration(self.remaining_s, rough=True),
        }

    def line(self, width: int = 1000) -> str:
        """Return the counts as one line; those that matter least are left out until it fits."""
        cells = {name: value for name, value in self.cells().items() if value != NONE}
        parts = {key: text if key in ("rate", "at once") else f"{text} {key}" for key, text in cells.items()}
        for least in ("at once", "rate", "in flight", *dict(self.problems), "left"):
            if len(", ".join(parts.values())) <= width:
                break
            parts.pop(least, None)
        return ", ".join(parts.values())[:width]

    def table(self) -> str:
        """Return the counts as an HTML table."""
        names, values = self.cells().keys(), self.cells().values()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        row = "".join(f"<td>{html.escape(value)}</td>" for value in values)
        return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Show the counts of a run.

    is_live: Whether a person watches them change; a log gets a line now and then, not worth further polls.
    """

    progress: "Progress"
    label: str
    is_live: bool

    def __call__(self, counts: RunProgress) -> None:
        """Show these counts."""
        self.progress.show(f"{self.label}, {counts.phase}" if self.label else counts.phase, counts)


class Progress:
    """Show the progress of one step, and its last state at the end.

    with Progress("submit") as progress:
        progress.show("3 of 9 files")
    """

    def __init__(self, label: str) -> None:
        self._label, self._text, self._end = label, BEGINS, ""
        self._counts: RunProgress | None = None
        self._began_s = self._shown_s = time.perf_counter()
        self._done = self._total = 0  # parts of the step, where it has some
        self._counted_s = 0.0  # from the beginning until `done` changed last
        self._lines = 1  # of the terminal that the next state is written over
        self._terminal = sys.stderr.isatty()
        self._notebook = _display_handle(self._saved()) if in_notebook() else None
        self._headless = _headless_stream() if self._notebook is not None else None
        self._line_s = self._began_s  # when the last line was written there
        self._written = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            is_interrupted = issubclass(kind, KeyboardInterrupt)
            if not is_interrupted and self._text == BEGINS and self._notebook is None:
                return  # refused before it did anything: the error says it
            self._end = " - interrupted" if is_interrupted else " - failed"
            # no rate and no remaining time: the step has ended
            self._counts = replace(self._counts, elapsed_s=0.0) if self._counts else None
        self._total = 0
        self._draw(last=True)
        self._write_line()

    def show(self, text: str, counts: RunProgress | None = None) -> None:
        """Show a text, and the counts of a run under way if given."""
        self._text, self._counts = text, counts
        if time.perf_counter() - self._line_s >= LINE_EVERY_S:
            self._write_line()
        every_s = EVERY_S if self._is_live else LOG_EVERY_S
        if time.perf_counter() - self._shown_s >= every_s:
            self._draw()

    def note(self, text: str) -> None:
        """Show a text at once, such as whom this process waits for: nothing may follow for long.

        In a terminal it stays above the progress.
        """
        self._text, self._counts = text, None
        self._write_line()
        if self._terminal and self._notebook is None:
            self._shown_s = time.perf_counter()
            self._write_over(self._last_lines(), last=True)
        else:
            self._draw()

    def count(self, done: int, total: int) -> None:
        """Count the parts of the step that are done, such as runs; the time left follows from them."""
        self._done, self._total = done, total
        self._counted_s = time.perf_counter() - self._began_s

    def watcher(self, label: str = "") -> "Watcher":
        """Return a function that shows a run's counts under `label`."""
        return Watcher(progress=self, label=label, is_live=self._is_live)

    @property
    def _is_live(self) -> bool:
        return self._terminal or self._notebook is not None

    def _draw(self, *, last: bool = False) -> None:
        self._shown_s = time.perf_counter()
        if self._notebook is not None:
            self._notebook.update(self._saved() if last else self._bundle(), raw=True)
        elif self._terminal:
            self._write_over(self._last_lines() if last else self._few_lines(), last=last)
        else:
            print(self._plain(), file=sys.stderr, flush=True)

    def _write_line(self) -> None:
        """Write a line to the terminal or log of the program that runs this notebook."""
        self._line_s = time.perf_counter()
        if self._headless is not None and self._written != f"{self._text}{self._end}":
            self._written = f"{self._text}{self._end}"
            clear = "\r\x1b[K" if os.isatty(self._headless) else ""  # papermill's bar has no line end
            os.write(self._headless, f"{clear}{self._labelled(self._written)}\n".encode())

    def _write_over(self, lines: list[str], *, last: bool) -> None:
        text = CURSOR_UP * (self._lines - 1) + "\r" + CLEAR_BELOW + "\n".join(lines)
        print(text, end="\n" if last else "", file=sys.stderr, flush=True)
        self._lines = 1 if last else len(lines)  # a last state stays

    def _few_lines(self) -> list[str]:
        """Return the lines for a terminal, each within its width."""
        width = shutil.get_terminal_size().columns - 1
        head = self._labelled(self._text, width)[:width]
        return [head, f"  {self._counts.line(width - 2)}"] if self._counts else [head]

    def _last_lines(self) -> list[str]:
        """Return the last state, wrapped between words to the terminal's width."""
        width = shutil.get_terminal_size().columns - 1
        return wrapped_to(width, self._plain()).split("\n")

    def _bundle(self) -> dict[str, str]:
        """Return the bundle that a notebook shows now."""
        if self._counts is None:
            return self._saved()
        shown = f"<div>{html.escape(self._labelled(self._text))}</div>{self._counts.table()}"
        return {**self._saved(), "text/html": shown}

    def _saved(self) -> dict[str, str]:
        """Return the text that a notebook file keeps; after an interrupt it has the counts, too."""
        counts = f"\n  {self._counts.line()}" if self._counts else ""
        return {"text/plain": self._labelled(f"{self._text}{self._end}") + counts}

    def _plain(self) -> str:
        """Return the text and the counts as one line."""
        counts = f": {self._counts.line()}" if self._counts else ""
        return self._labelled(f"{self._text}{counts}{self._end}")

    def _labelled(self, text: str, width: int = 0) -> str:
        """Return the text with the label before and the times behind it; within a width the text is cut."""
        label, text, times = self._around(text)
        room = width - len(label) - len(times)
        return f"{label}{shortened(text, max(room, 1)) if width else text}{times}"

    def _around(self, text: str) -> tuple[str, str, str]:
        spent_s, left = time.perf_counter() - self._began_s, ""
        if 0 < self._done < self._total:
            part_s = self._counted_s / self._done
            rest_s = part_s * (self._total - self._done - 1)  # after the part under way
            left_s = rest_s + max(0.0, part_s - (spent_s - self._counted_s))
            left = f", about {duration(left_s, rough=True)} left"
        return f"{self._label}: ", text, f"{left} ({spent_s:.1f} s)"


def print_note(note: str) -> None:
    """Print a note, unless it is empty: to standard error, which a notebook would show as a failure."""
    if note and in_notebook():
        print(note)
    elif note:
        print(_fitted(note), file=sys.stderr)


def _fitted(line: str) -> str:
    """Wrap a line to the terminal; a log gets it whole."""
    return wrapped_to(shutil.get_terminal_size().columns, line) if sys.stderr.isatty() else line


def in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this code. Does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def is_headless() -> bool:
    """Return whether a program such as papermill runs this notebook, not a person's Jupyter server."""
    return in_notebook() and "JPY_SESSION_NAME" not in os.environ


def _headless_stream() -> int | None:
    """Return the stderr that a kernel inherited; None in a Jupyter server, which shows the notebook.

    ipykernel redirects the file descriptor and keeps a copy of it under a private name.
    """
    if "JPY_SESSION_NAME" in os.environ:
        return None
    copy = getattr(sys.stderr, "_original_stdstream_copy", None)
    return copy if isinstance(copy, int) else None


def _display_handle(bundle: dict[str, str]) -> Any:
    from IPython.display import display

    return display(bundle, raw=True, display_id=True)
