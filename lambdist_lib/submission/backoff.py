"""How fast to send: how many requests at once, how long after a failure, and when to stop trying.

Senders open by slow start. When the API says that it is too much (429, 503, no answer) they
halve, and then open by one per round: an account that serves ten at once is found in a few
rounds and kept just busy. While nothing at all is served, a pause comes between the tries,
its bound doubling. Times are `time.perf_counter`'s.
"""

import random
from collections.abc import Callable

Draw = Callable[[float, float], float]


class RateController:
    """The state of one submission's speed.

    Args:
        most, opening: Senders at most, and at the beginning.
        growth: How many more each answer opens, until the API first says that it is too much.
        backoff_s, backoff_max_s: Bound of the first delay, and of any.
        stall_s: How long nothing may be served before trying on is pointless.
        unreached_s: The same while there never was an answer: such an API hardly exists.
    """

    def __init__(
        self,
        *,
        most: int,
        opening: int,
        growth: float,
        backoff_s: float,
        backoff_max_s: float,
        stall_s: float,
        unreached_s: float,
        draw: Draw = random.uniform,
    ) -> None:
        self.senders = min(opening, most)
        self._most, self._growth = most, growth
        self._backoff_s, self._backoff_max_s, self._draw = backoff_s, backoff_max_s, draw
        self._stall_s, self._unreached_s = stall_s, unreached_s
        self._open = float(self.senders)
        self._fast_until = float(most)  # above it senders open by one per round
        self._answered = False
        self._served_since_cut = True
        self._cuts_in_vain = 0
        self._failures_in_a_row = 0
        self._cut_before = 0  # requests with lower numbers went out before the last cut
        self._failing_since_s = 0.0
        self._paused_until_s = 0.0

    def served(self) -> None:
        """The API did its work on a request, whatever it said of the datapoints."""
        self._answered = self._served_since_cut = True
        self._failures_in_a_row = 0
        if self._open < self._most:
            step = self._growth if self._open < self._fast_until else 1 / self._open
            self._open = min(self._open + step, self._most)
            self.senders = int(self._open)

    def failed(
        self, request: int, next_request: int, now_s: float, *, overload: bool, answered: bool, pause_s: float
    ) -> None:
        """A request came to nothing.

        Args:
            request, next_request: Its number, and that of the next one to be sent.
            overload: Whether it says that fewer requests would fare better. Others say so
                when as many fail in a row as there are senders.
            pause_s: How long the API asks to be left alone.
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
        self._cuts_in_vain = 0 if self._served_since_cut else self._cuts_in_vain + 1
        self._served_since_cut = False
        if self._cuts_in_vain:
            pause_s = max(pause_s, self.delay_s(self._cuts_in_vain, 0.0))
            self._paused_until_s = now_s + pause_s

    def delay_s(self, tries: int, retry_after_s: float) -> float:
        """Full jitter: any delay up to a bound that doubles by try, but never before Retry-After."""
        bound_s = min(self._backoff_s * 2 ** min(tries - 1, 30), self._backoff_max_s)
        return max(self._draw(0, bound_s), retry_after_s)

    def pause_s(self, now_s: float) -> float:
        """How long nobody may send yet."""
        return max(0.0, self._paused_until_s - now_s)

    def patience_s(self) -> float:
        """How long nothing may be served before trying on is pointless."""
        return self._stall_s if self._answered else min(self._stall_s, self._unreached_s)

    def stalled_s(self, now_s: float) -> float:
        """For how long nothing has been served."""
        return now_s - self._failing_since_s if self._failures_in_a_row else 0.0
