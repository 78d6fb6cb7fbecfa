"""Hold pending events in order of time, the account's executions, and the table's capacity."""

import heapq
from collections.abc import Callable
from typing import Any

from lambdist_lib.planner.system import TABLE_BURST_S, System

Event = Callable[[float, Any], None]


class EventQueue:
    """Hold pending events; the engine pops them in order of time."""

    def __init__(self) -> None:
        self.events: list[tuple[float, int, Event, Any]] = []
        self._scheduled = 0  # ties happen in the order in which they were scheduled

    def at(self, when_s: float, happen: Event, what: Any = None) -> None:
        self._scheduled += 1
        heapq.heappush(self.events, (when_s, self._scheduled, happen, what))


class Account:
    """Count the executions of all functions against the account's maximum."""

    def __init__(self, maximum: int) -> None:
        self.executing, self.maximum = 0, maximum


class Table:
    """Simulate an on-demand table: a rate of writes that doubles after half an hour of use."""

    def __init__(self, system: System) -> None:
        self.rate, self.maximum, self.every_s = (
            system.writes_per_s,
            system.max_writes_per_s,
            system.writes_double_s,
        )
        self.limits = self.rate < float("inf")
        self.doubles_s, self.free_s, self.throttles = self.every_s, 0.0, 0

    def written_s(self, now: float, writes: int) -> float:
        """Return the time at which the table has taken these writes."""
        while max(now, self.free_s) >= self.doubles_s:
            self.doubles_s += self.every_s
            self.rate = min(self.rate * 2, self.maximum)
        self.free_s = max(self.free_s, now - TABLE_BURST_S) + writes / self.rate
        self.throttles += self.free_s > now
        return self.free_s
