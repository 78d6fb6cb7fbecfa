"""One line that tells how far a long step is: in a terminal, in a notebook, and headless.

In a notebook one output changes in place and the saved file keeps its last state; in a
terminal one line is written over; elsewhere a line comes every ten seconds and at the end.
"""

import sys
import time
from typing import Any, Self

EVERY_S = 0.2
PLAIN_EVERY_S = 10.0


class Progress:
    """`with Progress("submitting") as progress: progress.show("12 of 100")`; ends with its last text."""

    def __init__(self, label: str) -> None:
        self._label, self._text, self._drawn = label, "", ""
        self._shown_s, self._began_s = 0.0, time.perf_counter()
        self._terminal = sys.stderr.isatty()
        self._notebook = _display_handle(self._line()) if _in_notebook() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._text += f" - {'interrupted' if kind is KeyboardInterrupt else 'failed'}"
        self._draw(last=True)

    def show(self, text: str) -> None:
        self._text = text
        every_s = EVERY_S if self._notebook or self._terminal else PLAIN_EVERY_S
        if time.perf_counter() - self._shown_s >= every_s:
            self._draw()

    def _draw(self, *, last: bool = False) -> None:
        self._shown_s = time.perf_counter()
        if self._notebook is not None:
            self._notebook.update({"text/plain": self._line()}, raw=True)
        elif self._terminal:
            print(f"\r\x1b[K{self._line()}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif self._text != self._drawn or not self._text:  # the last state may have been told already
            print(self._line(), file=sys.stderr, flush=True)
        self._drawn = self._text

    def _line(self) -> str:
        took_s = time.perf_counter() - self._began_s
        return f"{self._label}: {self._text or 'begins'} ({took_s:.1f} s)"


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, without importing IPython where none does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _display_handle(text: str) -> Any:
    from IPython.display import display

    return display({"text/plain": text}, raw=True, display_id=True)
