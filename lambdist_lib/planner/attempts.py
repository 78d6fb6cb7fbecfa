"""The theory of receives: how often a message fails, and how many receives it takes."""

from dataclasses import dataclass

from lambdist_lib.planner.system import System


@dataclass(frozen=True, slots=True)
class Failing:
    """p: that a receive of a message comes to nothing; throws: that an invocation throws."""

    p: float
    throws: float
    receives: float  # of a message, on average


def failing(system: System) -> Failing:
    """Without partial responses one bad message takes its whole batch with it: 1 - (1 - p)**b."""
    size = system.queue_batch
    survives = (1 - system.p_crash) ** size
    whole = (1 - system.p_fail) ** (1 if system.partial else size)
    p = 1 - survives * whole
    throws = 1 - survives if system.partial else p
    receives = system.receives if p == 1 else (1 - p**system.receives) / (1 - p)
    return Failing(p, throws, receives)
