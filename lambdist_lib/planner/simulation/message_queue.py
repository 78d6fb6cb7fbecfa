"""The queue's messages, counted and not kept: so memory does not grow with their number."""

from lambdist_lib.planner.simulation.event_queue import Event, EventQueue

HeldMessages = tuple[tuple[int, int], ...]  # of a batch: how often received before, and how many messages
GRID = 1_000  # parts of a delay: how exactly the time of its end is kept
GRID_LEAST_S = 0.01


class MessageQueue:
    """Visible messages by how often they were received, failed ones by when they are visible again.

    Those of datapoints that are stored already count from `receives` on, which others never reach.
    """

    def __init__(self, receives: int, clock: EventQueue) -> None:
        self.fresh = self.visible = self.in_flight = 0  # visible: fresh ones and those received before
        self._again = [0] * (2 * receives + 1)
        self._hidden: dict[tuple[float, int], int] = {}
        self._at = clock.at

    def add(self, count: int, receives: int = 0) -> None:
        if receives:
            self._again[receives] += count
        else:
            self.fresh += count
        self.visible += count

    def is_empty(self) -> bool:
        return not (self.visible or self.in_flight)

    def take(self, count: int) -> HeldMessages:
        """Messages of a batch, those with the most receives first."""
        self.in_flight += count
        if self.fresh == self.visible:
            self.fresh -= count
            self.visible -= count
            return ((0, count),)
        self.visible -= count
        held = []
        for receives in range(len(self._again) - 1, 0, -1):
            if taken := min(self._again[receives], count):
                self._again[receives] -= taken
                count -= taken
                held.append((receives, taken))
        if count:
            self.fresh -= count
            held.append((0, count))
        return tuple(held)

    def hide(self, now: float, delay_s: float, receives: int, then: Event) -> None:
        """One message waits; at the end of it `then` is to call `show`."""
        grid_s = max(GRID_LEAST_S, delay_s / GRID)
        key = (max(-(-(now + delay_s) // grid_s) * grid_s, now), receives)
        if key not in self._hidden:
            self._at(key[0], then, key)
        self._hidden[key] = self._hidden.get(key, 0) + 1

    def show(self, key: tuple[float, int]) -> None:
        count = self._hidden.pop(key)
        self.in_flight -= count
        self.add(count, key[1])
