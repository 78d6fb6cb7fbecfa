"""Simulate a system event by event; memory grows with concurrency alone.

Simplified, and therefore not predicted:

- Senders do not halve their rate after a throttle; the request waits for its turn and counts as one throttle.
- Messages that were received before are received first. SQS guarantees no order, and moves a message to the
  back of a standard queue after three receives (`limits.FACTS["queue_front_receives"]`).
- The mapping's concurrency grows only while messages wait, and does not shrink when none wait.
- The table serves writes in the order in which batches end, and the handler waits for them.
"""

import heapq
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from lambdist_lib.planner.simulation import fast_path
from lambdist_lib.planner.simulation.arrivals import Arrivals
from lambdist_lib.planner.simulation.event_queue import Account, EventQueue, Table
from lambdist_lib.planner.simulation.message_outcomes import Hits, MessageOutcomes, died
from lambdist_lib.planner.simulation.message_queue import HeldMessages, MessageQueue
from lambdist_lib.planner.simulation.sampling import RareEvents, durations, inits
from lambdist_lib.planner.system import Outcome, System

SAMPLES = 400  # of the timeline; at least half of them
MIN_SLOTS = 2.0  # of a mapping after errors


class Batch(NamedTuple):
    """Hold the messages of one receive and the faults that hit them."""

    received_s: float
    size: int
    messages: HeldMessages
    hits: Hits


def simulate(system: System, *, seed: int = 0, timeline: bool = False) -> Outcome:
    """Simulate one run.

    Args:
        timeline: Keep some hundred samples of backlog and concurrency; always event by event.

    Returns:
        The same outcome for the same seed.
    """
    rng = random.Random(seed)
    if not timeline and fast_path.fits(system):
        return fast_path.run(system, rng)
    return _Run(system, rng).go(keep=timeline)


def replicate(draw: Callable[[random.Random], System], *, replicas: int, seed: int = 0) -> list[Outcome]:
    """Simulate `replicas` runs, each of a system of its own.

    Args:
        draw: Returns a system whose inputs are drawn from their spread.
    """
    return [simulate(draw(random.Random(f"{seed}:{k}")), seed=seed * 1_000_003 + k) for k in range(replicas)]


