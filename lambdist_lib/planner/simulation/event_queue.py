"""What is still to happen, in order of time; and the account's executions, which all functions share."""

import heapq
from collections.abc import Callable
from typing import Any

Event = Callable[[float, Any], None]


class Clock:
    def __init__(self) -> None:
        self.events: list[tuple[float, int, Event, Any]] = []
        self._scheduled = 0  # events of one time happen in the order in which they were scheduled

    def at(self, when_s: float, happen: Event, what: Any = None) -> None:
        self._scheduled += 1
        heapq.heappush(self.events, (when_s, self._scheduled, happen, what))


class Account:
    """How many executions are under way, of all functions."""

    def __init__(self, most: int) -> None:
        self.executing, self.most = 0, most
