"""Compute how often a receive fails and how many receives a message takes, in closed form.

All places of a batch of b are equally likely. With partial responses a message's place k is
reached with probability u**k, u that an attempt does not end the invocation; one that was not reached
returns, and at its last receive is queued again as a new message (`lambdas/processor.py`).
"""

from dataclasses import dataclass

from lambdist_lib.planner.system import System


@dataclass(frozen=True, slots=True)
class FailureProbabilities:
    """Hold the probabilities of a message that is not permanently bad.

    p: a receive fails; dies: all receives fail, so that it is dead; throws: an invocation throws.
    On average per message: receives in all, failures of these that are recorded, and `again`: receives after
    it was stored.
    """

    p: float
    dies: float
    throws: float
    receives: float
    failures: float
    again: float


def failing(system: System) -> FailureProbabilities:
    """Return the probabilities; without partial responses a message fails with its batch: 1 - (1 - p)**b."""
    size, max_receives, own = system.queue_batch, system.receives, system.attempt_fails()
    survives = (1 - system.p_crash) * (1 - system.p_crash_after)  # a process survives an attempt
    if system.partial:
        reached = _mean_power(survives * (1 - system.p_slow), size)
        stored = reached * (1 - own)
        requeued = 1 - reached
        throws, crashed = 1 - survives**size, 1 - (1 - system.p_crash_after) * _mean_power(survives, size)
        recorded = reached * (own - system.p_crash)
    else:
        stored = (1 - own) ** size * _mean_power(1 - system.p_crash_after, size)
        requeued, throws = 0.0, 1 - ((1 - own) * (1 - system.p_crash_after)) ** size
        crashed = 1 - (1 - system.p_crash_after) * _mean_power(1 - system.p_crash_after, size)
        recorded = (1 - system.p_crash) ** size - (1 - own) ** size
    p = 1 - stored
    last = p ** (max_receives - 1)  # it comes to its last receive
    renewed = 1 - last * requeued
    dies = min(last * max(p - requeued, 0.0) / renewed, 1.0) if renewed else 0.0
    receives = max_receives if p == 1 else (1 - p**max_receives) / (1 - p)
    first = receives / max(renewed, 1e-9)
    again = (system.p_duplicate + (1 - dies) * crashed) * receives
    return FailureProbabilities(p, dies, throws, first + again, first * recorded, again)


def _mean_power(base: float, size: int) -> float:
    """Return the mean of base**k over k = 0 ... size - 1."""
    return 1.0 if base == 1 else (1 - base**size) / (size * (1 - base))


def mean_batch_s(system: System) -> float:
    """Return the mean seconds of a full, warm batch, with faults that end it early or late."""
    size, planned_s = system.queue_batch, system.batch_s()
    survives = ((1 - system.p_crash) * (1 - system.p_crash_after)) ** size
    slow = 1 - (1 - system.p_slow) ** size
    return (planned_s * (survives + (1 - survives) * (size + 1) / (2 * size))) * (
        1 - slow
    ) + system.slow_s * slow


def retry_paths(system: System) -> list[tuple[float, bool]]:
    """Return how a receive fails: each way's probability, and whether it waits for the visibility timeout."""
    size, unreleased = system.queue_batch, system.retry_delay_s is None
    released = 1 - (1 - system.p_slow) * (1 - system.p_fail)
    if system.partial:
        survives = (1 - system.p_crash) * (1 - system.p_crash_after)
        silent = 1 - _mean_power(survives, size) * (1 - system.p_crash)
    else:
        released = 1 - (1 - released) ** size
        silent = 1 - (1 - system.p_crash) ** size * _mean_power(1 - system.p_crash_after, size)
    return [(released, unreleased), (silent, True)]
