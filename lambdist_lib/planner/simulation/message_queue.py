"""Count the queue's messages instead of keeping them, so that memory does not grow with their number."""

from lambdist_lib.planner.simulation.event_queue import Event, EventQueue

HeldMessages = tuple[tuple[int, int], ...]  # of a batch: receives so far, number of messages
GRID = 1_000  # parts of a delay to which its end is rounded
MIN_GRID_S = 0.01


class MessageQueue:
    """Count visible messages by their receives, hidden ones by the time of their return.

    Messages of datapoints that are stored already count from `receives` on, which others never reach.
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
        """Take the messages of a batch, those with the most receives first."""
        self.in_flight += count
        if self.fresh == self.visible:
            self.fresh -= count
            self.visible -= count
            return ((0, count),)
        self.visible -= count
        messages = []
        for receives in range(len(self._again) - 1, 0, -1):
            if taken := min(self._again[receives], count):
                self._again[receives] -= taken
                count -= taken
                messages.append((receives, taken))
        if count:
            self.fresh -= count
            messages.append((0, count))
        return tuple(messages)

    def hide(self, now: float, delay_s: float, receives: int, then: Event) -> None:
        """Hide one message for a delay, after which `then` must call `show`."""
        grid_s = max(MIN_GRID_S, delay_s / GRID)
        key = (max(-(-(now + delay_s) // grid_s) * grid_s, now), receives)
        if key not in self._hidden:
            self._at(key[0], then, key)
        self._hidden[key] = self._hidden.get(key, 0) + 1

    def show(self, key: tuple[float, int]) -> None:
        """Return the messages that were hidden under a key."""
        count = self._hidden.pop(key)
        self.in_flight -= count
        self.add(count, key[1])
