"""Name the measures that an experiment of given arms may have, before any of them has run.

`measures.summary` explains the names. A sweep's measures depend on its levels: SWEEP matches them.
"""

import re
from collections.abc import Iterable

from lambdist_lib.costs import metering
from lambdist_lib.measures import latency
from lambdist_lib.measures.summary_sections import CONTROL, HEADLINE, TIMES
from lambdist_lib.protocol.contract import OUTCOMES

FUNCTIONS = ("collector", "processor", "dead_letter", "single_node")  # with a measure of their inits
SWEEP = re.compile(r"speedup_[a-z_]+_\w+|makespan_[a-z_]+_\w+_s")
SHARES = ("dead_rate", "cold_share", "_share")  # endings of measures between 0 and 1


def known(arms: Iterable[str]) -> list[str]:
    """Return the names of an experiment's measures, without those of a sweep."""
    ordered = sorted(dict.fromkeys(arms), key=lambda arm: arm != HEADLINE)
    prefixes = [f"{arm}_" if place else "" for place, arm in enumerate(ordered)]
    others = [f"speedup_over_{arm}" for arm in ordered if arm not in (HEADLINE, CONTROL)]
    percentiles = [f"p{p * 100:g}_s" for p in latency.PERCENTILES]
    of_runs = [
        *TIMES,
        "throughput_per_s",
        *(f"{name}_{percentile}" for name in latency.ENDS for percentile in percentiles),
        *(f"concurrency_{name}" for name in ("peak", "reuse", "environments")),
    ]
    of_arms = ["dead_rate", "cold_share", *(f"cost_{name}" for name in metering.UNITS)]
    return [
        *("submitted", *OUTCOMES, "duplicates", "resumed_runs"),
        *("speedup", *(f"speedup_{metric.removesuffix('_s')}" for metric in TIMES[1:]), *others),
        *(f"{cold}{prefix}{name}" for cold in ("", "cold_") for prefix in prefixes for name in of_runs),
        *(f"{prefix}{name}" for prefix in prefixes for name in of_arms),
        *(f"{function}_init_s" for function in FUNCTIONS),
    ]


def highest(name: str) -> float:
    """Return the highest value that a measure can have; the lowest is 0."""
    return 1.0 if name.removesuffix("_low").removesuffix("_high").endswith(SHARES) else float("inf")
