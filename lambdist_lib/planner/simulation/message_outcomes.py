"""Decide the outcome of each message of a batch: stored, dead, returned or duplicated.

The rules are those of `lambdas/processor.py`. With partial responses each message counts by itself: messages
before a crash are stored and return as duplicates, messages after it return untried, and at their last
receive are queued again as new messages. Without them, a batch is stored whole or not at all.
"""

import random
from collections.abc import Callable
from itertools import accumulate

from lambdist_lib.planner.simulation.event_queue import Event
from lambdist_lib.planner.simulation.message_queue import HeldMessages, MessageQueue
from lambdist_lib.planner.simulation.sampling import RareEvents
from lambdist_lib.planner.system import RETRY_DELAY_MAX_S, System

CRASH, SLOW, RAISE, CRASH_AFTER = "crash", "slow", "raise", "crash-after"

Hits = list[tuple[int, str]]  # places in a batch, from 0, and the fault there
Delay = Callable[[int], float]  # seconds, from the receives of a message


def died(hits: Hits) -> bool:
    """Return whether the process died, and its environment with it."""
    return bool(hits) and hits[-1][1] in (CRASH, CRASH_AFTER)


class MessageOutcomes:
    """Keep the ledger of a run."""

    def __init__(self, system: System, rng: random.Random, waiting: MessageQueue, show: Event) -> None:
        self.system, self.rng, self.waiting, self.show = system, rng, waiting, show
        chances = {CRASH: system.p_crash, SLOW: system.p_slow, RAISE: system.p_fail,
                   CRASH_AFTER: system.p_crash_after}  # fmt: skip
        survives, first = 1.0, []  # only the first fault of an attempt takes effect
        for chance in chances.values():
            first.append(survives * chance)
            survives *= 1 - chance
        self.kinds, self.weights = list(chances), list(accumulate(first))
        self.faults, self.permanents = RareEvents(1 - survives, rng), RareEvents(system.p_permanent, rng)
        self.stored = self.dead = self.failures = self.duplicates = 0
        self.stored_s = self.settled_s = 0.0

    def hits_among(self, count: int) -> Hits:
        """Draw the faults of the next attempts, up to the one that ends the invocation."""
        hits: Hits = []
        for place in self.faults.among(count):
            [kind] = self.rng.choices(self.kinds, cum_weights=self.weights)
            hits.append((place, kind))
            if kind != RAISE:
                break
        return hits

    def took_s(self, planned_s: float, count: int, hits: Hits) -> float:
        """Return the seconds of an invocation until its process dies or its watchdog ends it."""
        place, kind = hits[-1]
        if kind == SLOW:
            return self.system.slow_s
        return planned_s if kind == RAISE else planned_s * (place + 1) / count

    def settle(self, now: float, received_s: float, count: int, messages: HeldMessages, hits: Hits) -> bool:
        """Settle the messages of an invocation and return whether it threw."""
        if not hits:
            self.keep(now, messages, count)
            return False
        before_write = [kind for _, kind in hits if kind != CRASH_AFTER]
        crashed = CRASH in before_write
        if before_write and not self.system.partial:
            self.failures += 0 if crashed else count
            unreleased = crashed or self.system.retry_delay_s is None
            self.give_back(now, messages, self.unreleased(now, received_s) if unreleased else self.released_s)
            return True
        self.failures += len(before_write) - crashed
        self.settle_individually(now, received_s, messages, hits)
        return died(hits)

    def settle_individually(self, now: float, received_s: float, messages: HeldMessages, hits: Hits) -> None:
        """Settle each message by itself, in the order of the batch."""
        late, at_once = self.unreleased(now, received_s), self.at_once
        raised = late if self.system.retry_delay_s is None else self.released_s
        faults, (end, last) = dict(hits), hits[-1]
        place, is_gone = -1, died(hits)
        for receives, number in messages:
            for _ in range(number):
                place += 1
                message = ((receives, 1),)
                kind = faults.get(place)
                if place > end and last != RAISE:  # untried: must not die for it
                    self.give_back(
                        now, message, late if is_gone else at_once, to_death=not self.system.partial
                    )
                elif kind == CRASH:
                    self.give_back(now, message, late)
                elif kind in (SLOW, RAISE):
                    self.give_back(now, message, raised)
                else:
                    self.keep(now, message, 1)
                    if is_gone:
                        self.come_again(now, receives, late(1))

    def come_again(self, now: float, receives: int, delay_s: float) -> None:
        """Return a message whose datapoint was stored before its invocation died."""
        limit = self.system.receives
        again = receives + 1 + (limit if receives < limit else 0)
        if again < 2 * limit:
            self.waiting.in_flight += 1
            self.waiting.hide(now, delay_s, again, self.show)

    def keep(self, now: float, messages: HeldMessages, count: int) -> None:
        """Store a batch, except permanently bad datapoints and those that are stored already."""
        limit = self.system.receives
        again = 0 if messages[0][0] < limit else sum(number for before, number in messages if before >= limit)
        permanent = len(self.permanents.among(count - again))
        self.waiting.in_flight -= count
        self.duplicates += again
        self.dead += permanent
        self.failures += permanent
        self.stored += count - again - permanent
        if count > again + permanent:
            self.stored_s = now
        if count > again:
            self.settled_s = now

    def give_back(self, now: float, messages: HeldMessages, delay_s: Delay, *, to_death: bool = True) -> None:
        """Return messages to the queue; after the last receive they are dead or queued as new messages."""
        limit = self.system.receives
        for before, count in messages:
            receives = before + 1
            if receives in (limit, 2 * limit):
                if receives == 2 * limit or to_death:
                    self.drop(now, count, to_death=receives == limit)
                    continue
                receives = 0
            delays = receives - limit if receives > limit else max(receives, 1)
            for _ in range(count):
                self.waiting.hide(now, delay_s(delays), receives, self.show)

    def drop(self, now: float, count: int, *, to_death: bool) -> None:
        """Move messages to the dead-letter queue; those of stored datapoints do not count as dead."""
        self.waiting.in_flight -= count
        if to_death:
            self.dead += count
            self.settled_s = now

    def at_once(self, receives: int) -> float:
        return 0.0

    def unreleased(self, now: float, received_s: float) -> Delay:
        left_s = max(received_s + self.system.visibility_s - now, 0.0)
        return lambda receives: left_s

    def released_s(self, receives: int) -> float:
        """Draw the delay of lambdas/messages.py: doubling, with jitter, in whole seconds."""
        max_s = min((self.system.retry_delay_s or 0) * 2.0 ** (receives - 1), RETRY_DELAY_MAX_S)
        return round(max_s * self.rng.uniform(0.5, 1))
