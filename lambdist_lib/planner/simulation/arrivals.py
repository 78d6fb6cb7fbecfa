"""Simulate how datapoints enter the queue: senders, API and collector, or a stream of messages."""

import random
from collections.abc import Callable
from typing import Any

from lambdist_lib.planner.simulation.event_queue import Account, EventQueue
from lambdist_lib.planner.simulation.sampling import inits
from lambdist_lib.planner.system import COLLECTOR_RETRY_S, System


class Arrivals:
    """Send all datapoints and pass queued messages to `enqueue`."""

    def __init__(
        self,
        system: System,
        rng: random.Random,
        clock: EventQueue,
        account: Account,
        enqueue: Callable[[float, int], None],
    ) -> None:
        self.system, self.rng, self.at, self.account, self.enqueue = system, rng, clock.at, account, enqueue
        self.left = system.datapoints
        self.init_s = inits(system, rng)
        self.idle: list[float] = []  # when collectors became free; the latest is taken first
        self.startable, self.startable_at_s = float(system.environments_burst), 0.0
        self.api_at_s = 0.0
        self.rate_per_s = min(system.api_rate_per_s, system.collector_rate_per_s)
        at_once = (
            system.api_burst if system.api_rate_per_s <= system.collector_rate_per_s else self.rate_per_s
        )
        self.burst_s = at_once / self.rate_per_s if self.rate_per_s < float("inf") else float("inf")
        self.requests = self.cold = self.api_throttles = self.lambda_throttles = 0
        self.enqueued_s = 0.0

    def begin(self) -> None:
        system = self.system
        if system.senders:
            for _ in range(min(system.senders, -(-system.datapoints // system.request_batch))):
                self.at(0.0, self.send)
        elif system.arrivals_per_s:
            self.at(0.0, self.arrive)
        else:
            self.left = 0
            self.enqueue(0.0, system.datapoints)

    def arrive(self, now: float, _: Any) -> None:
        count = self.next_request()
        if self.left:
            rate = self.system.arrivals_per_s / self.system.request_batch
            self.at(now + (self.rng.expovariate(rate) if self.system.poisson else 1 / rate), self.arrive)
        self.enqueued_s = now
        self.enqueue(now, count)

    def send(self, now: float, _: Any) -> None:
        """Send a sender's next request, once API and environments have capacity for it."""
        count = self.next_request()
        if not count:
            return
        self.requests += 1
        free_s = self.api_at_s - self.burst_s
        self.api_at_s = max(self.api_at_s, now) + 1 / self.rate_per_s
        if free_s > now:
            by_api = self.system.api_rate_per_s <= self.system.collector_rate_per_s
            self.api_throttles += by_api
            self.lambda_throttles += not by_api
            now = free_s
        self.at(now + self.system.request_s / 2, self.collect, count)

    def next_request(self) -> int:
        """Return the datapoints of one more request, 0 when all have been sent."""
        count = min(self.system.request_batch, self.left)
        self.left -= count
        return count

    def collect(self, now: float, count: int) -> None:
        if not self.system.has_collector:
            self.queued(now, count)
            return
        if self.account.executing >= self.account.maximum or not (start := self.environment(now)):
            self.lambda_throttles += 1
            self.at(now + self.rng.uniform(*COLLECTOR_RETRY_S), self.collect, count)
            return
        self.account.executing += 1
        took_s = self.system.collector_s + (self.init_s() if start == "cold" else 0.0)
        self.at(now + took_s, self.collected, count)

    def environment(self, now: float) -> str:
        """Return a collector's environment: warm, cold, or "" while Lambda starts no more of them."""
        if self.idle and now - self.idle[-1] <= self.system.idle_expiry_s:
            self.idle.pop()
            return "warm"
        refill = (now - self.startable_at_s) * self.system.environments_per_s
        self.startable = min(self.startable + refill, float(self.system.environments_burst))
        self.startable_at_s = now
        if self.startable < 1:
            return ""
        self.startable -= 1
        self.cold += 1
        return "cold"

    def collected(self, now: float, count: int) -> None:
        self.account.executing -= 1
        self.idle.append(now)
        self.queued(now, count)

    def queued(self, now: float, count: int) -> None:
        """Put a request's datapoints into the queue; its sender sends the next."""
        back_s = now + self.system.request_s / 2
        self.enqueued_s = max(self.enqueued_s, back_s)
        if self.left:
            self.at(back_s, self.send)
        self.enqueue(now, count)
