"""Compute intervals of quantiles, medians and shares."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import quantile_test

from lambdist_lib.measures import intervals
from lambdist_lib.measures.intervals import quantiles, values_needed


@pytest.mark.parametrize(("p", "least"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_quantiles_of_a_tail_need_many_values(p, least):
    """Each quantile needs its least number of values; with one fewer it is not estimable."""
    assert values_needed(p) == least
    [enough] = quantiles(pd.Series(np.arange(least)), (p,))
    [few] = quantiles(pd.Series(np.arange(least - 1)), (p,))
    assert math.isfinite(enough.high)
    assert math.isnan(few.high)
    if p == 0.5:
        assert (few.value, few.note) == (2, "no interval: n = 5, 6 needed")
    else:
        assert math.isnan(few.value)
        assert few.note == f"not estimable: n = {least - 1}, {least} needed"


@given(
    count=st.integers(6, 900), p=st.sampled_from([0.5, 0.9, 0.99]), confidence=st.sampled_from([0.9, 0.95])
)
def test_quantiles_have_the_interval_of_scipy(count, p, confidence):
    """Both use the same order statistics."""
    values = np.random.default_rng(count).exponential(size=count)

    [found] = quantiles(pd.Series(values), (p,), confidence)

    if found.n >= values_needed(p, confidence):
        theirs = quantile_test(values, q=1, p=p).confidence_interval(confidence)
        assert (found.low, found.high) == (theirs.low, theirs.high)


def test_quantiles_have_their_nominal_coverage():
    """1,000 samples of 400 from an exponential: the 95 % interval of its p90 holds the truth."""
    rng = np.random.default_rng(20260709)
    truth = math.log(10)

    found = [quantiles(pd.Series(rng.exponential(size=400)), (0.9,))[0] for _ in range(1_000)]

    assert 0.94 < np.mean([one.low <= truth <= one.high for one in found]) < 0.975


def test_quantiles_leave_out_missing_values():
    """NaN does not count as a value."""
    [found] = quantiles(pd.Series([1.0, math.nan, 3.0]), (0.5,))

    assert (found.value, found.n) == (2, 2)


def test_median_interval_has_its_nominal_coverage():
    """Over 2,000 experiments of ten pairs, 95 % intervals hold the true ratio about as often as they say."""
    rng = np.random.default_rng(20260701)
    ratios = 8 * rng.lognormal(0, 0.15, (2_000, 10)) / rng.lognormal(0, 0.15, (2_000, 10))

    covered = [low <= 8 <= high for low, high in (intervals.median_interval(one) for one in ratios)]

    assert 0.94 < np.mean(covered) < 0.995


def test_median_interval_covers_with_stragglers():
    """One run in twenty that takes three times as long hardly moves a median of pairs."""
    rng = np.random.default_rng(20260702)
    straggling = np.where(rng.random((1_000, 10)) < 0.05, 3.0, 1.0)
    ratios = 8 * rng.lognormal(0, 0.2, (1_000, 10)) / straggling

    covered = [low <= 8 <= high for low, high in (intervals.median_interval(one) for one in ratios)]

    assert 0.93 < np.mean(covered) < 0.995


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
def test_values_needed_are_the_fewest_with_an_interval_in_scipy(confidence):
    """With one value fewer scipy has no interval either."""
    needed = intervals.values_needed(confidence=confidence)

    def of(n):
        return stats.quantile_test(np.arange(1.0, n + 1), q=1, p=0.5).confidence_interval(confidence)

    assert math.isnan(of(needed - 1).low)
    assert of(needed).low == 1


def test_share_of_few_events_has_the_exact_interval():
    """Clopper and Pearson's published bound for none of a thousand; Wilson where there are many."""
    assert intervals.share(0, 1_000).high == pytest.approx(0.0037, abs=1e-4)
    assert intervals.share(5, 1_000).method == intervals.share(995, 1_000).method == "Clopper-Pearson"
    assert intervals.share(6, 1_000).method == "Wilson"


