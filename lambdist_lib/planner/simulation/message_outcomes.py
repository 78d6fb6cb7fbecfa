"""What becomes of the messages of a batch: stored, dead, back to the queue, or done a second time.

As `lambdas/processor.py` has it. With partial responses each message is for itself: what came before a
crash is stored and comes back as a duplicate, what came after it comes back untried, and at its last
receive it is handed on as a new message. Without, a batch is stored whole or not at all.
"""

import random
from collections.abc import Callable
from itertools import accumulate

from lambdist_lib.planner.simulation.event_queue import Event
from lambdist_lib.planner.simulation.message_queue import HeldMessages, MessageQueue
from lambdist_lib.planner.simulation.sampling import RareEvents
from lambdist_lib.planner.system import RETRY_DELAY_MAX_S, System

CRASH, SLOW, RAISE, CRASH_AFTER = "crash", "slow", "raise", "crash-after"

Struck = list[tuple[int, str]]  # places in a batch, from 0, and what happens there
Delay = Callable[[int], float]  # of the receives that a message has had


def died(struck: Struck) -> bool:
    """Whether the process did, and its environment with it."""
    return bool(struck) and struck[-1][1] in (CRASH, CRASH_AFTER)


class MessageOutcomes:
    """The ledger of a run."""

    def __init__(self, system: System, rng: random.Random, waiting: MessageQueue, show: Event) -> None:
        self.system, self.rng, self.waiting, self.show = system, rng, waiting, show
        chances = {CRASH: system.p_crash, SLOW: system.p_slow, RAISE: system.p_fail,
                   CRASH_AFTER: system.p_crash_after}  # fmt: skip
        spared, first = 1.0, []  # of what may strike an attempt only the first does
        for chance in chances.values():
            first.append(spared * chance)
            spared *= 1 - chance
        self.kinds, self.weights = list(chances), list(accumulate(first))
        self.strikes, self.permanents = RareEvents(1 - spared, rng), RareEvents(system.p_permanent, rng)
        self.stored = self.dead = self.failures = self.duplicates = 0
        self.stored_s = self.settled_s = 0.0

    def strike(self, count: int) -> Struck:
        """What happens to the next attempts, up to what ends the invocation."""
        struck: Struck = []
        for place in self.strikes.among(count):
            [kind] = self.rng.choices(self.kinds, cum_weights=self.weights)
            struck.append((place, kind))
            if kind != RAISE:
                break
        return struck

    def took_s(self, planned_s: float, count: int, struck: Struck) -> float:
        """How long the invocation takes: until its process dies, or its watchdog ends it."""
        place, kind = struck[-1]
        if kind == SLOW:
            return self.system.slow_s
        return planned_s if kind == RAISE else planned_s * (place + 1) / count

    def settle(self, now: float, received_s: float, count: int, held: HeldMessages, struck: Struck) -> bool:
        """The end of an invocation; whether it threw."""
        if not struck:
            self.keep(now, held, count)
            return False
        before_write = [kind for _, kind in struck if kind != CRASH_AFTER]
        crashed = CRASH in before_write
        if before_write and not self.system.partial:
            self.failures += 0 if crashed else count
            unreleased = crashed or self.system.retry_delay_s is None
            self.give_back(now, held, self.unreleased(now, received_s) if unreleased else self.released_s)
            return True
        self.failures += len(before_write) - crashed
        self.one_by_one(now, received_s, held, struck)
        return died(struck)

    def one_by_one(self, now: float, received_s: float, held: HeldMessages, struck: Struck) -> None:
        """Each message for itself, in the order of the batch."""
        late, at_once = self.unreleased(now, received_s), self.at_once
        raised = late if self.system.retry_delay_s is None else self.released_s
        what, (end, last) = dict(struck), struck[-1]
        place, is_gone = -1, died(struck)
        for receives, number in held:
            for _ in range(number):
                place += 1
                one = ((receives, 1),)
                kind = what.get(place)
                if place > end and last != RAISE:  # untried, and not to die of it
                    self.give_back(now, one, late if is_gone else at_once, to_death=not self.system.partial)
                elif kind == CRASH:
                    self.give_back(now, one, late)
                elif kind in (SLOW, RAISE):
                    self.give_back(now, one, raised)
                else:
                    self.keep(now, one, 1)
                    if is_gone:
                        self.come_again(now, receives, late(1))

    def come_again(self, now: float, receives: int, delay_s: float) -> None:
        """A message whose datapoint was stored in an invocation that then died."""
        most = self.system.receives
        again = receives + 1 + (most if receives < most else 0)
        if again < 2 * most:
            self.waiting.in_flight += 1
            self.waiting.hide(now, delay_s, again, self.show)

    def keep(self, now: float, held: HeldMessages, count: int) -> None:
        """Stores all of it, but for what can never be and for what is stored already."""
        most = self.system.receives
        again = 0 if held[0][0] < most else sum(number for before, number in held if before >= most)
        hopeless = len(self.permanents.among(count - again))
        self.waiting.in_flight -= count
        self.duplicates += again
        self.dead += hopeless
        self.failures += hopeless
        self.stored += count - again - hopeless
        if count > again + hopeless:
            self.stored_s = now
        if count > again:
            self.settled_s = now

    def give_back(self, now: float, held: HeldMessages, delay_s: Delay, *, to_death: bool = True) -> None:
        """Messages return to the queue, or are dead after their last receive; or else handed on."""
        most = self.system.receives
        for before, count in held:
            receives = before + 1
            if receives in (most, 2 * most):
                if receives == 2 * most or to_death:
                    self.drop(now, count, to_death=receives == most)
                    continue
                receives = 0
            delays = receives - most if receives > most else max(receives, 1)
            for _ in range(count):
                self.waiting.hide(now, delay_s(delays), receives, self.show)

    def drop(self, now: float, count: int, *, to_death: bool) -> None:
        """Messages leave the queue for the dead letters; those of stored datapoints are no deaths."""
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
        """As lambdas/messages.py: doubling, at random, in SQS's whole seconds."""
        most_s = min((self.system.retry_delay_s or 0) * 2.0 ** (receives - 1), RETRY_DELAY_MAX_S)
        return round(most_s * self.rng.uniform(0.5, 1))
