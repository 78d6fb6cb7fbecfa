import math

import numpy as np
import pandas as pd
import pytest

from lambdist_lib.errors import RunError
from lambdist_lib.measures import intervals, sequential

PLAN = sequential.plan(0.05, max_pairs=40)


def ended(ratios, plan, enough):
    """The first planned look at which somebody stops, or the last."""
    for pairs in plan.looks:
        found = sequential.look(ratios[:pairs], plan)
        if enough(found):
            break
    return found


def naive(ratios, enough, first=6):
    """A plain 95 % interval after every pair, until it pleases."""
    for pairs in range(first, len(ratios) + 1):
        low, high = intervals.median_interval(ratios[:pairs], 0.95)
        if enough(low, high, np.median(ratios[:pairs])):
            break
    return low, high


def test_a_look_is_the_speedups_interval_with_more_confidence():
    """The same order statistics, so that a single planned look is nothing new."""
    for n in (8, 10, 15, 33):
        ratios = np.random.default_rng(n).lognormal(1, 0.2, n)
        for confidence in (0.9, 0.95, 0.99):
            assert intervals.median_interval(ratios, confidence) == pytest.approx(
                intervals.median_interval(ratios, confidence)
            )
    assert sequential.plan(looks=(10,)).per_look < 0.98


def test_planned_looks_cover_and_peeking_does_not():
    """2,000 experiments without any difference, each stopped as soon as it seems to show one.

    The looks that were planned claim a difference in at most 5 %; looking after every pair with a
    plain 95 % interval claims one two to three times as often.
    """
    rng = np.random.default_rng(20260705)
    experiments = rng.lognormal(0, 0.2, (2_000, PLAN.looks[-1]))

    planned = [ended(one, PLAN, lambda found: found.low > 1 or found.high < 1) for one in experiments]
    peeked = [naive(one, lambda low, high, ratio: low > 1 or high < 1) for one in experiments]

    assert 0.94 < np.mean([one.low <= 1 <= one.high for one in planned]) < 0.99
    assert np.mean([low <= 1 <= high for low, high in peeked]) < 0.9


@pytest.mark.parametrize("spread", [0.05, 0.15])
def test_stopping_when_it_is_narrow_keeps_the_coverage(spread):
    """1,000 experiments that stop at a half-width of 5 %, or at the last look."""
    rng = np.random.default_rng(20260706)
    experiments = 8 * rng.lognormal(0, spread, (1_000, PLAN.looks[-1]))

    found = [ended(one, PLAN, lambda found: found.enough) for one in experiments]

    assert np.mean([one.low <= 8 <= one.high for one in found]) > 0.95


def test_the_coverage_is_computed_exactly():
    """Against a simulation of all looks together, and against scipy's for one look."""
    rng = np.random.default_rng(20260707)
    held = np.ones(4_000, bool)
    walks = rng.random((4_000, 40))
    for pairs in PLAN.looks:
        ends = np.array([intervals.median_interval(one[:pairs], PLAN.per_look) for one in walks])
        held &= (ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)

    assert sequential.coverage(PLAN.looks, PLAN.per_look) == pytest.approx(held.mean(), abs=0.012)
    assert sequential.coverage(PLAN.looks, PLAN.per_look) >= 0.95 > sequential.coverage(PLAN.looks, 0.95)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("looks", [(10,), (6, 12, 24), tuple(range(10, 41)), (10, 15, 20, 30, 40)])
def test_the_adjusted_confidence_is_the_least_that_is_enough(looks, confidence):
    per_look = sequential.adjusted(looks, confidence)

    assert per_look >= confidence - 1e-9
    assert sequential.coverage(looks, per_look) >= confidence


def test_between_looks_the_last_one_stands():
    """Pairs after it are waited for; their interval would be a look that nobody planned."""
    ratios = np.random.default_rng(1).lognormal(2, 0.1, 14)

    found = sequential.look(ratios, PLAN)

    assert (found.pairs, found.next_look, found.enough) == (10, 15, False)
    assert (found.low, found.high) == intervals.median_interval(ratios[:10], PLAN.per_look)
    assert found.why == "next look after 15 pairs"


@pytest.mark.parametrize(
    ("count", "spent_s", "why"),
    [
        (10, 0, "half-width at most 5 % of the ratio"),
        (12, 60, "the time limit of 60 s is reached"),
        (40, 0, "the planned maximum"),
    ],
)
def test_it_says_why_it_is_enough(count, spent_s, why):
    spread = 0.001 if why.startswith("half") else 0.5
    ratios = np.random.default_rng(2).lognormal(2, spread, count)

    found = sequential.look(ratios, PLAN, spent_s=spent_s, time_limit_s=60)

    assert (found.enough, found.why) == (True, why)


def test_before_the_first_look_there_is_no_interval():
    for ratios in ([], [3.0, 4.0]):
        found = sequential.look(ratios, PLAN)
        assert (found.pairs, found.next_look, found.enough) == (0, 10, False)
        assert math.isnan(found.low)
        assert math.isinf(found.half_width)


@pytest.mark.parametrize("looks", [(), (10, 10), (20, 10), (3,)])
def test_looks_that_make_no_plan_are_refused(looks):
    with pytest.raises(ValueError, match=r"do not grow|give no 95 % interval"):
        sequential.plan(looks=looks)


@pytest.mark.parametrize("max_pairs", [*range(6, 16), 20, 25, 40, 41, 100])
def test_every_maximum_from_six_pairs_has_looks_that_cover(max_pairs):
    looks = sequential.looks_until(max_pairs)
    plan = sequential.plan(max_pairs=max_pairs)

    assert looks[-1] == max_pairs
    assert plan.looks == looks
    assert sequential.coverage(looks, plan.per_look) >= 0.95


def test_looks_at_six_eight_and_ten_pairs_cost_no_width():
    """All together cover 0.957 with the intervals that a fixed number of pairs has."""
    plan = sequential.plan()

    assert plan.looks == (6, 8, 10)
    assert sequential.coverage(plan.looks, plan.per_look) == pytest.approx(0.957, abs=5e-4)
    for pairs in plan.looks:
        places = intervals.interval_places(pairs, 0.5, 0.95)
        assert intervals.interval_places(pairs, 0.5, plan.per_look) == places


@pytest.mark.parametrize("max_pairs", [1, 5])
def test_pairs_too_few_for_an_interval_have_no_looks(max_pairs):
    assert sequential.looks_until(max_pairs) == ()


def test_a_plan_that_was_continued_counts_as_the_longer_one():
    looks = pd.Series(["6 8"] * 4 + ["6 8 10"] * 6)

    assert sequential.planned(looks) == (6, 8, 10)


@pytest.mark.parametrize("texts", [["6 8", "6 10"], ["", "6 8"], ["6", "60"]])
def test_other_plans_are_not_one_experiment(texts):
    with pytest.raises(RunError):
        sequential.planned(pd.Series(texts))