@given(trials=st.integers(1, 10_000), part=st.floats(0, 1))
def test_share_lies_in_its_interval(trials, part):
    found = intervals.share(round(part * trials), trials)

    assert 0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1


def test_measures_import_without_scipy():
    """scipy.stats takes a second to import, so it is imported when an interval is computed."""
    code = "import sys; from lambdist_lib.measures import speedup; print('scipy.stats' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("n", [1, 5, 6, 7, 20, 73, 368, 1_001, 250_000])
@pytest.mark.parametrize("p", [0.25, 0.5, 0.9, 0.99])
def test_interval_places_are_the_binomial_quantiles(n, p):
    """They are those of `scipy.stats.binom`, which takes a second to import."""
    for confidence in (0.9, 0.95, 0.978515624999, 0.99):
        tail = (1 - confidence) / 2
        low, high = int(stats.binom.ppf(tail, n, p)) - 1, int(stats.binom.isf(tail, n, p))
        expected = (low, high) if low >= 0 and high < n else None
        assert intervals.interval_places(n, p, confidence) == expected


@pytest.mark.parametrize(
    ("events", "trials"), [(0, 1), (1, 1), (0, 131), (2, 131), (6, 131), (126, 131), (40_000, 99_999)]
)
def test_a_share_has_the_interval_of_a_binomial_test(events, trials):
    """It is that of `scipy.stats.binomtest`, whose exact ends are found to 2e-12."""
    share = intervals.share(events, trials)
    method = {"Wilson": "wilson", "Clopper-Pearson": "exact"}[share.method]

    expected = stats.binomtest(events, trials).proportion_ci(0.95, method=method)

    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=4e-12)


def test_the_half_width_of_a_mean_is_that_of_the_t_distribution():
    """It is the t quantile times the standard error of `scipy.stats`."""
    values = pd.Series([1.0, 2.5, 4.0, 4.5])
    expected = stats.t.ppf(0.975, 3) * stats.sem(values)

    assert intervals.mean_half_width(values, 4) == pytest.approx(expected, rel=1e-12)


def test_measures_without_a_bootstrap_do_not_import_scipy_stats():
    """Its import takes longer than all measures of a small experiment."""
    code = (
        "import sys; from lambdist_lib.measures import intervals, sequential\n"
        "intervals.share(3, 10), intervals.share(50, 100), intervals.interval_places(100, 0.5, 0.95)\n"
        "sequential.plan(0.1)\n"
        "assert 'scipy.special' in sys.modules and 'scipy.stats' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.lists(st.floats(-1e9, 1e9) | st.just(math.nan), max_size=400), st.floats(0.05, 0.95))
def test_quantiles_are_those_of_the_sorted_values(values, p):
    """A partition of the values gives the value and both ends that sorting gives, to the last bit."""
    ordered = np.sort([value for value in values if not math.isnan(value)])

    [estimate] = quantiles(pd.Series(values, dtype=float), (p,))

    assert estimate.n == len(ordered)
    np.testing.assert_equal((estimate.low, estimate.high), intervals.quantile_interval(ordered, p, 0.95))
    if not math.isnan(estimate.value):
        assert estimate.value == np.quantile(ordered, p)


@pytest.mark.parametrize("count", [1, 2, 7, 500, 20_000])
@pytest.mark.parametrize("kinds", [3, 10**9])
def test_ordered_values_have_the_quantiles_of_numpy(count, kinds):
    """To the last bit, several at once, of values that are alike or all different."""
    among = (0.9, 0.5, 0.001, 0.99, 1, 0, 0.123)
    ordered = np.random.default_rng(count).integers(0, kinds, count) / 7
    before = ordered.copy()

    intervals.order_at(ordered, intervals.quantile_places(count, among))

    assert [intervals.quantile_of(ordered, p) for p in among] == np.quantile(before, among).tolist()
    assert np.array_equal(np.sort(ordered), np.sort(before))
