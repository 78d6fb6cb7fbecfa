"""Compute intervals of quantiles and of shares.

A quantile has an order-statistic interval (Conover 1999). It assumes independent values and no
distribution. At 95 % it needs 6 values for the median, 36 for p90, 72 for p95 and 368 for p99;
with fewer a tail is not estimable. A share has a Clopper-Pearson or a Wilson interval.
"""

import functools
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

RESAMPLES = 9_999  # of the bootstrap
EXACT_TRIALS = 500  # up to which a binomial distribution is summed up
NOT_ESTIMABLE, NO_INTERVAL = "not estimable", "no interval"


class Quantile(NamedTuple):
    """A quantile with its interval, in the values' unit; NaN and a `note` where it is not estimable."""

    p: float
    value: float
    low: float
    high: float
    n: int
    note: str


def as_numbers(values: pd.Series) -> pd.Series:
    """Return a column's numbers, itself if it has no others; what is empty or another text is missing."""
    return values if values.dtype.kind in "fi" else pd.to_numeric(values, errors="coerce")


def values_needed(p: float = 0.5, confidence: float = 0.95) -> int:
    """Return the fewest values whose extremes enclose the quantile p: 6 for the median, 368 for 0.99."""
    tail = (1 - confidence) / 2
    return max(math.floor(math.log(tail) / math.log(side)) + 1 for side in (p, 1 - p))


@functools.cache
def interval_places(n: int, p: float, confidence: float) -> tuple[int, int] | None:
    """Return which of n sorted values bound the quantile p, counted from 0; None where n is too small.

    The number of values below the quantile is binomial (Conover 1999); scipy's `quantile_test` takes
    the same two.
    """
    tail = (1 - confidence) / 2
    half = statistics.NormalDist().inv_cdf(tail) * math.sqrt(n * p * (1 - p))
    low, high = (min(max(int(n * p + sign * half), -1), n) for sign in (1, -1))  # of the normal distribution
    while low >= 0 and binomial_cdf(low, n, p) >= tail:
        low -= 1
    while binomial_cdf(low + 1, n, p) < tail:
        low += 1

    def above(k: int) -> float:
        return binomial_cdf(n - k - 1, n, 1 - p)

    while high > 0 and above(high - 1) <= tail:
        high -= 1
    while above(high) > tail:
        high += 1
    return (low, high) if low >= 0 and high < n else None


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return the probability of at most k of n."""
    if n <= EXACT_TRIALS:  # without scipy, which takes a while to import
        return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(min(k, n) + 1))
    from scipy.special import betaincc

    if k < 0:
        return 0.0
    return float(betaincc(k + 1, n - k, p)) if k < n else 1.0


def mean_half_width(values: pd.Series, count: int, confidence: float = 0.95) -> float:
    """Return half of the t interval of a mean of `count` values."""
    from scipy.special import stdtrit

    error = np.std(values.to_numpy(float), ddof=1) / math.sqrt(count)
    return float(stdtrit(count - 1, (1 + confidence) / 2) * error)


def order_at(values: np.ndarray, places: Iterable[int]) -> None:
    """Put the values at these places, counted from 0, where sorting puts them; the array is changed."""
    begin = 0
    for place in sorted({*places}):  # numpy selects one place at a time four times as fast as several
        values[begin:].partition(place - begin)
        begin = place + 1


def quantile_places(n: int, among: Iterable[float]) -> list[int]:
    """Return the places of n sorted values that `quantile_of` reads."""
    return [min(int((n - 1) * p) + more, n - 1) for p in among for more in (0, 1) if n]


def quantile_of(ordered: np.ndarray, p: float) -> float:
    """Return the quantile p, as `np.quantile` does, of values that are ordered at its places.

    np.quantile itself would copy and order all of them again.
    """
    place = (len(ordered) - 1) * p
    below = int(place)
    return float(np.quantile(ordered[below : below + 2], place - below))


def quantile_interval(ordered: np.ndarray, p: float, confidence: float) -> tuple[float, float]:
    """Return the order-statistic interval of a quantile of sorted values, NaN where they are too few."""
    places = interval_places(len(ordered), p, confidence)
    if places is None:
        return math.nan, math.nan
    return float(ordered[places[0]]), float(ordered[places[1]])


def median_interval(values: Sequence[float] | pd.Series, confidence: float = 0.95) -> tuple[float, float]:
    """Return the order-statistic interval of the median, NaN where there are too few values."""
    return quantile_interval(np.sort(np.asarray(values, dtype=float)), 0.5, confidence)


def median_ratio_interval(
    first: np.ndarray, second: np.ndarray, confidence: float = 0.95, *, seed: int = 0
) -> tuple[float, float]:
    """Return the bootstrap interval of the ratio of two samples' medians, second over first.

    The samples are independent. The method is the percentile bootstrap: BCa covers too little for
    medians of few values.
    """
    from scipy.stats import bootstrap  # takes a second to import

    interval = bootstrap(
        (first, second),
        lambda before, after, axis: np.median(after, axis=axis) / np.median(before, axis=axis),
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def quantiles(
    values: pd.Series, among: Iterable[float] = (0.5, 0.9, 0.99), confidence: float = 0.95
) -> list[Quantile]:
    """Return one Quantile for each p of `among`; missing values are left out.

    The median keeps its value where there are too few values for an interval. A tail does not: its
    estimate would be the largest value, whatever the distribution.
    """
    numbers = as_numbers(values)
    known = (numbers.dropna() if numbers.hasnans else numbers).to_numpy(dtype=float, copy=True)
    n, among = len(known), tuple(among)
    bounds = [interval_places(n, p, confidence) for p in among]
    order_at(known, [*quantile_places(n, among), *(place for pair in bounds if pair for place in pair)])
    at_p = [quantile_of(known, p) if n else math.nan for p in among]
    estimates = []
    for p, pair, quantile in zip(among, bounds, at_p, strict=True):
        low, high = (float(known[place]) for place in pair) if pair else (math.nan, math.nan)
        is_estimable = pair is not None
        value = quantile if is_estimable or (n and p == 0.5) else math.nan
        reason = NOT_ESTIMABLE if math.isnan(value) else NO_INTERVAL
        note = "" if is_estimable else f"{reason}: n = {n}, {values_needed(p, confidence)} needed"
        estimates.append(Quantile(p, value, low, high, n, note))
    return estimates


FEW = 5  # events; up to here the exact interval: Wilson's covers too little next to 0 and 1


class Share(NamedTuple):
    """A share between 0 and 1 with its interval and the interval's method."""

    share: float
    low: float
    high: float
    method: str


