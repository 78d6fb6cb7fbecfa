"""The figure of every datapoint's stages."""

import pandas as pd
import pytest
from support import tables as frames
from support.figure_tables import MIXED, drawn

from lambdist_lib.errors import RunError
from lambdist_lib.figures import (
    timeline,
)
from lambdist_lib.protocol.contract import OUTCOMES


def test_the_timeline_draws_failures_too(ax):
    """Every datapoint has its row; the dead, in flight and lost are marked and counted."""
    timeline.plot_timeline(MIXED, ax, target_label="local cloud")
    words = drawn(ax)

    markers = [line for line in ax.lines if line.get_marker() != "None"]
    assert sum(len(line.get_xdata()) for line in markers) == 10
    assert {f"{name.replace('_', ' ')} (2)" for name in OUTCOMES[1:]} <= set(words.split("\n"))


def test_a_timeline_is_of_one_run(ax):
    both = pd.concat([frames.records(3), frames.records(3, run_id="run-2")])

    with pytest.raises(RunError, match="a timeline is drawn of one run, not of 2"):
        timeline.plot_timeline(both, ax, target_label="local cloud")
