"""Percentiles with order-statistic intervals (Conover 1999), many of one sample at once.

The interval makes no assumption on the distribution, only that the values are independent.
An upper bound needs a value beyond it often enough: for 95 % that is 6 values for the
median, 36 for p90, 72 for p95 and 368 for p99. Below that a tail is not estimable.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

NOT_ESTIMABLE, NO_INTERVAL = "not estimable", "no interval"


class Quantile(NamedTuple):
    """`value` with `low` and `high`, in the unit of the values; NaN and a `note` where not estimable."""

    p: float
    value: float
    low: float
    high: float
    n: int
    note: str


def needed(p: float, confidence: float = 0.95) -> int:
    """The fewest values whose extremes enclose the quantile p: 6 for the median, 368 for 0.99."""
    tail = (1 - confidence) / 2
    return max(math.floor(math.log(tail) / math.log(side)) + 1 for side in (p, 1 - p))


def quantiles(
    values: pd.Series, among: Iterable[float] = (0.5, 0.9, 0.99), confidence: float = 0.95
) -> list[Quantile]:
    """One Quantile for each p of `among`; missing values are left out.

    The median keeps its value where there are too few for an interval; a tail does not, since
    the sample's own would be its largest value whatever the truth.
    """
    from scipy.stats import binom  # takes a second to import

    ordered = np.sort(pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype=float))
    n, tail = len(ordered), (1 - confidence) / 2
    found = []
    for p in among:
        if n < (least := needed(p, confidence)):
            value = float(np.quantile(ordered, p)) if n and p == 0.5 else math.nan
            note = f"{NOT_ESTIMABLE if math.isnan(value) else NO_INTERVAL}: n = {n}, {least} needed"
            found.append(Quantile(p, value, math.nan, math.nan, n, note))
            continue
        low, high = int(binom.ppf(tail, n, p)) - 1, int(binom.isf(tail, n, p))  # as `quantile_test`
        value = float(np.quantile(ordered, p))
        found.append(Quantile(p, value, float(ordered[low]), float(ordered[high]), n, ""))
    return found


def median_interval(ratios: pd.Series, confidence: float = 0.95) -> tuple[float, float]:
    """Order-statistic interval of the median (Conover 1999), NaN where there are too few ratios for one."""
    from scipy.stats import quantile_test  # takes a second to import

    if len(ratios) < pairs_needed(confidence):
        return math.nan, math.nan
    found = quantile_test(np.asarray(ratios, dtype=float), q=1, p=0.5).confidence_interval(confidence)
    return float(found.low), float(found.high)


def pairs_needed(confidence: float) -> int:
    """The fewest pairs whose extremes enclose the median with this confidence: 6 for 0.95."""
    return math.ceil(1 - math.log2(1 - confidence))


FEW = 5  # up to here the exact interval: Wilson's covers too little next to 0 and 1


class Share(NamedTuple):
    share: float
    low: float
    high: float
    method: str


def share(events: int, trials: int, confidence: float = 0.95) -> Share:
    """Events among trials: Clopper-Pearson for few events or few non-events, Wilson otherwise.

    Both take the trials as independent. Without trials everything is NaN and the method "".
    """
    from scipy.stats import binomtest  # takes a second to import

    if trials == 0:
        return Share(float("nan"), float("nan"), float("nan"), "")
    few = min(events, trials - events) <= FEW
    found = binomtest(events, trials).proportion_ci(confidence, method="exact" if few else "wilson")
    method = "Clopper-Pearson" if few else "Wilson"
    return Share(events / trials, float(found.low), float(found.high), method)


Measure = dict[str, Any]


def measure(
    value: float, unit: str, n: int, of: str, ends: tuple[float, float] = (math.nan, math.nan), note: str = ""
) -> Measure:
    """A value with its interval, of n of what, in a unit."""
    return {"value": value, "low": ends[0], "high": ends[1], "n": n, "of": of, "unit": unit, "note": note}


def median(values: pd.Series, unit: str, of: str, confidence: float) -> Measure:
    """The median with its order-statistic interval."""
    [found] = quantiles(values, (0.5,), confidence)
    return measure(found.value, unit, found.n, of, (found.low, found.high), found.note)
