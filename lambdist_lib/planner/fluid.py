"""The closed form: datapoints as a fluid that flows at the rate of whatever binds at the moment.

While messages wait, a mapping has `start + ramp t` batches at once, so that it has done
start t + ramp t**2 / 2 seconds of work by t. Each stretch of time with one binding limit is such a
quadratic, solved exactly; a prediction of any size takes a handful of them.

Beyond the flow: each slot loses its cold start and, on average, half a batch when the queue runs dry,
and the last batch ends later than the mean one, in an environment that has just started if the ramp is on.
The last retries come after the flow, each with its delay.
Holds within 2 % of the simulation from 10^5 datapoints without failures (`tests/unit/test_planner_fluid.py`).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from lambdist_lib.planner.attempts import Failing, failing
from lambdist_lib.planner.simulation import RETRY_DELAY_MAX_S
from lambdist_lib.planner.system import System
from lambdist_lib.planner.table import TABLE_BURST_S

SENDERS, API, COLLECTORS = "senders", "API throttle", "account concurrency (collectors)"
RAMP, CEILING, MAXIMUM = "ramp of the mapping", "ceiling of the mapping", "MaximumConcurrency"
ACCOUNT, RESERVED, IN_FLIGHT = "account concurrency", "reserved concurrency", "messages in flight"
BACKOFF, TABLE, RETRIES = "mapping's backoff after errors", "table's write capacity", "retry delays"
EULER = 0.5772  # of the harmonic numbers
MEAN_DELAY = 0.75  # of the longest: lambdas/messages.py draws from half of it up


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time and what binds in it; per_s: attempts a second, on average."""

    begin_s: float
    end_s: float
    limit: str
    per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the fluid gives; counts are expectations. Times are seconds from the first send."""

    makespan_s: float
    enqueued_s: float
    stored: float
    dead: float
    invocations: float
    receives: float
    requests: float
    cold: float
    collector_cold: float
    peak: float
    busy_s: float  # of all processors together, cold starts included
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """Datapoints are queued at `per_s` from begin_s to end_s, as fast as `limit` lets them."""

    begin_s: float
    end_s: float
    per_s: float
    limit: str
    collectors: float  # at work at once, meanwhile


def predict(system: System) -> Forecast:
    """The makespan and what goes with it."""
    entry, again = _entry(system), failing(system)
    attempts = system.datapoints * again.receives
    phases = _Flow(system, entry, again).phases()
    flow_s = phases[-1].end_s
    starved = phases[-1].limit == entry.limit
    size = _batch_when_starved(system) if starved else float(system.queue_batch)
    batch_s = system.overhead_s + size * system.item_s
    slots = _slots(system, entry, again, phases)
    end_s = flow_s + (batch_s if starved else _last_batch_s(system, slots, ramping=phases[-1].limit == RAMP))
    waves_s = _retries_s(system, again, flow_s, phases[-1].per_s) if again.p else 0.0
    if waves_s:
        phases.append(Phase(end_s, end_s + waves_s, RETRIES, 0.0))
    invocations = _invocations(phases, entry.limit, attempts, size, float(system.queue_batch))
    requests = math.ceil(system.datapoints / system.request_batch) if system.senders else 0
    alive = 1 - system.p_permanent
    stored = system.datapoints * alive * (1 - again.p**system.receives)
    return Forecast(
        makespan_s=end_s + waves_s,
        enqueued_s=entry.end_s + system.request_s / 2,
        stored=stored,
        dead=system.datapoints - stored,
        invocations=invocations,
        receives=attempts,
        requests=requests,
        cold=slots,
        collector_cold=min(system.senders, requests),
        peak=slots,
        busy_s=invocations * system.overhead_s + attempts * system.item_s + slots * system.init_s,
        phases=tuple(phases),
    )


def _invocations(phases: list[Phase], starved: str, attempts: float, size: float, full: float) -> float:
    """Batches are full while messages wait, else what a request brings."""
    per_s = {True: size, False: full}
    amounts = {True: 0.0, False: 0.0}
    for phase in phases:
        amounts[phase.limit == starved] += (phase.end_s - phase.begin_s) * phase.per_s
    total = sum(amounts.values())
    return sum(attempts * amounts[one] / total / per_s[one] for one in amounts) if total else 0.0


def _entry(system: System) -> _Entry:
    if not system.senders:
        per_s = system.arrivals_per_s or math.inf
        return _Entry(0.0, system.datapoints / per_s, per_s, "arrivals", 0.0)
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
    return _Entry(begin_s, begin_s + max(spans[limit], 0.0), per_s, limit, max(collectors, 1.0))


def _caps(system: System, again: Failing, collectors: float) -> dict[str, float]:
    """The most batches at once by what limits them."""
    caps = {
        MAXIMUM: system.maximum_concurrency,
        CEILING: system.slots_ceiling,
        RESERVED: system.reserved_concurrency,
        ACCOUNT: max(system.account_concurrency - collectors, 1.0),
        IN_FLIGHT: max(system.in_flight_most / system.queue_batch, 1.0),
    }
    if again.throws and system.error_cut:  # ramp = cut x concurrency x errors/s
        cuts = system.error_cut * again.throws / system.batch_s()
        caps[BACKOFF] = max(math.sqrt(system.slots_per_s / cuts), 2.0)
    return caps


class _Flow:
    """The state between two phases; t is from the first arrival."""

    def __init__(self, system: System, entry: _Entry, again: Failing) -> None:
        self.system, self.entry = system, entry
        self.left = self.all = system.datapoints * again.receives
        self.arriving, self.spell_s = entry.per_s * again.receives, entry.end_s - entry.begin_s
        self.per_slot = system.queue_batch / system.batch_s() if system.batch_s() else math.inf
        self.slots, self.t = float(min(system.slots_start, system.processors_most())), 0.0
        self.writes, self.doubles_s = system.writes_per_s, system.writes_double_s
        if self.writes >= system.writes_most_per_s:
            self.doubles_s = math.inf
        self.spared = self.writes * TABLE_BURST_S if self.writes < math.inf else 0.0  # of the time before
        self.caps_sending = least(_caps(system, again, entry.collectors))
        self.caps_later = least(_caps(system, again, 0.0))

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
            self.t, self.left = self.t + step, self.left - amount
            if name != self.entry.limit:
                self.slots = min(self.slots + self.system.slots_per_s * step, cap)
            if self.t >= self.doubles_s * (1 - 1e-12):
                self.writes = min(self.writes * 2, self.system.writes_most_per_s)
                grown = self.writes >= self.system.writes_most_per_s
                self.doubles_s = math.inf if grown else self.doubles_s + self.system.writes_double_s
        return _merged(found, self.entry.begin_s)

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


def _merged(phases: list[Phase], offset_s: float) -> list[Phase]:
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


def _slots(system: System, entry: _Entry, again: Failing, phases: list[Phase]) -> float:
    """The most batches at once: what the ramp reached while messages waited, or what arrivals need."""
    waited_s = sum(phase.end_s - phase.begin_s for phase in phases if phase.limit != entry.limit)
    cap = min(_caps(system, again, 0.0).values())
    ramped = min(system.slots_start + system.slots_per_s * waited_s, cap)
    if waited_s:
        return min(ramped, math.ceil(system.datapoints * again.receives / system.queue_batch))
    size = _batch_when_starved(system)
    needed = phases[-1].per_s * (system.overhead_s / size + system.item_s)
    return min(max(math.ceil(needed), 1.0), cap)


def _batch_when_starved(system: System) -> float:
    """Messages that a free mapping finds: those of one request."""
    return float(min(system.queue_batch, system.request_batch if system.senders else 1))


def _last_batch_s(system: System, slots: float, *, ramping: bool) -> float:
    """From the end of the flow to that of the last batch, cold start included.

    The longest of the batches that run when the queue is empty: a quantile of the gamma
    distribution, by the cube-root formula of Wilson and Hilferty (1931).
    """
    mean_s = system.batch_s()
    squared_cv = (system.item_cv * system.item_s) ** 2 * system.queue_batch / mean_s**2 if mean_s else 0.0
    rest = (1 + squared_cv) / 2  # of the mean one, when the queue is empty
    longest = max(1.0, rest)
    if squared_cv and slots > 1:
        level = NormalDist().inv_cdf(1 - 1 / (math.exp(EULER) * slots))
        longest = max((1 - squared_cv / 9 + level * math.sqrt(squared_cv) / 3) ** 3, longest)
    newest_s = max(system.init_s - 0.5 / system.slots_per_s, 0.0) if ramping else 0.0
    return system.init_s + newest_s + mean_s * (longest - rest)


def _retries_s(system: System, again: Failing, flow_s: float, per_s: float) -> float:
    """How long the last retries take after the flow.

    A message whose k-th receive failed ends D_k after its first. So rate x sum p**k (D_k - x) of
    them end more than x after the flow; the median of the latest is where that is log 2.
    """
    ends_s, end_s = [], 0.0
    for receives in range(1, system.receives):
        if system.retry_delay_s is None or not system.p_fail:
            end_s += system.visibility_s
        else:
            delay_s = min(system.retry_delay_s * 2 ** (receives - 1), RETRY_DELAY_MAX_S)
            end_s += delay_s * MEAN_DELAY + system.overhead_s + system.item_s
        ends_s.append(end_s)
    alone = system.partial and not system.p_crash  # or whole batches fail, and come back together
    wanted = math.log(2) * (1 if alone else system.queue_batch)
    low_s, high_s = 0.0, end_s
    for _ in range(40):
        x = (low_s + high_s) / 2
        late = sum(again.p**k * min(max(one - x, 0), flow_s) for k, one in enumerate(ends_s, 1))
        low_s, high_s = (x, high_s) if per_s * late > wanted else (low_s, x)
    return low_s
