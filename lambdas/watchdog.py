"""End an attempt shortly before the function's timeout would end its whole batch.

The timeout kills the process, so nothing of the batch would be stored, recorded or released.
An alarm raises `TimedOut` in the running code a moment before, and again if that code catches it
and goes on; `rang` tells either. Native code that does not return to Python, and code that catches
every repetition, still run into the timeout.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

MARGIN_S = 1.0  # to record the failure, release the rest and respond
MARGIN_SHARE = 0.25  # of a short timeout
REPEAT_SHARE = 0.3  # of the margin: three repetitions, each with time for a clean-up


class TimedOut(BaseException):
    """Raised in process(); a BaseException, so that `except Exception` does not swallow it."""


class Watchdog:
    """The time limit of one invocation; `context` is the Lambda's.

    rang: Whether the alarm rang in the last guarded block, even if the block caught it.
    """

    def __init__(self, context: Any) -> None:
        left_s: float = context.get_remaining_time_in_millis() / 1000
        margin_s = min(MARGIN_S, MARGIN_SHARE * left_s)
        self._ends_s = time.perf_counter() + left_s - margin_s
        self._repeat_s = max(REPEAT_SHARE * margin_s, 0.001)
        self._armed = self.rang = False

    def left_s(self) -> float:
        """Return the seconds until an attempt is ended; at 0 leave the next one to another invocation."""
        return self._ends_s - time.perf_counter()

    @contextlib.contextmanager
    def guards(self) -> Iterator[None]:
        """Raise `TimedOut` in the block when the time is up."""
        self.rang = False
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread receives signals; a Lambda's handler runs there
            return
        before = signal.signal(signal.SIGALRM, self._ring)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, max(self.left_s(), 0.001), self._repeat_s)
        try:
            yield
        finally:
            self.disarm()
            signal.signal(signal.SIGALRM, before)

    def disarm(self) -> None:
        """Stop the alarm; call it again after the block, as one that rings in its exit escapes that."""
        if self._armed:
            self._armed = False  # an alarm that rings now is too late to raise
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: object) -> None:
        if self._armed:
            self.rang = True
            raise TimedOut
