"""The figure of latencies."""

import numpy as np
import pandas as pd
from support import tables as frames
from support.figure_tables import drawn

from lambdist_lib.figures import (
    latency,
    theme,
)
from lambdist_lib.measures import latency as latency_measures


def test_latency_keeps_the_colour_of_the_arm_and_dashes_for_cold(ax):
    runs = frames.runs(1, cold_pairs=1)
    records = pd.concat(frames.records(40, arm=run.arm, run_id=run.run_id) for run in runs.itertuples())

    latency.plot_latency(latency_measures.per_datapoint(records, runs), ax, target_label="local cloud")

    drawn_as = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert drawn_as["distributed, warm (40)"] == (theme.ARM["distributed"], "-")
    assert drawn_as["single node, cold (40)"] == (theme.ARM["single_node"], "--")


def test_a_million_latencies_are_a_curve_of_few_points(ax):
    many = pd.DataFrame(
        {"arm": "distributed", "temperature": "warm", "end_to_end_s": np.arange(1, 1_000_001.0)}
    )

    latency.plot_latency(many, ax, target_label="local cloud")

    assert len(ax.lines[0].get_xdata()) == latency.MAX_STEPS
    assert "n = 1,000,000 datapoints" in drawn(ax)
