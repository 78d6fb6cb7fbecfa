"""Compute the interval of the pairs' median ratio, wider where consecutive pairs resemble each other.

An order-statistic interval assumes independent pairs. A machine that is slow for several pairs in a row
breaks that: at a lag-1 autocorrelation of 0.6 the plain 95 % interval of 10 pairs covers 82 %. So the
autocorrelation of the log-ratios is estimated, and the ranks of the interval are those of dependent values:
whether a value lies below the median is then a two-state Markov chain, in which the state changes with
probability 1/2 - asin(rho)/pi (the sign of a Gaussian AR(1) process), and the number below it has an exact
distribution.

Few pairs cannot show their autocorrelation: `benchmarks/coverage.py` prints what is detected, and how often
the intervals cover.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lambdist_lib.measures.intervals import interval_places

ONE_SIDED_99 = 2.326  # quantile of the normal distribution
MAX_RHO = 0.95
NO_SPREAD = 1e-12  # of log-ratios; below it the deviations are rounding


class PairedInterval(NamedTuple):
    """The interval of the median ratio; NaN without one, and `note` has the reason or says it is wider."""

    low: float
    high: float
    autocorrelation: float  # lag 1, of the log-ratios, as observed
    note: str = ""


def lag1(values: Sequence[float] | np.ndarray | pd.Series) -> float:
    """Return the lag-1 autocorrelation; NaN below 3 values or without any spread."""
    deviations = np.asarray(values, dtype=float)
    if len(deviations) < 3:
        return math.nan
    deviations = deviations - deviations.mean()
    squares = float(deviations @ deviations)
    return (
        float(deviations[1:] @ deviations[:-1]) / squares
        if squares > len(deviations) * NO_SPREAD**2
        else math.nan
    )


def critical(n: int) -> float:
    """Return the lag-1 autocorrelation that independent values exceed in about 1 % of cases (Moran 1948)."""
    return -1 / n + ONE_SIDED_99 * (n - 2) / (n * math.sqrt(n - 1))


def paired_interval(ratios: Sequence[float] | pd.Series, confidence: float = 0.95) -> PairedInterval:
    """Return the interval of the median of the pairs' ratios, in the order of the runs.

    Ranks follow the estimated autocorrelation, corrected for its bias of -1/n and at least 0. Where no
    ranks reach the confidence, the interval has those of independent pairs as long as the autocorrelation
    is within what independent pairs show (`critical`); beyond, there is no interval.
    """
    values = np.asarray(ratios, dtype=float)
    n = len(values)
    observed = lag1(np.log(values))
    independent = interval_places(n, 0.5, confidence)
    if independent is None:
        return PairedInterval(math.nan, math.nan, observed)
    rank = independent[0] + 1
    wider = rank if math.isnan(observed) else dependent_rank(n, _corrected(observed, n), confidence)
    if not wider and observed > critical(n):
        note = f"no interval: consecutive pairs resemble each other (lag-1 autocorrelation {observed:.2f})"
        return PairedInterval(math.nan, math.nan, observed, note)
    used = min(rank, wider) or rank
    ordered = np.sort(values)
    note = f"interval widened for a lag-1 autocorrelation of {observed:.2f}" if used < rank else ""
    return PairedInterval(float(ordered[used - 1]), float(ordered[n - used]), observed, note)


@functools.cache
def dependent_rank(n: int, rho: float, confidence: float) -> int:
    """Return the rank from either end that bounds the median of n values; 0 where none suffices.

    Args:
        rho: Lag-1 autocorrelation of the values, 0 for independent ones.
    """
    below = np.cumsum(_number_below(n, rho))
    return int(np.sum(below[: n // 2] <= (1 - confidence) / 2 + 1e-12))


def _number_below(n: int, rho: float) -> np.ndarray:
    """Return the probabilities that 0 to n of the values lie below the median."""
    change = 0.5 - math.asin(rho) / math.pi
    last_below, last_above = np.zeros(n + 1), np.zeros(n + 1)
    last_below[1] = last_above[0] = 0.5
    for _ in range(n - 1):
        is_below = last_below * (1 - change) + last_above * change
        last_above = last_below * change + last_above * (1 - change)
        last_below = np.concatenate([[0.0], is_below[:-1]])
    result: np.ndarray = last_below + last_above
    return result


def _corrected(observed: float, n: int) -> float:
    """Return the autocorrelation without its bias at 0, between 0 and MAX_RHO, to two digits."""
    return round(min(max(observed + 1 / n, 0.0), MAX_RHO), 2)
