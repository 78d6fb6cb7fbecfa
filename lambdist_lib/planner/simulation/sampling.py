"""Draw durations, cold starts and failures at random."""

import math
import random
from collections.abc import Callable

from lambdist_lib.planner.system import System


def durations(system: System, rng: random.Random) -> Callable[[int], float]:
    """Return a function that draws the seconds of a batch of n; a sum of gamma times is one gamma draw."""
    overhead_s, item_s, cv = system.overhead_s, system.item_s, system.item_cv
    if cv == 0 or item_s == 0:
        return lambda n: overhead_s + n * item_s
    shape, scale_s, gamma = 1 / cv**2, item_s * cv**2, rng.gammavariate
    return lambda n: overhead_s + gamma(n * shape, scale_s)


def inits(system: System, rng: random.Random) -> Callable[[], float]:
    """Return a function that draws the seconds of a cold start."""
    if system.init_log_sd == 0:
        return lambda: system.init_s
    return lambda: system.init_s * rng.lognormvariate(0, system.init_log_sd)


class RareEvents:
    """Draw independent events of one probability by the gap to the next."""

    def __init__(self, probability: float, rng: random.Random) -> None:
        self.probability, self.rng = probability, rng
        self.next = self.gap()

    def gap(self) -> int:
        if self.probability <= 0:
            return 1 << 62
        if self.probability >= 1:
            return 0
        return int(self.rng.expovariate(1.0) / -math.log1p(-self.probability))

    def among(self, count: int) -> list[int]:
        """Return the places, from 0, of the events among the next `count` trials."""
        if self.next >= count:
            self.next -= count
            return []
        places = []
        place = self.next
        while place < count:
            places.append(place)
            place += 1 + self.gap()
        self.next = place - count
        return places
