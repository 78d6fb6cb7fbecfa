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

HOMES = {
    "Speedup": "speedup",
    "best_fit": "scaling",
    "by_level": "sweep",
    "cold_shares": "cold_vs_warm",
    "compare_arms": "speedup",
    "compare_with_theory": "dead_letters",
    "fits": "scaling",
    "goodness_of_fit": "dead_letters",
    "handler_durations": "cold_vs_warm",
    "median_interval": "intervals",
    "paired_ratios": "pairs",
    "quantiles": "intervals",
    "receive_counts": "dead_letters",
    "share": "intervals",
    "slowdown": "cold_vs_warm",
    "values_needed": "intervals",
}

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
