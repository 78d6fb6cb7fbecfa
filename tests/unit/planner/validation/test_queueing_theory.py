"""The simulation against formulas."""

import pytest

from lambdist_lib.planner.validation.queueing_theory import theory, waits


def test_formulas_are_met():
    """Dead letters, Little's law, M/M/c, M/G/1: as near as chance allows the mean of some runs."""
    rows = theory()

    misses = [f"{row.case}: {row.predicted:.4g} for {row.expected:.4g} {row.unit}"
              for row in rows if not row.holds]  # fmt: skip
    assert misses == []
    assert len(rows) == 14
    assert max(row.allowed for row in rows) < 0.3  # else it would say nothing


@pytest.mark.parametrize(("servers", "load", "chance"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9)])
def test_erlang_c_has_textbook_values(servers, load, chance):
    """Three textbook values."""
    assert waits(servers, load) == pytest.approx(chance)
