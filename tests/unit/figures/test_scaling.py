"""The figures of scaling laws and their residuals."""

from support import tables as frames
from support.figure_tables import FEW_LEVELS, FOUND, LEVELS, drawn

from lambdist_lib.figures import (
    scaling,
)
from lambdist_lib.measures import scaling as laws
from lambdist_lib.measures import sweep


def test_a_law_is_drawn_with_its_parameters_and_dashed_where_nothing_was_measured(ax):
    scaling.plot_scaling(LEVELS, ax, target_label="local cloud", fits=FOUND, bounds={"ten at once": 2})
    words = drawn(ax)

    assert "linear (the same curve: usl): a = 0.8" in words
    assert {"extrapolated", "ten at once: 2 s", "1,000 datapoints, median, 95 % interval"} <= set(
        words.split("\n")
    )
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert min(dashed[0].get_xdata()) >= 97
    assert max(dashed[0].get_xdata()) == 200


def test_without_an_accepted_law_there_is_no_curve(ax):
    scaling.plot_scaling(FEW_LEVELS, ax, target_label="local cloud", fits=laws.fits(FEW_LEVELS))

    assert "no law is identified by these levels" in drawn(ax)
    assert not [
        line for line in ax.lines if line.get_linestyle() in ("-", "--") and len(line.get_xdata()) > 9
    ]


def test_the_residuals_of_a_refused_law_say_so(ax):
    scaling.plot_residuals(FOUND["amdahl"], ax, target_label="local cloud")

    assert "Residuals of amdahl, refused: " in drawn(ax)


def test_work_from_zero_has_a_linear_axis(ax):
    """Zero has no place on a logarithmic axis."""
    points = sweep.by_level(
        frames.sweep(lambda n, s: 2 + 12 * n, (0, 0.1, 0.2, 0.3, 0.4), factor="work"), factor="work"
    )

    scaling.plot_scaling(points, ax, target_label="local cloud", fits=laws.fits(points))

    assert ax.get_xscale() == "linear"
    assert "growing: a = " in drawn(ax)
