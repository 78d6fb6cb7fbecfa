"""Treat SIGTERM as Ctrl-C: the command ends cleanly and says how to continue."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[list[int]]:
    """While the block runs, SIGTERM raises KeyboardInterrupt; yields a list, empty until one has come.

    A second one during the way out ends the process as before. Only the main thread receives signals.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.getsignal(signal.SIGTERM)

    def interrupt(number: int, _: FrameType | None) -> None:
        seen.append(number)
        signal.signal(signal.SIGTERM, before)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGTERM, before)
