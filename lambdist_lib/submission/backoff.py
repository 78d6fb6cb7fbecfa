"""Control the rate of sending: requests at once, delays after failures, and when to stop.

Senders open by slow start. On overload (429, 503, no response) they halve, and then open by one
per round: this finds the concurrency that an account serves in a few rounds and keeps it just
busy. While nothing is served, the controller pauses between tries, with a doubling bound. Times
are `time.perf_counter`'s.
"""

import random
from collections.abc import Callable

Draw = Callable[[float, float], float]


class RateController:
    """Control the rate of one submission.

    Args:
        max_senders, opening: Maximum of senders, and their number at the beginning.
        growth: Senders that each served request opens until the first overload.
        backoff_s, backoff_max_s: Bound of the first delay, and of any delay.
        stall_s: Maximum time without a served request.
        unreached_s: The same before the first response of the API.
        draw: Draws a number between two bounds.
    """

    def __init__(
        self,
        *,
        max_senders: int,
        opening: int,
        growth: float,
        backoff_s: float,
        backoff_max_s: float,
        stall_s: float,
        unreached_s: float,
        draw: Draw = random.uniform,
    ) -> None:
        self.senders = min(opening, max_senders)
        self._max_senders, self._growth = max_senders, growth
        self._backoff_s, self._backoff_max_s, self._draw = backoff_s, backoff_max_s, draw
        self._stall_s, self._unreached_s = stall_s, unreached_s
        self._open = float(self.senders)
        self._fast_until = float(max_senders)  # above it senders open by one per round
        self._answered = False
        self._served_since_cut = True
        self._cuts_without_success = 0
        self._failures_in_a_row = 0
        self._cut_before = 0  # requests with lower numbers went out before the last cut
        self._failing_since_s = 0.0
        self._paused_until_s = 0.0

    def served(self) -> None:
        """Record that the API processed a request, whatever its verdicts."""
        self._answered = self._served_since_cut = True
        self._failures_in_a_row = 0
        if self._open < self._max_senders:
            step = self._growth if self._open < self._fast_until else 1 / self._open
            self._open = min(self._open + step, self._max_senders)
            self.senders = int(self._open)

    def failed(
        self, request: int, next_request: int, now_s: float, *, overload: bool, answered: bool, pause_s: float
    ) -> None:
        """Record a failed request.

        Args:
            request, next_request: Its number, and that of the next one to be sent.
            overload: Whether it signals overload. Other failures do when as many fail in a
                row as there are senders.
            answered: Whether there was a response.
            pause_s: Pause that the API asks for.
        """
        self._answered = self._answered or answered
        self._failures_in_a_row += 1
        if self._failures_in_a_row == 1:
            self._failing_since_s = now_s
        if request < self._cut_before or not (overload or self._failures_in_a_row >= self.senders):
            return
        self._cut_before = next_request
        self._open = self._fast_until = max(1.0, self._open / 2)
        self.senders = int(self._open)
        self._cuts_without_success = 0 if self._served_since_cut else self._cuts_without_success + 1
        self._served_since_cut = False
        if self._cuts_without_success:
            pause_s = max(pause_s, self.delay_s(self._cuts_without_success, 0.0))
            self._paused_until_s = now_s + pause_s

    def delay_s(self, tries: int, retry_after_s: float) -> float:
        """Draw a retry's delay: full jitter below a doubling bound, at least Retry-After."""
        bound_s = min(self._backoff_s * 2 ** min(tries - 1, 30), self._backoff_max_s)
        return max(self._draw(0, bound_s), retry_after_s)

    def pause_s(self, now_s: float) -> float:
        """Return the seconds until a request may be sent."""
        return max(0.0, self._paused_until_s - now_s)

    def patience_s(self) -> float:
        """Maximum time without a served request before the submission stops."""
        return self._stall_s if self._answered else min(self._stall_s, self._unreached_s)

    def stalled_s(self, now_s: float) -> float:
        """Return the seconds since the last served request."""
        return now_s - self._failing_since_s if self._failures_in_a_row else 0.0
