"""Queue the requests that are left to send: due retries first, then new ones on their schedule."""

import heapq
import itertools
import time
from collections.abc import Iterator

from lambdist_lib.submission.requests import PendingRequest

MAX_WAITING = 1_000  # retries that wait, beside four per sender, before new requests wait, too
FREE_RETRIES = 1_000  # datapoints sent again, beside ten per sender's request, before the budget counts


class RetryQueue:
    """The new requests and the retries of one submission. Times are `time.perf_counter`'s.

    Args:
        new: Requests in order, taken one at a time: their file may be larger than memory.
        rate: Datapoints per second of an open loop; 0 for a closed one.
        chunks, request_batch: Senders, and datapoints per request (`SendOptions`).
        retry_budget: Datapoints sent again per settled one, beyond FREE_RETRIES.
    """

    def __init__(
        self,
        new: Iterator[PendingRequest],
        *,
        rate: float,
        chunks: int,
        request_batch: int,
        retry_budget: float,
    ) -> None:
        self._new, self._next = new, next(new, None)
        self._rate, self._began_s = rate, time.perf_counter()
        self._retries: list[tuple[float, int, PendingRequest]] = []  # a heap by the time when they are due
        self._pushed = 0  # retries so far, to order those that are due at the same time
        self._max_waiting = MAX_WAITING + 4 * chunks
        self._free_retries = FREE_RETRIES + 10 * chunks * request_batch
        self._retry_budget = retry_budget

    def __bool__(self) -> bool:
        return self._next is not None or bool(self._retries)

    def push(self, request: PendingRequest, due_s: float) -> None:
        """Add a request to send again."""
        self._pushed += 1
        heapq.heappush(self._retries, (due_s, self._pushed, request))

    def pop(self, now_s: float) -> PendingRequest | None:
        """Take the next request that is due, if any."""
        if self._retries and self._retries[0][0] <= now_s:
            return heapq.heappop(self._retries)[2]
        request = self._next
        if request is None or len(self._retries) >= self._max_waiting or self.due_s(request) > now_s:
            return None
        self._next = next(self._new, None)
        return request

    def due_s(self, request: PendingRequest) -> float:
        """When the schedule sends a new request; in a closed loop, at once."""
        return self._began_s + request.index / self._rate if self._rate else self._began_s

    def wait_s(self, now_s: float, default: float) -> float:
        """Return the seconds until the next request is due, at least 0; `default` without one."""
        due_s = []
        if self._retries:
            due_s.append(self._retries[0][0])
        if self._next is not None and len(self._retries) < self._max_waiting:
            due_s.append(self.due_s(self._next))
        return max(0.0, min(due_s) - now_s) if due_s else default

    def is_over_budget(self, retries: int, settled: int) -> bool:
        """Return whether so many datapoints were sent again that the retries are a load of their own."""
        return retries > self._free_retries + self._retry_budget * settled

    def drain(self) -> Iterator[PendingRequest]:
        """Take every request that is left: retries, then new ones."""
        retries, self._retries = [request for _, _, request in self._retries], []
        first, self._next = self._next, None
        return itertools.chain(retries, [first] if first else [], self._new)
