"""Split a run into phases, each with one bottleneck: datapoints as a fluid.

While messages wait, a mapping has `start + ramp t` batches at once, so that it has done
start t + ramp t**2 / 2 seconds of work by t. Each phase is such a quadratic, solved exactly; a prediction of
any size takes a handful of them.
"""

import math
from dataclasses import dataclass

from lambdist_lib.planner.fluid.retries import FailureProbabilities, mean_batch_s
from lambdist_lib.planner.system import TABLE_BURST_S, System

SENDERS, API, COLLECTORS = "senders", "API throttle", "account concurrency (collectors)"
ENVIRONMENTS = "requests per environment"
RAMP, CEILING, MAXIMUM = "ramp of the mapping", "ceiling of the mapping", "MaximumConcurrency"
ACCOUNT, RESERVED, IN_FLIGHT = "account concurrency", "reserved concurrency", "messages in flight"
BACKOFF, TABLE, RETRIES = "mapping's backoff after errors", "table's write capacity", "retry delays"


@dataclass(frozen=True, slots=True)
class Phase:
    """Name the bottleneck of a stretch of time; per_s: attempts a second, on average."""

    begin_s: float
    end_s: float
    limit: str
    per_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s

    @property
    def attempts(self) -> float:
        return self.length_s * self.per_s


@dataclass(frozen=True, slots=True)
class ArrivalPhase:
    """Describe the queueing: `per_s` datapoints a second from begin_s to end_s, bounded by `limit`."""

    begin_s: float
    end_s: float
    per_s: float
    limit: str
    collectors: float  # busy at once


def entry_of(system: System) -> ArrivalPhase:
    """Return how datapoints enter the queue, and the limit of that."""
    if not system.senders:
        per_s = system.arrivals_per_s or math.inf
        return ArrivalPhase(0.0, system.datapoints / per_s, per_s, "arrivals", 0.0)
    requests = math.ceil(system.datapoints / system.request_batch)
    senders = min(system.senders, requests)
    cycle_s = system.request_s + system.collector_s
    spans = {
        SENDERS: (math.ceil(requests / senders) - 1) * cycle_s,
        API: max(requests - system.api_burst, 0) / system.api_rate_per_s,
        COLLECTORS: (requests / system.account_concurrency - 1) * system.collector_s,
        ENVIRONMENTS: requests / system.collector_rate_per_s - 1,  # a second's worth at once
    }
    limit = max(spans, key=lambda name: spans[name])
    begin_s = system.request_s / 2 + system.init_s * system.has_collector + system.collector_s
    per_s = system.datapoints / spans[limit] if spans[limit] > 0 else math.inf
    collectors = min(requests / spans[limit] * system.collector_s if spans[limit] > 0 else senders, senders)
    return ArrivalPhase(begin_s, begin_s + max(spans[limit], 0.0), per_s, limit, max(collectors, 1.0))


def caps_of(system: System, again: FailureProbabilities, collectors: float) -> dict[str, float]:
    """Return the most batches at once under each limit."""
    caps = {
        MAXIMUM: system.maximum_concurrency,
        CEILING: system.slots_ceiling,
        RESERVED: system.reserved_concurrency,
        ACCOUNT: max(system.account_concurrency - collectors, 1.0),
        IN_FLIGHT: max(system.max_in_flight / system.queue_batch, 1.0),
    }
    if again.throws and system.error_cut:  # in balance: ramp = cut x concurrency x errors/s
        cuts = system.error_cut * again.throws / mean_batch_s(system)
        caps[BACKOFF] = max(math.sqrt(system.slots_per_s / cuts), 2.0)
    return caps


@dataclass(frozen=True, slots=True)
class Step:
    """Describe a stretch in which all rates change linearly; begin_s counts from the first arrival.

    waiting: attempts queued at the begin; `arriving` more come each second. rate: attempts done a second at
    the begin; it grows by `slope` a second, and `slots` by `growth`. busy_s: seconds of a slot per attempt.
    """

    begin_s: float
    length_s: float
    waiting: float
    arriving: float
    rate: float
    slope: float
    slots: float
    growth: float
    limit: str
    busy_s: float

    def blocked_s(self) -> float:
        """Return the seconds that all slots together wait for the table."""
        if self.limit != TABLE:
            return 0.0
        blocked = self.slots - self.rate * self.busy_s
        return max(
            blocked * self.length_s + (self.growth - self.slope * self.busy_s) * self.length_s**2 / 2, 0.0
        )


