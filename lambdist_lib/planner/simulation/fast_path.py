"""Simulate a queue that is full from the beginning and without failures, faster than the engine.

Each batch goes to the slot that is free first, which is what a mapping with waiting messages does.
A slot of the ramp becomes usable at (k - start) / ramp. Memory is one number per slot.
"""

import heapq
import random

from lambdist_lib.planner.simulation.sampling import durations, inits
from lambdist_lib.planner.system import Outcome, System


def fits(system: System) -> bool:
    """Return whether the fast path applies; the engine would give the same result, more slowly."""
    fails = system.attempt_fails() or system.p_permanent or system.p_crash_after or system.p_duplicate
    quiet = not (fails or system.window_s)
    at_once = system.senders == 0 and system.arrivals_per_s == 0
    slots = system.max_slots()
    free = slots <= min(system.account_concurrency, system.reserved_concurrency)
    within_flight = slots * system.queue_batch <= system.max_in_flight
    unlimited_writes = system.writes_per_s == float("inf")
    return quiet and at_once and free and within_flight and unlimited_writes


def run(system: System, rng: random.Random) -> Outcome:
    """Simulate a system that `fits`."""
    size, slots, start = system.queue_batch, system.max_slots(), system.slots_start
    left = system.datapoints
    first = min(start, slots, -(-left // size))
    ends: list[float] = [0.0] * first  # when each slot is free
    used, busy_s, last_s, invocations = 0, 0.0, 0.0, 0
    opens_s = 1 / system.slots_per_s if first < slots else float("inf")
    draw, init = durations(system, rng), inits(system, rng)
    replace, push = heapq.heapreplace, heapq.heappush
    while left > 0:
        batch_s = draw(size if left >= size else left)
        left -= size
        invocations += 1
        begin_s = ends[0]
        if opens_s <= begin_s:
            batch_s += init()
            end_s = opens_s + batch_s
            push(ends, end_s)
            opens_s = (len(ends) + 1 - start) / system.slots_per_s if len(ends) < slots else float("inf")
        else:
            if used < first:  # each initial slot has one cold start
                used += 1
                batch_s += init()
            end_s = begin_s + batch_s
            replace(ends, end_s)
        busy_s += batch_s
        if end_s > last_s:
            last_s = end_s
    return _outcome(system, last_s, invocations, len(ends), busy_s)


def _outcome(system: System, last_s: float, invocations: int, slots: int, busy_s: float) -> Outcome:
    """Each slot has one cold start, and each datapoint one receive."""
    return Outcome(
        makespan_s=last_s,
        settled_s=last_s,
        enqueued_s=0.0,
        stored=system.datapoints,
        dead=0,
        invocations=invocations,
        cold=slots,
        peak=slots,
        busy_area=busy_s,
        receives=system.datapoints,
    )
