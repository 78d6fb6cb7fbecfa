"""What binds when: datapoints as a fluid that flows at the rate of whatever binds at the moment.

While messages wait, a mapping has `start + ramp t` batches at once, so that it has done
start t + ramp t**2 / 2 seconds of work by t. Each stretch of time with one binding limit is such a
quadratic, solved exactly; a prediction of any size takes a handful of them.
"""

import math
from dataclasses import dataclass

from lambdist_lib.planner.fluid.retries import FailureProbabilities, mean_batch_s
from lambdist_lib.planner.system import TABLE_BURST_S, System

SENDERS, API, COLLECTORS = "senders", "API throttle", "account concurrency (collectors)"
RAMP, CEILING, MAXIMUM = "ramp of the mapping", "ceiling of the mapping", "MaximumConcurrency"
ACCOUNT, RESERVED, IN_FLIGHT = "account concurrency", "reserved concurrency", "messages in flight"
BACKOFF, TABLE, RETRIES = "mapping's backoff after errors", "table's write capacity", "retry delays"


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time and what binds in it; per_s: attempts a second, on average."""

    begin_s: float
    end_s: float
    limit: str
    per_s: float


@dataclass(frozen=True, slots=True)
class ArrivalPhase:
    """Datapoints are queued at `per_s` from begin_s to end_s, as fast as `limit` lets them."""

    begin_s: float
    end_s: float
    per_s: float
    limit: str
    collectors: float  # at work at once, meanwhile


def entry_of(system: System) -> ArrivalPhase:
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
    }
    limit = max(spans, key=lambda name: spans[name])
    begin_s = system.request_s / 2 + system.init_s + system.collector_s
    per_s = system.datapoints / spans[limit] if spans[limit] > 0 else math.inf
    collectors = min(requests / spans[limit] * system.collector_s if spans[limit] > 0 else senders, senders)
    return ArrivalPhase(begin_s, begin_s + max(spans[limit], 0.0), per_s, limit, max(collectors, 1.0))


def caps_of(system: System, again: FailureProbabilities, collectors: float) -> dict[str, float]:
    """The most batches at once by what limits them."""
    caps = {
        MAXIMUM: system.maximum_concurrency,
        CEILING: system.slots_ceiling,
        RESERVED: system.reserved_concurrency,
        ACCOUNT: max(system.account_concurrency - collectors, 1.0),
        IN_FLIGHT: max(system.in_flight_most / system.queue_batch, 1.0),
    }
    if again.throws and system.error_cut:  # ramp = cut x concurrency x errors/s
        cuts = system.error_cut * again.throws / mean_batch_s(system)
        caps[BACKOFF] = max(math.sqrt(system.slots_per_s / cuts), 2.0)
    return caps


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch in which nothing changes but by a straight line; its begin is from the first arrival.

    waiting: attempts queued at the begin, which more by `arriving` a second come to. rate: attempts
    done a second at the begin, and by `slope` more each second; `slots` by `growth`. busy_s: of a slot,
    for one attempt.
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
        """Of all slots together: they hold batches that the table does not take yet."""
        if self.limit != TABLE:
            return 0.0
        held = self.slots - self.rate * self.busy_s
        return max(
            held * self.length_s + (self.growth - self.slope * self.busy_s) * self.length_s**2 / 2, 0.0
        )


class Flow:
    """The state between two phases; t is from the first arrival."""

    def __init__(self, system: System, entry: ArrivalPhase, again: FailureProbabilities) -> None:
        self.system, self.entry = system, entry
        self.left = self.all = system.datapoints * again.receives
        self.arriving, self.spell_s = entry.per_s * again.receives, entry.end_s - entry.begin_s
        batch_s = mean_batch_s(system)
        self.per_slot = system.queue_batch / batch_s if batch_s else math.inf
        self.slots, self.t = float(min(system.slots_start, system.processors_most())), 0.0
        self.writes, self.doubles_s = system.writes_per_s, system.writes_double_s
        if self.writes >= system.writes_most_per_s:
            self.doubles_s = math.inf
        self.spared = self.writes * TABLE_BURST_S if self.writes < math.inf else 0.0  # of the time before
        self.caps_sending = least(caps_of(system, again, entry.collectors))
        self.caps_later = least(caps_of(system, again, 0.0))
        self.steps: list[Step] = []

    def phases(self) -> list[Phase]:
        """Until all attempts are done."""
        found: list[Phase] = []
        while self.left > 1e-9 * self.all:
            cap_name, cap = self.caps_sending if self.sending() else self.caps_later
            self.slots = min(self.slots, cap)
            rate, slope, name = self.binding(cap_name, cap)
            step = self.step_s(cap, rate, slope, name)
            amount = rate * step + slope * step**2 / 2
            found.append(Phase(self.t, self.t + step, name, amount / step))
            growth = self.system.slots_per_s if self.slots < cap and name != self.entry.limit else 0.0
            self.steps.append(
                Step(self.t, step, self.backlog(), self.arriving if self.sending() else 0.0, rate, slope,
                     self.slots, growth, name, 1 / self.per_slot)
            )  # fmt: skip
            self.t, self.left = self.t + step, self.left - amount
            if name != self.entry.limit:
                self.slots = min(self.slots + self.system.slots_per_s * step, cap)
            if self.t >= self.doubles_s * (1 - 1e-12):
                self.writes = min(self.writes * 2, self.system.writes_most_per_s)
                grown = self.writes >= self.system.writes_most_per_s
                self.doubles_s = math.inf if grown else self.doubles_s + self.system.writes_double_s
        return merged(found, self.entry.begin_s)

    def sending(self) -> bool:
        return self.t < self.spell_s

    def backlog(self) -> float:
        return self.arriving * self.t - (self.all - self.left) if self.sending() else self.left

    def binding(self, cap_name: str, cap: float) -> tuple[float, float, str]:
        """Attempts a second now, how fast that grows, and what limits it."""
        rate, slope, name = self.slots * self.per_slot, 0.0, cap_name
        if self.slots < cap:
            slope, name = self.system.slots_per_s * self.per_slot, RAMP
        if self.writes <= rate:
            rate, slope, name = self.writes, 0.0, TABLE
            self.left, self.spared = max(self.left - self.spared, 1e-8 * self.all), 0.0
        if self.sending() and self.backlog() <= 1e-9 * self.all and self.arriving <= rate:
            rate, slope, name = self.arriving, 0.0, self.entry.limit
        return rate, slope, name

    def step_s(self, cap: float, rate: float, slope: float, name: str) -> float:
        """Until something else binds, or all is done."""
        if name == self.entry.limit:  # no capacity shrinks, so that stays until the last arrival
            return max(min(reach(self.left, rate, slope), self.spell_s - self.t), 1e-12)
        steps = [reach(self.left, rate, slope), self.doubles_s - self.t]
        if self.sending():
            steps += [self.spell_s - self.t, reach(self.backlog(), rate - self.arriving, slope)]
        if self.slots < cap:
            steps.append((cap - self.slots) / self.system.slots_per_s)
            if name == RAMP and self.writes < math.inf:
                steps.append((self.writes - rate) / slope)
        return max(min(one for one in steps if one > 0), 1e-12)


def least(caps: dict[str, float]) -> tuple[str, float]:
    name = min(caps, key=lambda one: caps[one])
    return name, caps[name]


def reach(amount: float, rate: float, slope: float) -> float:
    """When rate t + slope t**2 / 2 is the amount; infinite if never, or only at once."""
    if slope == 0:
        return amount / rate if rate > 0 and amount > 0 else math.inf
    root = rate**2 + 2 * slope * amount
    found = (math.sqrt(root) - rate) / slope if root >= 0 else math.inf
    return found if found > 1e-12 else math.inf


def merged(phases: list[Phase], offset_s: float) -> list[Phase]:
    """Neighbours with one limit as one; times from the first send."""
    merged: list[Phase] = []
    for phase in phases:
        begin_s, end_s, per_s = phase.begin_s + offset_s, phase.end_s + offset_s, phase.per_s
        if merged and merged[-1].limit == phase.limit:
            last = merged.pop()
            done = (last.end_s - last.begin_s) * last.per_s + (end_s - begin_s) * per_s
            begin_s = last.begin_s
            per_s = done / (end_s - begin_s)
        merged.append(Phase(begin_s, end_s, phase.limit, per_s))
    return merged