class Flow:
    """Step from phase to phase; `t` counts from the first arrival."""

    def __init__(self, system: System, entry: ArrivalPhase, again: FailureProbabilities) -> None:
        self.system, self.arrivals = system, entry
        self.left = self.all = system.datapoints * again.receives
        self.arriving, self.sending_s = entry.per_s * again.receives, entry.end_s - entry.begin_s
        batch_s = mean_batch_s(system)
        self.per_slot = system.queue_batch / batch_s if batch_s else math.inf
        self.slots, self.t = float(min(system.slots_start, system.max_processors())), 0.0
        self.writes, self.doubles_s = system.writes_per_s, system.writes_double_s
        if self.writes >= system.max_writes_per_s:
            self.doubles_s = math.inf
        self.burst_writes = self.writes * TABLE_BURST_S if self.writes < math.inf else 0.0
        self.caps_sending = tightest(caps_of(system, again, entry.collectors))
        self.caps_later = tightest(caps_of(system, again, 0.0))
        self.steps: list[Step] = []

    def phases(self) -> list[Phase]:
        """Return the phases until all attempts are done."""
        phases: list[Phase] = []
        while self.left > 1e-9 * self.all:
            cap_name, cap = self.caps_sending if self.sending() else self.caps_later
            self.slots = min(self.slots, cap)
            rate, slope, name = self.bottleneck(cap_name, cap)
            step = self.step_s(cap, rate, slope, name)
            amount = rate * step + slope * step**2 / 2
            phases.append(Phase(self.t, self.t + step, name, amount / step))
            growth = self.system.slots_per_s if self.slots < cap and name != self.arrivals.limit else 0.0
            self.steps.append(
                Step(self.t, step, self.backlog(), self.arriving if self.sending() else 0.0, rate, slope,
                     self.slots, growth, name, 1 / self.per_slot)
            )  # fmt: skip
            self.t, self.left = self.t + step, self.left - amount
            if name != self.arrivals.limit:
                self.slots = min(self.slots + self.system.slots_per_s * step, cap)
            if self.t >= self.doubles_s * (1 - 1e-12):
                self.writes = min(self.writes * 2, self.system.max_writes_per_s)
                grown = self.writes >= self.system.max_writes_per_s
                self.doubles_s = math.inf if grown else self.doubles_s + self.system.writes_double_s
        return merge_neighbours(phases, self.arrivals.begin_s)

    def sending(self) -> bool:
        return self.t < self.sending_s

    def backlog(self) -> float:
        return self.arriving * self.t - (self.all - self.left) if self.sending() else self.left

    def bottleneck(self, cap_name: str, cap: float) -> tuple[float, float, str]:
        """Return attempts a second now, their growth a second, and the limit."""
        rate, slope, name = self.slots * self.per_slot, 0.0, cap_name
        if self.slots < cap:
            slope, name = self.system.slots_per_s * self.per_slot, RAMP
        if self.writes <= rate:
            rate, slope, name = self.writes, 0.0, TABLE
            self.left, self.burst_writes = max(self.left - self.burst_writes, 1e-8 * self.all), 0.0
        if self.sending() and self.backlog() <= 1e-9 * self.all and self.arriving <= rate:
            rate, slope, name = self.arriving, 0.0, self.arrivals.limit
        return rate, slope, name

    def step_s(self, cap: float, rate: float, slope: float, name: str) -> float:
        """Return the seconds until the bottleneck changes or all is done."""
        if name == self.arrivals.limit:  # no capacity shrinks, so this holds until the last arrival
            return max(min(reach(self.left, rate, slope), self.sending_s - self.t), 1e-12)
        steps = [reach(self.left, rate, slope), self.doubles_s - self.t]
        if self.sending():
            steps += [self.sending_s - self.t, reach(self.backlog(), rate - self.arriving, slope)]
        if self.slots < cap:
            steps.append((cap - self.slots) / self.system.slots_per_s)
            if name == RAMP and self.writes < math.inf:
                steps.append((self.writes - rate) / slope)
        return max(min(step for step in steps if step > 0), 1e-12)


def tightest(caps: dict[str, float]) -> tuple[str, float]:
    name = min(caps, key=lambda limit: caps[limit])
    return name, caps[name]


def reach(amount: float, rate: float, slope: float) -> float:
    """Return the t at which rate t + slope t**2 / 2 is the amount; infinite if never, or only at 0."""
    if slope == 0:
        return amount / rate if rate > 0 and amount > 0 else math.inf
    root = rate**2 + 2 * slope * amount
    t = (math.sqrt(root) - rate) / slope if root >= 0 else math.inf
    return t if t > 1e-12 else math.inf


def merge_neighbours(phases: list[Phase], offset_s: float) -> list[Phase]:
    """Merge neighbours with the same limit; times then count from the first send."""
    merged: list[Phase] = []
    for phase in phases:
        shifted = Phase(phase.begin_s + offset_s, phase.end_s + offset_s, phase.limit, phase.per_s)
        if merged and merged[-1].limit == phase.limit:
            last = merged.pop()
            attempts, length_s = last.attempts + shifted.attempts, shifted.end_s - last.begin_s
            shifted = Phase(last.begin_s, shifted.end_s, phase.limit, attempts / length_s)
        merged.append(shifted)
    return merged
