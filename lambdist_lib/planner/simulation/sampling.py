"""What is drawn at random: durations, cold starts, and what fails."""

import math
import random
from collections.abc import Callable

from lambdist_lib.planner.system import System


def durations(system: System, rng: random.Random) -> Callable[[int], float]:
    """How long a batch of n takes. The sum of n gamma times is a gamma time: one draw, and exact."""
    overhead_s, item_s, cv = system.overhead_s, system.item_s, system.item_cv
    if cv == 0 or item_s == 0:
        return lambda n: overhead_s + n * item_s
    shape, scale_s, gamma = 1 / cv**2, item_s * cv**2, rng.gammavariate
    return lambda n: overhead_s + gamma(n * shape, scale_s)


def inits(system: System, rng: random.Random) -> Callable[[], float]:
    """How long a cold start takes."""
    if system.init_log_sd == 0:
        return lambda: system.init_s
    return lambda: system.init_s * rng.lognormvariate(0, system.init_log_sd)


class RareEvents:
    """Independent events of one probability, found by the distance to the next."""

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
        """Which of the next `count` are struck, from 0."""
        if self.next >= count:
            self.next -= count
            return []
        struck = []
        place = self.next
        while place < count:
            struck.append(place)
            place += 1 + self.gap()
        self.next = place - count
        return struck
