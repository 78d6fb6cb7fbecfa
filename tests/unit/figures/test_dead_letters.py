"""The figures of dead letters."""

import math

from support import tables as frames
from support.figure_tables import (
    AGAINST,
    drawn,
)

from lambdist_lib.figures import (
    dead_letters,
)


def test_two_dead_among_many_are_legible(ax):
    """129 stored at once and 2 dead after five receives: both bars, with counts and the cause."""
    dead_letters.plot_outcomes(frames.records(131, dead={129, 130}), ax, target_label="local cloud")
    words = drawn(ax).split("\n")

    assert [bar.get_width() for bar in ax.patches] == [129, 2]
    assert {"129", "2 RuntimeError", "stored at receive 1", "dead at receive 5"} <= set(words)
    assert "distributed: 2 of 131 dead, 1.53 % (0.185 to 5.41 %)" in words


def test_bars_add_up_to_the_datapoints(ax):
    """Also with more ways to end than bars, and where receives are not known."""
    records = frames.records(60, dead=range(20, 60))
    records.loc[20:, "cause"] = [f"Error{n}: x" for n in range(40)]
    records.loc[25:30, "receives"] = math.nan

    dead_letters.plot_outcomes(records, ax, target_label="local cloud")

    assert len(ax.patches) == dead_letters.MAX_BARS
    assert sum(bar.get_width() for bar in ax.patches) == 60


def test_a_rate_of_zero_is_drawn_by_its_upper_end(ax):
    """A rate of zero has no place on a logarithmic axis; its interval's upper end has."""
    dead_letters.plot_theory(AGAINST, ax, target_label="local cloud")
    words = drawn(ax)

    assert "batches of 1: none died, upper end" in words
    assert "expected: p^5" in words
    assert "expected: (1-(1-p)^10)^5, whole batches" in words


def test_a_mark_without_a_fault_stands_whole_beside_the_axis(ax):
    """At p = 0 the axis would cut it in two."""
    table = AGAINST.assign(p=0.0, expected=0.0, dead=0)

    dead_letters.plot_theory(table, ax, target_label="local cloud")

    assert ax.get_xlim()[0] < 0
    dead_letters.plot_theory(AGAINST, ax, target_label="local cloud")
    assert ax.get_xlim()[0] == 0