class _Run:
    """Hold the state between two events: the mapping, its processors and the table."""

    def __init__(self, system: System, rng: random.Random) -> None:
        self.system, self.rng = system, rng
        self.clock, self.account = EventQueue(), Account(system.account_concurrency)
        self.at = self.clock.at
        self.arrivals = Arrivals(system, rng, self.clock, self.account, self.enqueue)
        self.waiting = MessageQueue(system.receives, self.clock)
        self.table = Table(system)
        self.end = self.finish if self.table.limits else self.finished
        self.max_slots = float(system.max_slots())
        self.slots = min(float(system.slots_start), self.max_slots)
        self.window_ends_s = -1.0
        self.growing = False
        self.busy = self.processing = self.peak = 0
        self.idle: list[float] = []  # when environments became free; the latest is taken first
        self.batch_s, self.init_s = durations(system, rng), inits(system, rng)
        self.outcomes = MessageOutcomes(system, rng, self.waiting, self.show)
        self.duplicated = RareEvents(system.p_duplicate, rng)
        self.invocations = self.cold = self.receives = self.throttles = self.errors = 0

    def go(self, *, keep: bool) -> Outcome:
        """Run from the first send until every datapoint is stored or dead."""
        events, waiting, outcomes, pop = self.clock.events, self.waiting, self.outcomes, heapq.heappop
        queue_area = busy_area = last_s = 0.0
        samples: list[tuple[float, int, int, int]] = []
        step_s, sample_s = 0.01, 0.0 if keep else float("inf")
        self.arrivals.begin()
        while outcomes.stored + outcomes.dead < self.system.datapoints or not waiting.is_empty():
            now, _, event, argument = pop(events)
            queue_area += waiting.visible * (now - last_s)
            busy_area += self.busy * (now - last_s)
            last_s = now
            event(now, argument)
            if now >= sample_s:
                samples.append((now, waiting.visible, self.busy, outcomes.stored))
                if len(samples) > SAMPLES:
                    samples, step_s = samples[::2], step_s * 2
                sample_s = now + step_s
        samples.append((last_s, waiting.visible, self.busy, outcomes.stored))
        return _outcome(self, queue_area, busy_area, samples if keep else [])

    # -- mapping -----------------------------------------------------------------------------

    def enqueue(self, now: float, count: int) -> None:
        self.waiting.add(count)
        if duplicates := len(self.duplicated.among(count)):
            self.waiting.add(duplicates, self.system.receives)
        self.dispatch(now)

    def show(self, now: float, key: tuple[float, int]) -> None:
        """Make failed messages visible again."""
        self.waiting.show(key)
        self.dispatch(now)

    def dispatch(self, now: float, _: Any = None) -> None:
        """Give waiting messages to free slots."""
        size, waiting = self.system.queue_batch, self.waiting
        while waiting.visible:
            if self.busy >= int(self.slots):
                if not self.growing and self.slots < self.max_slots:
                    self.growing = True
                    self.at(now + 1 / self.system.slots_per_s, self.grow)
                return
            count = min(size, waiting.visible)
            if count < size and self.system.window_s and not self.window_over(now):
                return
            if waiting.in_flight + count > self.system.max_in_flight:
                return
            self.busy += 1
            self.receives += count
            self.invoke(now, Batch(now, count, waiting.take(count), self.outcomes.hits_among(count)))

    def window_over(self, now: float) -> bool:
        """Return whether a partial batch has waited for the window; start the wait if none is running."""
        if self.window_ends_s < 0:
            self.window_ends_s = now + self.system.window_s
            self.at(self.window_ends_s, self.dispatch)
        if now < self.window_ends_s:
            return False
        self.window_ends_s = -1.0
        return True

    def grow(self, now: float, _: Any) -> None:
        self.growing = False
        if self.waiting.visible:
            self.slots = min(self.slots + 1, self.max_slots)
            self.dispatch(now)

    def cut(self) -> None:
        """Reduce the mapping's concurrency after an error or a throttle."""
        self.slots = max(self.slots * (1 - self.system.error_cut), min(MIN_SLOTS, self.slots))

    # -- processors --------------------------------------------------------------------------

    def invoke(self, now: float, batch: Batch) -> None:
        system, idle = self.system, self.idle
        if self.account.executing >= self.account.maximum or self.processing >= system.reserved_concurrency:
            self.throttle(now, batch)
            return
        self.account.executing += 1
        self.processing += 1
        self.peak = max(self.peak, self.processing)
        self.invocations += 1
        took_s = self.batch_s(batch.size)
        if batch.hits:
            took_s = self.outcomes.took_s(took_s, batch.size, batch.hits)
        if idle and now - idle[-1] <= system.idle_expiry_s:
            idle.pop()
        else:
            idle.clear()  # the others have been idle for longer
            self.cold += 1
            took_s += self.init_s()
        self.at(now + took_s, self.end, batch)

    def throttle(self, now: float, batch: Batch) -> None:
        """Hold the batch and retry it until the visibility timeout."""
        self.throttles += 1
        self.cut()
        if now - batch.received_s < self.system.visibility_s:
            self.at(now + self.system.throttle_retry_s, self.invoke, batch)
            return
        self.busy -= 1
        self.outcomes.give_back(now, batch.messages, self.outcomes.at_once)
        self.dispatch(now)

    def finish(self, now: float, batch: Batch) -> None:
        """End the handler as soon as the table has taken its writes."""
        free_s = self.table.written_s(now, batch.size)
        if free_s > now:
            self.at(free_s, self.finished, batch)
        else:
            self.finished(now, batch)

    def finished(self, now: float, batch: Batch) -> None:
        self.busy -= 1
        self.account.executing -= 1
        self.processing -= 1
        if not died(batch.hits):
            self.idle.append(now)
        if self.outcomes.settle(now, *batch):
            self.errors += 1
            self.cut()
        if self.waiting.visible:
            self.dispatch(now)


def _outcome(
    run: _Run, queue_area: float, busy_area: float, timeline: list[tuple[float, int, int, int]]
) -> Outcome:
    """Return what happened in a run that has ended."""
    entry, outcomes = run.arrivals, run.outcomes
    return Outcome(
        makespan_s=outcomes.stored_s,
        settled_s=outcomes.settled_s,
        enqueued_s=entry.enqueued_s,
        stored=outcomes.stored,
        dead=outcomes.dead,
        failures=outcomes.failures,
        duplicates=outcomes.duplicates,
        invocations=run.invocations,
        cold=run.cold,
        peak=run.peak,
        receives=run.receives,
        errors=run.errors,
        queue_area=queue_area,
        busy_area=busy_area,
        requests=entry.requests,
        collector_cold=entry.cold,
        api_throttles=entry.api_throttles,
        lambda_throttles=run.throttles + entry.lambda_throttles,
        table_throttles=run.table.throttles,
        timeline=tuple(timeline),
    )
