"""Decide whether a further parameter of a law explains more than chance."""

import math

import numpy as np
import pandas as pd
import pytest

from lambdist_lib.measures import lack_of_fit
from lambdist_lib.measures.lack_of_fit import improvement_p, repetition_error


def test_the_p_value_is_that_of_an_f_test():
    """Residual spreads of 0.18 and 0.075 at seven levels."""
    p = improvement_p(4 * 0.075**2, 5 * 0.18**2, more=1, free=4)

    assert p == pytest.approx(0.0076, abs=2e-4)


def test_a_larger_spread_of_the_repetitions_weakens_the_evidence():
    of_points = improvement_p(0.02, 0.16, more=1, free=4)

    assert improvement_p(0.02, 0.16, more=1, free=4, repetition_error=0.001) == of_points
    assert improvement_p(0.02, 0.16, more=1, free=4, repetition_error=0.05) > lack_of_fit.ALPHA > of_points


def test_without_points_to_spare_nothing_is_shown():
    assert improvement_p(0.0, 1.0, more=1, free=0) == 1.0


def test_the_error_of_a_median_is_pooled_over_the_levels():
    points = pd.DataFrame({"runs": [3, 5, 1], "log_variance": [0.01, 0.04, math.nan]})

    assert repetition_error(points) == pytest.approx(math.pi / 2 * (2 * 0.01 + 4 * 0.04) / 6 / 3)


def test_single_runs_have_no_error_of_repetitions():
    assert repetition_error(pd.DataFrame({"runs": [1, 1], "log_variance": [math.nan, math.nan]})) == 0.0


def test_a_parameter_without_effect_is_rarely_significant():
    """A straight line fitted to 2,000 sets of seven points around a constant."""
    rng = np.random.default_rng(20261129)
    n = np.arange(7.0)
    values = rng.normal(0, 1, (2_000, 7))
    constant = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    slope = (values @ (n - n.mean())) ** 2 / ((n - n.mean()) ** 2).sum()

    p = [improvement_p(all_ - of, all_, more=1, free=5) for all_, of in zip(constant, slope, strict=True)]

    assert np.mean(np.array(p) <= lack_of_fit.ALPHA) == pytest.approx(0.05, abs=0.015)
