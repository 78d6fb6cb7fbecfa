"""Intervals of pairs that may resemble their neighbours."""

import math

import numpy as np
import pytest

from lambdist_lib.measures import autocorrelation, intervals, sequential
from lambdist_lib.measures.autocorrelation import critical, dependent_rank, lag1, paired_interval


def ar1(rho, shape, seed=20261129):
    """Gaussian AR(1) log-ratios with median 0 and standard deviation 1."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    values = noise.copy()
    for column in range(1, shape[1]):
        values[:, column] = rho * values[:, column - 1] + math.sqrt(1 - rho**2) * noise[:, column]
    return values


def covers(ratios, confidence=0.95):
    """Whether the interval does not miss a median of 1; a refused interval misses nothing."""
    interval = paired_interval(ratios, confidence)
    return not (interval.low > 1 or interval.high < 1)


def stops(ratios, plan):
    """The first look that is precise enough, or the last."""
    for pairs in plan.looks:
        look = sequential.look(ratios[:pairs], plan)
        if look.enough:
            break
    return look


def test_lag1_is_the_correlation_of_consecutive_values():
    assert lag1([1, 2, 3, 4, 5, 6, 7, 8]) == pytest.approx(0.625)
    assert lag1([1, -1] * 20) == pytest.approx(-0.975)


@pytest.mark.parametrize("values", [[], [1, 2], [3, 3, 3, 3], [0.1 + 0.2, 0.3, 0.3]])
def test_lag1_needs_three_values_with_a_spread(values):
    assert math.isnan(lag1(values))


@pytest.mark.parametrize("n", [6, 10, 20, 40])
def test_independent_values_exceed_the_critical_autocorrelation_in_one_percent(n):
    values = ar1(0, (10_000, n))
    exceeding = np.mean([lag1(row) > critical(n) for row in values])

    assert exceeding == pytest.approx(0.01, abs=0.009)


@pytest.mark.parametrize("n", [6, 10, 25, 40])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.9785])
def test_without_autocorrelation_ranks_are_those_of_the_order_statistics(n, confidence):
    places = intervals.interval_places(n, 0.5, confidence)

    assert dependent_rank(n, 0.0, confidence) == (places[0] + 1 if places else 0)


def test_autocorrelation_moves_ranks_outwards():
    ranks = [dependent_rank(20, rho, 0.95) for rho in (0.0, 0.3, 0.6, 0.9)]

    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[2]


def test_a_widened_interval_says_so():
    """Ten pairs of which five are slow and five are fast."""
    ratios = np.exp([0.1, 0.3, 0.2, 0.15, 0.25, -0.1, -0.3, -0.2, 0.05, -0.15])
    interval = paired_interval(ratios, 0.9)

    assert interval.note.startswith("interval widened for a lag-1 autocorrelation of 0.")
    assert (interval.low, interval.high) == (ratios.min(), ratios.max())
    assert intervals.median_interval(ratios, 0.9)[0] > interval.low


def test_strongly_autocorrelated_pairs_that_are_few_have_no_interval():
    interval = paired_interval(np.exp([1, 1.02, 1.04, 1.06, 2, 2.02, 2.04, 2.06]))

    assert math.isnan(interval.low)
    assert interval.note.startswith("no interval: consecutive pairs resemble each other")


def test_pairs_without_a_spread_keep_their_interval():
    assert paired_interval([3.0] * 8)[:2] == (3.0, 3.0)


@pytest.mark.parametrize(("rho", "least"), [(0.0, 0.95), (0.3, 0.90)])
@pytest.mark.parametrize("n", [6, 10, 20, 40])
def test_intervals_of_a_fixed_number_of_pairs_cover(n, rho, least):
    ratios = np.exp(0.1 * ar1(rho, (1_000, n)))

    assert np.mean([covers(row) for row in ratios]) >= least


@pytest.mark.parametrize(("rho", "least"), [(0.0, 0.95), (0.3, 0.90)])
@pytest.mark.parametrize("max_pairs", [10])
def test_intervals_cover_where_a_precise_look_stops_the_pairs(max_pairs, rho, least):
    """The spread is one at which some experiments stop at each look."""
    plan = sequential.plan(0.1, max_pairs=max_pairs)
    ratios = np.exp(0.12 * ar1(rho, (1_000, max_pairs)))

    looks = [stops(row, plan) for row in ratios]

    assert len({look.pairs for look in looks}) > 2
    assert np.mean([not (look.low > 1 or look.high < 1) for look in looks]) >= least


def test_a_plain_interval_of_autocorrelated_pairs_covers_too_little():
    """The reason for all this: at rho 0.6 the plain interval of ten pairs covers about 82 %."""
    ratios = np.exp(0.1 * ar1(0.6, (1_000, 10)))
    plain = [intervals.median_interval(row) for row in ratios]

    covered = np.mean([low <= 1 <= high for low, high in plain])
    assert 0.75 < covered < 0.87
    assert np.mean([covers(row) for row in ratios]) > covered + 0.05


def test_the_corrected_autocorrelation_is_never_negative():
    assert autocorrelation._corrected(-0.5, 10) == 0.0
    assert autocorrelation._corrected(0.99, 6) == autocorrelation.MAX_RHO
