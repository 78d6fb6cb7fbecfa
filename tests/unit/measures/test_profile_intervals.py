"""Intervals of a least-squares fit's parameters from their profiles."""

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from lambdist_lib.measures.profile_intervals import profile_ends

AT = np.arange(1.0, 9.0)
NOISE = np.array([0.3, -0.2, 0.1, -0.4, 0.2, 0.3, -0.1, -0.2])


def line(values):
    """Residuals of a line through noisy points."""
    return values[0] + values[1] * AT - (2 + 0.5 * AT + NOISE)


def best_line():
    """The best line's parameters and their standard errors, in closed form."""
    design = np.column_stack([np.ones_like(AT), AT])
    values, [squares], *_ = np.linalg.lstsq(design, 2 + 0.5 * AT + NOISE)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares / (len(AT) - 2))
    return values, errors


def test_a_linear_fit_has_the_interval_of_students_t():
    """There the profile is a parabola, whose ends are known."""
    values, errors = best_line()

    ends = profile_ends(line, values, errors, confidence=0.95)

    reach = stdtrit(len(AT) - 2, 0.975) * errors
    assert np.array(ends) == pytest.approx(np.column_stack([values - reach, values + reach]), rel=1e-5)


def test_a_value_near_zero_has_an_interval():
    """The walk's step is the standard error, not a part of the value."""
    values, errors = best_line()
    centre = values[0]

    [(low, high), _] = profile_ends(
        lambda moved: line([moved[0] + centre, moved[1]]), [0.0, values[1]], errors, confidence=0.95
    )

    assert low < 0 < high
    assert high == pytest.approx(-low, rel=1e-5)


def test_a_profile_that_stays_flat_is_open():
    """A parameter without an effect beyond its best value has no end."""
    values = [5.0, 0.5]

    def residuals(moved):
        return np.minimum(moved[0], 4.0) * NOISE + 0 * moved[1]

    assert profile_ends(residuals, values, [1.0, 1.0], confidence=0.95)[0] is None


@pytest.mark.parametrize(
    ("values", "errors"), [([1.0], [0.1]), ([2.0, 0.5], [math.nan, 0.1]), ([2.0, 0.5], [0.1, math.inf])]
)
def test_without_rivals_or_errors_there_is_no_profile(values, errors):
    """A single parameter has none, and an unknown error gives no step."""
    residuals = line if len(values) == 2 else lambda moved: moved[0] * NOISE

    assert profile_ends(residuals, values, errors, confidence=0.95) == [None] * len(values)


def test_points_that_a_law_meets_exactly_have_no_profile():
    """Without a spread no interval can be told."""
    assert profile_ends(lambda _: np.zeros(8), [1.0, 2.0], [0.1, 0.1], confidence=0.95) == [None, None]
