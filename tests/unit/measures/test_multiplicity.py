"""Adjust the levels of a sweep for their number."""

import numpy as np
import pytest

from lambdist_lib.measures import multiplicity
from lambdist_lib.measures.multiplicity import adjusted_p


def test_one_level_has_the_p_value_of_its_sign_flips():
    assert adjusted_p(np.full((6, 1), 0.3)) == pytest.approx([2 / 64])


def test_many_clear_levels_of_six_rounds_are_all_shown():
    """Holm's correction of eight sign tests could not show one of them: its least p-value is 8/32."""
    rng = np.random.default_rng(1)

    assert adjusted_p(rng.normal(1, 0.05, (6, 8))) == pytest.approx(np.full(8, 2 / 64))


def test_adjusted_p_values_are_at_least_the_levels_own():
    values = np.random.default_rng(2).normal(0.3, 1, (8, 5))

    together = adjusted_p(values)

    alone = [adjusted_p(values[:, [level]])[0] for level in range(5)]
    assert (together >= np.array(alone) - 1e-12).all()


def test_a_level_without_any_difference_has_p_one():
    assert adjusted_p(np.column_stack([np.full(6, 0.3), np.zeros(6)])) == pytest.approx([2 / 64, 1])


def test_a_round_that_lacks_a_level_says_nothing_about_it():
    values = np.full((7, 2), 0.3)
    values[0, 1] = np.nan

    assert adjusted_p(values) == pytest.approx([2 / 128, 2 / 64], rel=0.5)


@pytest.mark.parametrize("rounds", [6, 8])
def test_null_sweeps_are_called_different_in_at_most_five_percent(rounds):
    """1,000 sweeps of 8 levels that share one control run a round; two standard errors above 0.05."""
    rng = np.random.default_rng(3)

    smallest = [
        adjusted_p(rng.normal(0, 1, (rounds, 1)) - rng.normal(0, 1, (rounds, 8))).min() for _ in range(1_000)
    ]

    assert np.mean(np.array(smallest) <= 0.05) <= 0.064


def test_many_rounds_are_sampled_and_include_the_observed_signs():
    flips = multiplicity.sign_flips(30)

    assert flips.shape == (multiplicity.FLIPS, 30)
    assert (flips[0] == 1).all()
