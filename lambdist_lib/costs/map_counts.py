"""Count what a Distributed Map is charged for: its children, their tries and their time.

A child has one line of datapoints, and is tried again while one of them is neither stored nor dead. A
Standard child is charged by state transitions, of which each try is one; an Express child by its execution
and by its time, waits between tries included, at 64 MB in steps of 100 ms (Step Functions pricing).
"""

import math
from dataclasses import dataclass

CHILD_STEP_S = 0.1
CHILD_GB = 64 / 1024
STANDARD = "STANDARD"  # value of the template's MapChildren; the default is EXPRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class MapCounts:
    """The children of a run's map.

    tries: calls of the processor by all children. dead: children that used up their tries. child_s: of all
    Express children together, each rounded up to CHILD_STEP_S.
    """

    children: float = 0.0
    tries: float = 0.0
    dead: float = 0.0
    child_s: float = 0.0
    standard: bool = False


def expected(
    *,
    datapoints: float,
    per_line: int,
    p_fail: float,
    p_always: float,
    receives: int,
    try_s: float,
    standard: bool = False,
) -> MapCounts:
    """Compute the expected counts of a map.

    Args:
        p_fail, p_always: Of a datapoint's attempt, and of a datapoint that never succeeds.
        try_s: Seconds of one call of the processor with a full line.
    """
    children = math.ceil(datapoints / per_line)
    open_after = [unsettled(tries, per_line, p_fail, p_always) for tries in range(receives + 1)]
    tries = sum(open_after[:receives])  # the t-th try is made where t - 1 have left something
    waits_s = sum(share * 2**k for k, share in enumerate(open_after[1:receives]))
    return MapCounts(
        children=children,
        tries=children * tries,
        dead=children * open_after[receives],
        child_s=children * rounded_s(tries * try_s + waits_s),
        standard=standard,
    )


def unsettled(tries: int, per_line: int, p_fail: float, p_always: float) -> float:
    """Return the probability that a line is not settled after some tries.

    Example:
        >>> unsettled(1, 10, 0.0, 0.0), round(unsettled(1, 10, 0.1, 0.0), 3)
        (0.0, 0.651)
    """
    datapoint = p_always + (1 - p_always) * p_fail**tries if tries else 1.0
    return 1.0 - (1.0 - datapoint) ** per_line


def rounded_s(seconds: float) -> float:
    """Return the charged time of an Express child.

    Example:
        >>> rounded_s(0.01), rounded_s(0.25)
        (0.1, 0.30000000000000004)
    """
    return max(math.ceil(round(seconds / CHILD_STEP_S, 9)), 1) * CHILD_STEP_S
