"""Predict makespan, counts and peak in closed form, for any size.

Beyond the flow (`fluid.phases`): each slot loses its cold start and, on average, half a batch when the queue
runs dry, and the last batch ends later than the mean one, in an environment that has just started if the ramp
is on. The last retries come after the flow, each with its delay.
Without failures it holds within 2 % of the simulation from 10^5 datapoints on (tests/unit/planner/fluid).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from lambdist_lib.planner.fluid.phases import (
    ACCOUNT,
    COLLECTORS,
    ENVIRONMENTS,
    RAMP,
    RESERVED,
    RETRIES,
    TABLE,
    ArrivalPhase,
    Flow,
    Phase,
    caps_of,
    entry_of,
)
from lambdist_lib.planner.fluid.retries import FailureProbabilities, failing, mean_batch_s, retry_paths
from lambdist_lib.planner.system import COLLECTOR_RETRY_S, RETRY_DELAY_MAX_S, System

EULER = 0.5772  # of the harmonic numbers
MEAN_DELAY = 0.75  # of the longest: lambdas/messages.py draws from half of it up


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Hold a forecast; counts are expectations, times are seconds from the first send."""

    makespan_s: float
    enqueued_s: float
    stored: float
    dead: float
    invocations: float
    receives: float
    failures: float  # failed attempts that were recorded, permanent ones included
    duplicates: float
    requests: float
    cold: float
    collector_cold: float
    peak: float
    busy_s: float  # of all processors together, cold starts and waits for the table included
    api_throttles: float
    lambda_throttles: float
    table_throttles: float
    phases: tuple[Phase, ...]


def predict(system: System) -> Forecast:
    """Predict a system in closed form."""
    entry, again = entry_of(system), failing(system)
    attempts = system.datapoints * again.receives
    stream = Flow(system, entry, again)
    phases = stream.phases()
    flow_s = phases[-1].end_s
    starved = phases[-1].limit == entry.limit
    size = _batch_when_starved(system) if starved else float(system.queue_batch)
    batch_s = system.overhead_s + size * system.item_s
    slots = _slots(system, entry, again, phases)
    end_s = flow_s + (batch_s if starved else _last_batch_s(system, slots, ramping=phases[-1].limit == RAMP))
    waves_s = _retry_waves_s(system, flow_s, phases[-1].per_s)
    if waves_s:
        phases.append(Phase(end_s, end_s + waves_s, RETRIES, 0.0))
    invocations = _invocations(phases, entry.limit, attempts, size, float(system.queue_batch))
    requests = math.ceil(system.datapoints / system.request_batch) if system.senders else 0
    alive = 1 - system.p_permanent
    stored = system.datapoints * alive * (1 - again.dies)
    cold = slots + invocations * _crashes(system, size)
    return Forecast(
        makespan_s=end_s + waves_s,
        enqueued_s=entry.end_s + system.request_s / 2,
        stored=stored,
        dead=system.datapoints - stored,
        invocations=invocations,
        receives=attempts,
        failures=system.datapoints * (alive * again.failures + system.p_permanent),
        duplicates=system.datapoints * again.again,
        requests=requests,
        cold=cold,
        collector_cold=min(system.senders, requests) * system.has_collector,
        peak=slots,
        busy_s=_busy_s(system, invocations, attempts, cold) + sum(step.blocked_s() for step in stream.steps),
        api_throttles=_api_throttles(system, requests),
        lambda_throttles=_lambda_throttles(system, entry, phases),
        table_throttles=sum(phase.attempts for phase in phases if phase.limit == TABLE) / system.queue_batch,
        phases=tuple(phases),
    )


def _retry_waves_s(system: System, flow_s: float, per_s: float) -> float:
    """Return the seconds from the end of the flow to the last retry, by the slowest way back."""
    return max(
        _retries_s(system, p, flow_s, per_s, unreleased=unreleased) if p else 0.0
        for p, unreleased in retry_paths(system)
    )


def _crashes(system: System, size: float) -> float:
    """Return the probability that a batch of this size ends its environment."""
    survives: float = ((1 - system.p_crash) * (1 - system.p_crash_after)) ** size
    return 1 - survives


def _busy_s(system: System, invocations: float, attempts: float, cold: float) -> float:
    """Return the seconds of all invocations and cold starts, without waits for the table."""
    early_s = mean_batch_s(system) - system.batch_s()  # or late: of an invocation, where faults end it
    return invocations * (system.overhead_s + early_s) + attempts * system.item_s + cold * system.init_s


def _invocations(phases: list[Phase], starved: str, attempts: float, size: float, full: float) -> float:
    """Count invocations: batches are full while messages wait, otherwise as large as one request."""
    batch = {True: size, False: full}
    amounts = {True: 0.0, False: 0.0}
    for phase in phases:
        amounts[phase.limit == starved] += phase.attempts
    total = sum(amounts.values())
    return sum(attempts * amounts[key] / total / batch[key] for key in amounts) if total else 0.0


