"""The theory of receives: how often a message comes to nothing, and how many receives it takes.

Of a batch of b whose places are as likely as each other. With partial responses a message's place k is
reached with probability u**k, u that an attempt does not end the invocation; one that was not reached
comes back, and at its last receive is handed on as a new message (`lambdas/processor.py`).
"""

from dataclasses import dataclass

from lambdist_lib.planner.system import System


@dataclass(frozen=True, slots=True)
class FailureProbabilities:
    """Of a message that is not permanently bad.

    p: that a receive comes to nothing; dies: that all of them do, and it is dead; throws: that an
    invocation throws. On average, of a message: receives in all, failures of these that are written down,
    and again, receives after it was stored.
    """

    p: float
    dies: float
    throws: float
    receives: float
    failures: float
    again: float


def failing(system: System) -> FailureProbabilities:
    """Without partial responses one bad message takes its whole batch with it: 1 - (1 - p)**b."""
    size, most, own = system.queue_batch, system.receives, system.attempt_fails()
    survives = (1 - system.p_crash) * (1 - system.p_crash_after)  # that a process does an attempt
    if system.partial:
        reached = _mean_power(survives * (1 - system.p_slow), size)
        stored = reached * (1 - own)
        handed_on = 1 - reached
        throws, crashed = 1 - survives**size, 1 - (1 - system.p_crash_after) * _mean_power(survives, size)
        told = reached * (own - system.p_crash)
    else:
        stored = (1 - own) ** size * _mean_power(1 - system.p_crash_after, size)
        handed_on, throws = 0.0, 1 - ((1 - own) * (1 - system.p_crash_after)) ** size
        crashed = 1 - (1 - system.p_crash_after) * _mean_power(1 - system.p_crash_after, size)
        told = (1 - system.p_crash) ** size - (1 - own) ** size
    p = 1 - stored
    last = p ** (most - 1)  # that it comes to its last receive
    renewed = 1 - last * handed_on
    dies = min(last * max(p - handed_on, 0.0) / renewed, 1.0) if renewed else 0.0
    receives = most if p == 1 else (1 - p**most) / (1 - p)
    first = receives / max(renewed, 1e-9)
    again = (system.p_duplicate + (1 - dies) * crashed) * receives
    return FailureProbabilities(p, dies, throws, first + again, first * told, again)


def _mean_power(base: float, size: int) -> float:
    """The mean of base**k over k = 0 ... size - 1."""
    return 1.0 if base == 1 else (1 - base**size) / (size * (1 - base))


def mean_batch_s(system: System) -> float:
    """A full batch in a warm environment, what ends it early or late included."""
    size, planned_s = system.queue_batch, system.batch_s()
    spared = ((1 - system.p_crash) * (1 - system.p_crash_after)) ** size
    slow = 1 - (1 - system.p_slow) ** size
    return (planned_s * (spared + (1 - spared) * (size + 1) / (2 * size))) * (1 - slow) + system.slow_s * slow


def retry_paths(system: System) -> list[tuple[float, bool]]:
    """How a receive comes to nothing: with which probability, and whether it waits for the visibility."""
    size, unreleased = system.queue_batch, system.retry_delay_s is None
    told = 1 - (1 - system.p_slow) * (1 - system.p_fail)
    if system.partial:
        survives = (1 - system.p_crash) * (1 - system.p_crash_after)
        silent = 1 - _mean_power(survives, size) * (1 - system.p_crash)
    else:
        told = 1 - (1 - told) ** size
        silent = 1 - (1 - system.p_crash) ** size * _mean_power(1 - system.p_crash_after, size)
    return [(told, unreleased), (silent, True)]
