"""What is still to happen, in order of time; and the account's executions, which all functions share."""

import heapq
from collections.abc import Callable
from typing import Any

from lambdist_lib.planner.system import TABLE_BURST_S, System

Event = Callable[[float, Any], None]


class EventQueue:
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


class Table:
    """A table on demand: takes a number of writes a second, twice as many after half an hour of it."""

    def __init__(self, system: System) -> None:
        self.rate, self.most, self.every_s = (
            system.writes_per_s,
            system.writes_most_per_s,
            system.writes_double_s,
        )
        self.limits = self.rate < float("inf")
        self.doubles_s, self.free_s, self.throttles = self.every_s, 0.0, 0

    def written_s(self, now: float, writes: int) -> float:
        """When it has taken them."""
        if not self.limits:
            return now
        while max(now, self.free_s) >= self.doubles_s:
            self.doubles_s += self.every_s
            self.rate = min(self.rate * 2, self.most)
        self.free_s = max(self.free_s, now - TABLE_BURST_S) + writes / self.rate
        self.throttles += self.free_s > now
        return self.free_s
