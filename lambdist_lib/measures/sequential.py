"""Repeat pairs until the ratio is known well enough, and stay honest about having looked.

Who computes a 95 % interval after every pair and stops when it is narrow stops where it is narrow
by chance, and covers the truth less often than 95 %. So the looks are planned before the first
pair, and every look has an interval of one higher confidence, the least with which all intervals
of all looks together hold the median with the confidence that was asked for. Then it does not
matter at which look one stops, or why (Pocock 1977, for medians of any distribution: whether a
value lies below the true median is a coin toss, so the chance is exact and needs no tables).

    plan = sequential.plan(half_width=0.05)
    found = sequential.look(ratios, plan)        # after every pair; stop when found.enough
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import interval_places, median_interval

LOOKS = (10, 15, 20, 30, 40)  # pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Fixed before the first pair.

    half_width: of the interval over the ratio, at which it is known well enough.
    looks: Numbers of pairs after which an interval is had; the last is the most that are run.
    per_look: The confidence of each single look's interval.
    """

    half_width: float
    looks: tuple[int, ...]
    confidence: float
    per_look: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The latest planned look. `pairs` are those that it has seen; later ones are not in its interval."""

    ratio: float
    low: float
    high: float
    pairs: int
    enough: bool  # known well enough, or the last look
    next_look: int  # pairs; 0 after the last
    why: str

    @property
    def half_width(self) -> float:
        """Of the interval over the ratio; infinite without an interval."""
        return (self.high - self.low) / 2 / self.ratio if math.isfinite(self.low) else math.inf


def plan(half_width: float = 0.05, *, looks: Sequence[int] = LOOKS, confidence: float = 0.95) -> Plan:
    """Raises ValueError for looks that do not grow, or that give no interval at all."""
    planned = tuple(looks)
    if not planned or any(late <= early for early, late in itertools.pairwise(planned)):
        raise ValueError(f"looks {planned} do not grow; write numbers of pairs such as {LOOKS}")
    per_look = adjusted(planned, confidence)
    if math.isnan(per_look):
        raise ValueError(f"{planned[-1]} pairs give no {confidence * 100:g} % interval; plan more")
    return Plan(half_width=half_width, looks=planned, confidence=confidence, per_look=per_look)


def planned(looks: pd.Series) -> tuple[int, ...]:
    """The looks of one experiment's runs (their column `looks`), () where the number of pairs was fixed.

    Raises:
        RunError: Runs with different plans: no one interval holds for all of them.
    """
    plans = sorted({str(one) for one in looks.dropna()} or {""})
    if len(plans) > 1:
        raise RunError(
            f"runs with looks planned at {' and at '.join(one or 'no' for one in plans)} pairs are not "
            "one experiment; analyse them separately"
        )
    return tuple(int(pairs) for pairs in plans[0].split())


def look(ratios: Sequence[float], plan: Plan, *, spent_s: float = 0.0, budget_s: float = math.inf) -> Look:
    """What is known after these pairs, in the order in which they were run.

    Args:
        ratios: One per pair, control over arm.
        spent_s, budget_s: Once the budget is spent it is enough, whatever the width.

    Returns:
        The interval of the latest planned look: a look that was not planned would be one too many.
    """
    seen = max((number for number in plan.looks if number <= len(ratios)), default=0)
    values = np.asarray(ratios, dtype=float)[:seen]
    low, high = median_interval(values, plan.per_look)
    ratio = float(np.median(values if seen else np.asarray(ratios))) if len(ratios) else math.nan
    next_look = next((number for number in plan.looks if number > len(ratios)), 0)
    narrow = math.isfinite(low) and (high - low) / 2 <= plan.half_width * ratio
    enough, why = False, f"next look after {next_look} pairs"
    if narrow:
        enough, why = True, f"half-width at most {plan.half_width * 100:g} % of the ratio"
    elif spent_s >= budget_s:
        enough, why = True, f"the budget of {budget_s:g} s is spent"
    elif not next_look:
        enough, why = True, f"{plan.looks[-1]} pairs, the most that were planned"
    return Look(
        ratio=ratio, low=low, high=high, pairs=seen, enough=enough, next_look=next_look, why=why
    )  # fmt: skip


@functools.cache
def adjusted(looks: tuple[int, ...], confidence: float) -> float:
    """The least confidence per look with which all looks together reach `confidence`, NaN if none does.

    Intervals move only where a rank changes, so the candidates are the confidences of the ranks.
    """
    from scipy.stats import binom  # takes a second to import

    candidates = {1 - 2 * binom.cdf(rank - 1, n, 0.5) for n in looks for rank in range(1, n // 2 + 1)}
    for one in sorted(candidates):
        slightly_less = one - 1e-12  # so that the rank itself is taken
        if slightly_less >= confidence - 1e-9 and coverage(looks, slightly_less) >= confidence:
            return float(slightly_less)
    return math.nan


def coverage(looks: tuple[int, ...], per_look: float) -> float:
    """The probability that the intervals of all looks hold the median of a continuous distribution.

    A look's interval misses it if fewer than `rank` of its values lie on one side; the number on one
    side walks up by a fair coin, and what has missed once is taken out.
    """
    from scipy.stats import binom

    alive, before = np.array([1.0]), 0
    for n in looks:
        alive = np.convolve(alive, binom.pmf(np.arange(n - before + 1), n - before, 0.5))
        before = n
        if places := interval_places(n, 0.5, per_look):
            fewest = places[0] + 1
            alive[:fewest] = alive[n - fewest + 1 :] = 0
    return float(alive.sum())


def table(ratios: Sequence[float], plan: Plan) -> pd.DataFrame:
    """Every look so far: `pairs`, `ratio`, `low`, `high`, `half_width` (of the ratio)."""
    found = [look(ratios[:number], plan) for number in plan.looks if number <= len(ratios)]
    rows = [(one.pairs, one.ratio, one.low, one.high, one.half_width) for one in found]
    return pd.DataFrame(rows, columns=["pairs", "ratio", "low", "high", "half_width"])