def share(events: int, trials: int, confidence: float = 0.95) -> Share:
    """Return the share of events among trials with its interval.

    The method is Clopper-Pearson up to FEW events or non-events, Wilson otherwise. Both assume
    independent trials. Without trials all numbers are NaN and the method is "".
    """
    if trials == 0:
        return Share(float("nan"), float("nan"), float("nan"), "")
    few = min(events, trials - events) <= FEW
    low, high = (_clopper_pearson if few else _wilson)(events, trials, confidence)
    return Share(events / trials, low, high, "Clopper-Pearson" if few else "Wilson")


def _clopper_pearson(events: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the exact interval (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = betaincinv(events, trials - events + 1, tail) if events else 0.0
    high = betaincinv(events + 1, trials - events, 1 - tail) if events < trials else 1.0
    return float(low), float(high)


def _wilson(events: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval without continuity correction (Newcombe 1998, method 3)."""
    z, p = statistics.NormalDist().inv_cdf(0.5 + 0.5 * confidence), events / trials
    scale = 2 * (trials + z**2)
    center = (2 * trials * p + z**2) / scale
    half = z / scale * math.sqrt(4 * trials * p * (1 - p) + z**2)
    return center - half, center + half


Measure = dict[str, Any]


def measure(
    value: float, unit: str, n: int, of: str, ends: tuple[float, float] = (math.nan, math.nan), note: str = ""
) -> Measure:
    """Return a value with its unit, its interval, and how many (n) of what it is based on."""
    return {"value": value, "low": ends[0], "high": ends[1], "n": n, "of": of, "unit": unit, "note": note}


def median(values: pd.Series, unit: str, of: str, confidence: float) -> Measure:
    """Return the median with its order-statistic interval."""
    [estimate] = quantiles(values, (0.5,), confidence)
    return measure(estimate.value, unit, estimate.n, of, (estimate.low, estimate.high), estimate.note)