def _slots(system: System, entry: ArrivalPhase, again: FailureProbabilities, phases: list[Phase]) -> float:
    """Return the most batches at once: those that the ramp reached, or those that arrivals need."""
    waited_s = sum(phase.length_s for phase in phases if phase.limit != entry.limit)
    cap = min(caps_of(system, again, 0.0).values())
    ramped = min(system.slots_start + system.slots_per_s * waited_s, cap)
    if waited_s:
        return min(ramped, math.ceil(system.datapoints * again.receives / system.queue_batch))
    size = _batch_when_starved(system)
    needed = phases[-1].per_s * (system.overhead_s / size + system.item_s)
    return min(max(math.ceil(needed), 1.0), cap)


def _batch_when_starved(system: System) -> float:
    """Return the messages that a free mapping finds: those of one request."""
    return float(min(system.queue_batch, system.request_batch if system.senders else 1))


def _last_batch_s(system: System, slots: float, *, ramping: bool) -> float:
    """Return the seconds from the end of the flow to the end of the last batch, cold start included.

    The longest of the batches that run when the queue is empty: a quantile of the gamma
    distribution, by the cube-root formula of Wilson and Hilferty (1931).
    """
    mean_s = system.batch_s()
    squared_cv = (system.item_cv * system.item_s) ** 2 * system.queue_batch / mean_s**2 if mean_s else 0.0
    rest = (1 + squared_cv) / 2  # of the mean batch, when the queue is empty
    longest = max(1.0, rest)
    if squared_cv and slots > 1:
        level = NormalDist().inv_cdf(1 - 1 / (math.exp(EULER) * slots))
        longest = max((1 - squared_cv / 9 + level * math.sqrt(squared_cv) / 3) ** 3, longest)
    newest_s = max(system.init_s - 0.5 / system.slots_per_s, 0.0) if ramping else 0.0
    return system.init_s + newest_s + mean_s * (longest - rest)


def _retries_s(system: System, p: float, flow_s: float, per_s: float, *, unreleased: bool) -> float:
    """Return the seconds of the last retries after the flow; receives fail with probability p in one way.

    A message whose k-th receive failed ends D_k after its first. So rate x sum p**k (D_k - x) of
    them end more than x after the flow; the median of the latest is where that is log 2.

    Args:
        unreleased: The message waits for the visibility timeout instead of a delay that doubles.
    """
    ends_s, end_s = [], 0.0
    for receives in range(1, system.receives):
        if unreleased:
            end_s += system.visibility_s
        else:
            delay_s = min((system.retry_delay_s or 0) * 2 ** (receives - 1), RETRY_DELAY_MAX_S)
            slow = system.p_slow * (system.slow_s - system.item_s) / max(system.attempt_fails(), p)
            end_s += delay_s * MEAN_DELAY + system.overhead_s + system.item_s + max(slow, 0.0)
        ends_s.append(end_s)
    alone = system.partial and not (unreleased and system.p_crash + system.p_crash_after)
    wanted = math.log(2) * (1 if alone else system.queue_batch)  # otherwise whole batches return
    low_s, high_s = 0.0, end_s
    for _ in range(40):
        x = (low_s + high_s) / 2
        late = sum(p**k * min(max(last_s - x, 0), flow_s) for k, last_s in enumerate(ends_s, 1))
        low_s, high_s = (x, high_s) if per_s * late > wanted else (low_s, x)
    return low_s


def _api_throttles(system: System, requests: int) -> float:
    """Count requests beyond the API's burst, where its rate is lower than the senders'."""
    if not system.senders:
        return 0.0
    sent_per_s = min(system.senders, requests) / max(system.request_s + system.collector_s, 1e-9)
    if sent_per_s <= system.api_rate_per_s:
        return 0.0
    free = system.api_burst * sent_per_s / (sent_per_s - system.api_rate_per_s)
    return max(requests - free, 0.0)


def _lambda_throttles(system: System, entry: ArrivalPhase, phases: list[Phase]) -> float:
    """Count throttled invocations of the mapping and of collectors.

    The mapping grows until throttles cut it as fast. A lower bound: where processors leave no place to
    collectors, many more of these are throttled.
    """
    throttles = 0.0
    if entry.limit in (COLLECTORS, ENVIRONMENTS):
        refused = max(system.senders - entry.collectors, 0.0)
        throttles = refused * (entry.end_s - entry.begin_s) / (sum(COLLECTOR_RETRY_S) / 2)
    for phase in phases:
        if phase.limit in (ACCOUNT, RESERVED):
            others = entry.collectors if phase.begin_s < entry.end_s else 0.0
            places = max(min(system.account_concurrency - others, system.reserved_concurrency), 1.0)
            slots = float(system.max_slots())
            if system.error_cut:  # n - places of n are throttled; each cuts n, and the ramp adds to it
                balance = 4 * system.throttle_retry_s * system.slots_per_s / system.error_cut
                slots = min(slots, (places + math.sqrt(places**2 + balance)) / 2)
            per_s = max(slots - places, 0.0) / system.throttle_retry_s
            throttles += phase.length_s * per_s
    return throttles
