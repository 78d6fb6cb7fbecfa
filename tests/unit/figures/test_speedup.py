"""The figures of pairs, ratios, and the speedup by level."""

import math

import matplotlib
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from support import tables as frames
from support.figure_tables import BY_LEVEL, drawn

from lambdist_lib.figures import speedup, theme
from lambdist_lib.protocol.arms import ARMS

GAP_PX = 5  # least distance between a text and a bar beside it


def test_pairs_are_all_drawn_cold_apart_from_warm(ax):
    """A point per run, a line per pair; the ratio in the title is of the warm ones."""
    speedup.plot_pairs(frames.runs(10, cold_pairs=2), ax)
    words = drawn(ax)

    points = [collection.get_offsets() for collection in ax.collections if len(collection.get_offsets())]
    assert sum(map(len, points)) >= 24
    assert len(ax.lines) == 12
    assert "single node\nwarm (10)" in words
    assert "distributed\ncold (2)" in words
    assert "single node over distributed: 3.08 (95 % interval 2.98 to 3.29, 10 warm pairs)" in words


def test_times_far_apart_get_a_logarithmic_axis(ax):
    speedup.plot_pairs(frames.runs(6, control_s=100), ax)

    assert ax.get_yscale() == "log"


def test_a_resumed_run_is_counted_but_not_drawn(ax):
    runs = frames.runs(8)
    runs.loc[0, "resumed"] = True

    speedup.plot_pairs(runs, ax)

    assert "n = 15 runs, bars: medians (1 resumed or without a time left out)" in drawn(ax)


def test_ratios_stand_against_the_line_of_no_difference(ax):
    speedup.plot_ratios(frames.runs(10), ax)

    assert [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1][:1] == [1]
    assert ax.get_xlim()[0] == 0
    assert "3.08 (2.98 to 3.29)" in drawn(ax)


def test_the_ideal_line_stands_beside_the_speedup(ax):
    speedup.plot_by_level(BY_LEVEL, ax, target_label="local cloud")

    assert "ideal: as many times faster as senders" in drawn(ax)
    assert ax.lines[0].get_xdata().tolist() == ax.lines[0].get_ydata().tolist() == [1, 2, 5, 10, 20, 50, 100]


def test_declared_work_is_drawn_by_its_words(ax):
    """Levels of work are texts, in the order of their seconds."""
    columns = {"ratio": 2.0, "low": math.nan, "high": math.nan, "pairs": 1, "arm_s": 1.0, "control_s": 2.0}
    table = pd.DataFrame([{"level": level, **columns} for level in ("none", "io:20ms")])

    speedup.plot_by_level(table, ax, target_label="local cloud", factor="work")

    assert [text.get_text() for text in ax.get_xticklabels()] == ["none", "io:20ms"]


def test_labels_of_many_arms_are_slanted():
    """Nine of them do not fit side by side."""
    base = frames.runs(2).query("arm == 'single_node'")
    runs = pd.concat([base.assign(arm=arm, run_id=arm + base["run_id"]) for arm in ARMS])

    left, right = speedup.plot_speedup(runs).axes

    assert {text.get_rotation() for text in left.get_xticklabels()} == {35}
    assert len(right.get_yticks()) == len(ARMS) + 1


def test_each_median_is_named_above_its_own_points():
    """Beside them its text would touch the bar of the next arm."""
    with matplotlib.rc_context():
        theme.apply_theme()
        left, _ = speedup.plot_speedup(_three_arms()).axes
        left.figure.draw_without_rendering()
    pixels = left.transData.transform

    boxes = [text.get_window_extent() for text in left.texts]
    bars = [
        bar for bars in left.collections if isinstance(bars, LineCollection) for bar in bars.get_segments()
    ]
    ends = [pixels(end) for bar in bars for end in bar]

    assert len(boxes) == len(bars) == 6
    assert not any(box.padded(GAP_PX, 0).contains(*end) for box in boxes for end in ends)
    assert not any(box.overlaps(other) for place, box in enumerate(boxes) for other in boxes[:place])


@pytest.mark.parametrize(("arm_s", "scale"), [(0.5, "log"), (2.5, "linear"), (6.2, "linear")])
def test_the_texts_of_ratios_stay_within_their_axis(arm_s, scale):
    """It is logarithmic where the ratios are far apart."""
    with matplotlib.rc_context():
        theme.apply_theme()
        _, right = speedup.plot_speedup(_three_arms(arm_s)).axes
        right.figure.draw_without_rendering()

    assert right.get_xscale() == scale
    assert all(text.get_window_extent().x1 < right.get_window_extent().x1 for text in right.texts)


def _three_arms(arm_s: float = 0.5) -> pd.DataFrame:
    """Warm and cold runs of three arms, of which two take as long."""
    runs = frames.runs(6, control_s=10, arm_s=arm_s, cold_pairs=1)
    parallel = runs[runs["arm"] == "distributed"]
    return pd.concat([runs, parallel.assign(arm="single_node_parallel", run_id="p" + parallel["run_id"])])
