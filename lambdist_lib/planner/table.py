"""The table's write capacity."""

from lambdist_lib.planner.system import System

TABLE_BURST_S = 1.0  # of unused write capacity that the table serves at once


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
