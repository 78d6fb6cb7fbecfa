"""The figures of cold starts."""

import matplotlib as mpl
from support.figure_tables import MANY

from lambdist_lib.figures import (
    cold_starts,
    theme,
)


def test_cold_and_warm_keep_their_colours_whatever_comes_first(ax):
    """Seaborn would give the first one that it meets the first colour."""
    for called in (MANY, MANY.iloc[::-1]):
        ax.clear()
        cold_starts.plot_cold_starts(called, ax, target_label="local cloud")
        points = [one for one in ax.collections if len(one.get_offsets()) > 1]
        colours = [mpl.colors.to_hex(one.get_facecolor()[0]).upper() for one in points]
        cold, warm = theme.TEMPERATURE["cold"], theme.TEMPERATURE["warm"]
        assert colours == [cold, cold, warm] * 2
