"""The map of the winning ways is legible without colours: names on regions, and a sign on ties."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from support import tables as frames
from support.figure_tables import LOCAL, drawn

from lambdist_lib.figures import arm_map, catalogue, theme, ways
from lambdist_lib.figures.inputs import FigureInputs
from lambdist_lib.planner.arm_map import COLUMNS, COST, TIME
from lambdist_lib.protocol.arms import ARMS

SIZES, WORKS = (10, 100, 1000, 10_000, 100_000), (0.01, 0.1, 1.0)


def cells(winner, sizes=SIZES, works=WORKS, tied=""):
    """Cells whose winner is `winner(datapoints, work_s)`, for both criteria."""
    rows = []
    for size in sizes:
        for work_s in works:
            arm = winner(size, work_s)
            value = 2.0 if arm else math.nan
            rows += [[size, work_s, each, arm, value, "distributed", 3.0, tied] for each in (TIME, COST)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(senders=20, processors=1000, job_datapoints=129, job_work_s=0.02)


def inputs(table, of_ways=None):
    empty = pd.DataFrame()
    return FigureInputs(
        runs=frames.runs(2), records=empty, invocations=empty, costs=pd.DataFrame, target_label="local cloud",
        ways=lambda: empty if of_ways is None else of_ways, arm_map=lambda: table,
    )  # fmt: skip


def by_size(size, work_s):
    return "invoke" if size < 1000 else "queue_client"


def test_regions_bear_the_names_of_their_ways(ax):
    """In full where the region is wide enough, as initials otherwise; the key below has both."""
    text = drawn(arm_map.plot_map(cells(by_size), ax, criterion=TIME, **LOCAL))

    for part in ("queue client", "invoke", "queue client (qc)", "this job", "20 senders, up to 1,000",
                 "10 ms", "1 s", "100 k", "predicted for AWS", "local cloud"):  # fmt: skip
        assert part in text


def test_ways_differ_without_colours():
    """Hatches of all arms differ."""
    hatches = [arm_map._style(arm)["hatch"] for arm in ARMS]

    assert len(set(hatches)) == len(ARMS)
    assert set(theme.ARM) >= set(ARMS)


def test_ties_have_a_sign_and_a_key(ax):
    text = drawn(arm_map.plot_map(cells(by_size, tied="storage_first"), ax, criterion=COST, **LOCAL))

    assert arm_map.TIED in text and "another way within 5 %" in text


def test_cells_that_no_way_can_finish_are_named(ax):
    text = drawn(arm_map.plot_map(cells(lambda size, work_s: ""), ax, criterion=TIME, **LOCAL))

    assert "none can" in text


def test_the_figure_needs_a_prediction():
    assert catalogue.draw("arm_map", inputs(pd.DataFrame())) is None
    assert catalogue.draw("arm_map", inputs(cells(lambda size, work_s: ""))) is None
    drawing = catalogue.draw("arm_map", inputs(cells(by_size)))
    assert "The fastest way" in drawing.titles and "The cheapest way" in drawing.titles


def test_the_alt_text_counts_the_cells_of_each_way():
    summary = {
        "target": "local cloud",
        "finding": "",
        "tables": {"arm_map": cells(by_size).to_dict("records")},
    }

    text = arm_map.describe_map(summary)

    assert "the fastest way of 15 cells: queue client in 9, invoke in 6" in text
    assert "the cheapest way of 15 cells" in text


@pytest.mark.parametrize(("value", "place"), [(10, 0), (1000, 2), (1, -0.5), (0, -0.5), (10**9, 4.5)])
def test_a_job_stands_where_its_size_lies(value, place):
    """Between the ticks by its logarithm, and at the edge if it lies outside."""
    assert arm_map._place(value, SIZES) == pytest.approx(place)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_winners_are_drawn(data):
    """One way, islands of one cell, cells without a winner, a single size."""
    sizes = data.draw(st.sampled_from([SIZES, SIZES[:1], SIZES[:2]]))
    works = data.draw(st.sampled_from([WORKS, WORKS[:1]]))
    drawn_arms = {
        (size, work_s): data.draw(st.sampled_from([*ARMS, ""])) for size in sizes for work_s in works
    }
    table = cells(lambda size, work_s: drawn_arms[size, work_s], sizes, works)

    axes = arm_map.plot_map(table, Figure().subplots(), criterion=TIME, **LOCAL)

    assert len(axes.patches) == len(sizes) * len(works)


WAYS = pd.DataFrame(
    {
        "arm": ["distributed", "invoke", "local_pool"],
        "predicted_s": [1.0, 0.5, math.nan],
        "low_s": [0.9, 0.4, math.nan],
        "high_s": [1.2, 0.7, math.nan],
        "usd_per_million": [7.0, 2.0, math.nan],
    }
)


def test_each_predicted_way_is_a_named_point(ax):
    text = drawn(ways.plot_ways(WAYS, ax, **LOCAL))

    assert "distributed" in text and "invoke" in text and "2 ways" in text
    assert "local pool" not in text
    assert ways.plot_ways(WAYS.iloc[:0], ax, **LOCAL) is ax


def test_time_against_cost_needs_a_prediction():
    assert catalogue.draw("ways", inputs(pd.DataFrame())) is None
    assert catalogue.draw("ways", inputs(pd.DataFrame(), WAYS.assign(predicted_s=math.nan))) is None
    assert catalogue.draw("ways", inputs(pd.DataFrame(), WAYS)) is not None


def test_the_alt_text_has_time_and_cost():
    summary = {"target": "local cloud", "finding": "", "tables": {"ways": WAYS.to_dict("records")}}

    assert "invoke takes 0.5 s (0.4 to 0.7) and costs 2.00 USD" in ways.describe_ways(summary)
