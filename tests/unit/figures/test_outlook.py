"""Measured and predicted makespans stand in one figure, one row per arm."""

import math

import pandas as pd
from support import tables as frames
from support.figure_tables import LOCAL, drawn

from lambdist_lib.figures import catalogue, outlook
from lambdist_lib.figures.inputs import FigureInputs

ARMS = pd.DataFrame(
    {
        "arm": ["distributed", "single_node", "local_pool"],
        "measured_s": [0.92, 4.17, math.nan],
        "predicted_s": [0.99, 11.2, 0.59],
        "low_s": [0.9, 8.1, 0.36],
        "high_s": [1.1, 16.7, 0.99],
    }
)


def inputs(table):
    empty = pd.DataFrame()
    return FigureInputs(
        runs=frames.runs(2), records=empty, invocations=empty, costs=pd.DataFrame, target_label="local cloud",
        outlook=lambda: table,
    )  # fmt: skip


def test_both_times_of_each_arm_are_named(ax):
    """An arm that did not run has its prediction alone."""
    text = drawn(outlook.plot_outlook(ARMS, ax, **LOCAL, runs=4))

    for part in (
        "0.92 s here",
        "0.99 s on AWS",
        "11.2 s on AWS",
        "0.59 s on AWS",
        "n = 4 runs",
        "local pool",
    ):
        assert part in text
    assert "nan" not in text


def test_an_empty_table_is_drawn(ax):
    assert outlook.plot_outlook(ARMS.iloc[:0], ax, **LOCAL, runs=0) is ax


def test_without_a_prediction_there_is_no_figure():
    assert catalogue.draw("outlook", inputs(ARMS[["arm", "measured_s"]])) is None
    assert catalogue.draw("outlook", inputs(ARMS)) is not None


def test_the_alt_text_has_the_numbers():
    summary = {"target": "local cloud", "finding": "", "tables": {"outlook": ARMS.to_dict("records")}}

    text = outlook.describe_outlook(summary)

    assert "distributed took 0.92 s and takes 0.99 s on AWS, predicted (0.9 to 1.1)" in text
    assert "local pool was not run" in text
