"""Measure runs: tables (pandas DataFrames) in, tables and numbers out, without a cloud.

results = load_results("results/reference")
measures.compare_arms(results.runs)                 how many times faster the fan-out is, with its interval
measures.fits(measures.by_level(results.runs))      how the makespan depends on the number of senders

These names are imported on first use. Each measure's module has further functions:
`from lambdist_lib.measures import cold_starts, latency, stages`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdist_lib.measures.cold_vs_warm import cold_shares, handler_durations, slowdown
    from lambdist_lib.measures.dead_letters import compare_with_theory, goodness_of_fit, receive_counts
    from lambdist_lib.measures.intervals import median_interval, quantiles, share, values_needed
    from lambdist_lib.measures.pairs import paired_ratios
    from lambdist_lib.measures.scaling import best_fit, fits
    from lambdist_lib.measures.speedup import Speedup, compare_arms
    from lambdist_lib.measures.sweep import by_level

NAMES = {  # by module
    "cold_vs_warm": "cold_shares handler_durations slowdown",
    "dead_letters": "compare_with_theory goodness_of_fit receive_counts",
    "intervals": "median_interval quantiles share values_needed",
    "pairs": "paired_ratios",
    "scaling": "best_fit fits",
    "speedup": "Speedup compare_arms",
    "sweep": "by_level",
}
HOMES = {name: module for module, names in NAMES.items() for name in names.split()}

__all__ = [
    "Speedup",
    "best_fit",
    "by_level",
    "cold_shares",
    "compare_arms",
    "compare_with_theory",
    "fits",
    "goodness_of_fit",
    "handler_durations",
    "median_interval",
    "paired_ratios",
    "quantiles",
    "receive_counts",
    "share",
    "slowdown",
    "values_needed",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
