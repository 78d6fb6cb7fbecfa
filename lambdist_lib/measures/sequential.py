"""Repeat pairs until the ratio is precise enough, with valid intervals at every planned look.

Computing a 95 % interval after every pair and stopping when it is narrow stops where it is narrow by
chance, and covers the truth less often than 95 %. So the looks are planned before the first pair. Every
look has an interval of one higher confidence: the least with which the intervals of all looks together
cover the median with the requested confidence. Then it does not matter at which look one stops, or why
(Pocock 1977, here for medians of any distribution: whether a value lies below the true median is a coin
toss, so the probability is exact and needs no tables). The interval of a look is also wider where
consecutive pairs resemble each other (`autocorrelation`).

    plan = sequential.plan(0.1, max_pairs=10)
    look = sequential.look(ratios, plan)        # after every pair; stop when look.enough
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.autocorrelation import paired_interval
from lambdist_lib.measures.intervals import binomial_cdf, interval_places, values_needed

EARLY_LOOKS = (6, 8, 10)  # pairs; their intervals are as wide as without looks (coverage 0.957)
LOOKS = (10, 15, 20, 30, 40, 60, 80, 100)  # beyond 10 pairs a look at 6 would widen all later intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The looks and the precision, fixed before the first pair.

    half_width: Of the interval, relative to the ratio, at which the ratio is precise enough.
    looks: Numbers of pairs after which an interval is computed; the last is the maximum of pairs.
    confidence: Of all looks together. per_look: Of each look's interval.
    """

    half_width: float
    looks: tuple[int, ...]
    confidence: float
    per_look: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The latest planned look. `pairs` is the number that it covers; later pairs are not in its interval."""

    ratio: float
    low: float
    high: float
    pairs: int
    enough: bool  # precise enough, out of time, or the last look
    next_look: int  # pairs; 0 after the last
    why: str
    autocorrelation: float = math.nan  # lag 1, of the log-ratios
    note: str = ""  # of the interval

    @property
    def half_width(self) -> float:
        """Half the interval's width relative to the ratio; infinite without an interval."""
        return (self.high - self.low) / 2 / self.ratio if math.isfinite(self.low) else math.inf


def looks_until(max_pairs: int) -> tuple[int, ...]:
    """Return the numbers of pairs at which to look; () where the pairs are too few for an interval."""
    if max_pairs < values_needed():
        return ()
    ladder = EARLY_LOOKS if max_pairs <= EARLY_LOOKS[-1] else LOOKS
    return (*(pairs for pairs in ladder if pairs < max_pairs), max_pairs)


def plan(
    half_width: float = 0.1,
    *,
    max_pairs: int = EARLY_LOOKS[-1],
    looks: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Plan:
    """Plan the looks at the pairs' ratios.

    Args:
        max_pairs: The last look; the others are those of `looks_until`.
        looks: Other looks, instead of these.

    Raises:
        ValueError: The looks do not grow, or the last one is too early for an interval.
    """
    planned = looks_until(max_pairs) if looks is None else tuple(looks)
    if not planned or any(late <= early for early, late in itertools.pairwise(planned)):
        raise ValueError(f"looks {planned} do not grow: use numbers of pairs such as {EARLY_LOOKS}")
    per_look = adjusted(planned, confidence)
    if math.isnan(per_look):
        raise ValueError(f"{planned[-1]} pairs give no {confidence * 100:g} % interval: plan more")
    return Plan(half_width=half_width, looks=planned, confidence=confidence, per_look=per_look)


def planned(looks: pd.Series) -> tuple[int, ...]:
    """Return the planned looks of one experiment's runs, () where the number of pairs was fixed.

    A plan that was continued with more looks, such as 6 8 by 6 8 10, counts as the longer one.

    Args:
        looks: The column `looks` of the runs table.

    Raises:
        RunError: The runs have different plans, so no interval holds for all of them.
    """
    plans = sorted({str(text) for text in looks.dropna()} or {""}, key=lambda plan: (len(plan), plan))
    longest = plans[-1]
    if not all(text and f"{longest} ".startswith(f"{text} ") for text in plans[:-1]):
        raise RunError(
            f"runs with looks planned at {' and at '.join(text or 'no' for text in plans)} pairs are not "
            "one experiment: analyse them separately"
        )
    return tuple(int(pairs) for pairs in longest.split())


def look(
    ratios: Sequence[float], plan: Plan, *, spent_s: float = 0.0, time_limit_s: float = math.inf
) -> Look:
    """Compute the interval of the latest planned look, and whether more pairs are needed.

    Args:
        ratios: One per pair, control over arm, in the order of the runs.
        spent_s, time_limit_s: Seconds so far, and the limit after which no more pairs are run.
    """
    seen = max((number for number in plan.looks if number <= len(ratios)), default=0)
    values = np.asarray(ratios, dtype=float)[:seen]
    interval = paired_interval(values, plan.per_look)
    low, high = interval.low, interval.high
    ratio = float(np.median(values if seen else np.asarray(ratios))) if len(ratios) else math.nan
    next_look = next((number for number in plan.looks if number > len(ratios)), 0)
    narrow = math.isfinite(low) and (high - low) / 2 <= plan.half_width * ratio
    enough, why = False, f"next look after {next_look} pairs"
    if narrow:
        enough, why = True, f"half-width at most {plan.half_width * 100:g} % of the ratio"
    elif spent_s >= time_limit_s:
        enough, why = True, over(time_limit_s)
    elif not next_look:
        enough, why = True, "the planned maximum"
    return Look(
        ratio=ratio, low=low, high=high, pairs=seen, enough=enough, next_look=next_look, why=why,
        autocorrelation=interval.autocorrelation, note=interval.note,
    )  # fmt: skip


def over(time_limit_s: float) -> str:
    """Return why no further pair is needed once the time limit is reached."""
    return f"the time limit of {time_limit_s:g} s is reached"


@functools.cache
def adjusted(looks: tuple[int, ...], confidence: float) -> float:
    """Return the least confidence per look with which all looks together reach `confidence`.

    Intervals change only where a rank changes, so the candidates are the confidences of the ranks.
    NaN if none of them suffices.
    """
    candidates = {1 - 2 * binomial_cdf(rank - 1, n, 0.5) for n in looks for rank in range(1, n // 2 + 1)}
    for candidate in sorted(candidates):
        slightly_less = candidate - 1e-12  # so that the rank itself is used
        if slightly_less >= confidence - 1e-9 and coverage(looks, slightly_less) >= confidence:
            return float(slightly_less)
    return math.nan


def coverage(looks: tuple[int, ...], per_look: float) -> float:
    """Return the probability that the intervals of all looks cover the median.

    The distribution must be continuous. A look's interval misses the median if fewer than `fewest` of its
    values lie on one side. The number on one side grows by fair coin tosses; paths that missed once are
    removed.
    """
    alive, before = np.array([1.0]), 0
    for n in looks:
        tosses = [math.comb(n - before, heads) / 2 ** (n - before) for heads in range(n - before + 1)]
        alive = np.convolve(alive, tosses)
        before = n
        if places := interval_places(n, 0.5, per_look):
            fewest = places[0] + 1
            alive[:fewest] = alive[n - fewest + 1 :] = 0
    return float(alive.sum())
