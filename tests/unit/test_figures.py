import math

import frames
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdist_lib.columns import INVOCATIONS, RECORDS
from lambdist_lib.contract import OUTCOMES
from lambdist_lib.errors import RunError
from lambdist_lib.figures import cold_starts, dead_letters, speedup, theme, timeline
from lambdist_lib.measures import stages

MANY = pd.concat(
    [
        frames.invocations(30, cold=5, function="collector"),
        frames.invocations(30, cold=8),
        frames.invocations(1, cold=1, function="dead_letter").assign(duration_s=math.nan),
    ]
)
NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))
MIXED = frames.records(12).assign(outcome=list(OUTCOMES) * 2)


@pytest.fixture
def ax():
    figure = Figure(figsize=theme.SIZE_IN, layout="constrained")  # outside pyplot: nothing to close
    FigureCanvasAgg(figure)
    return figure.subplots()


def drawn(ax):
    """Draw it as a file would be, and give all its words."""
    ax.figure.canvas.draw()
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += ax.get_legend().get_texts() if ax.get_legend() else []
    return "\n".join(
        [ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in texts)]
    )


@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (lambda ax: speedup.plot_pairs(frames.runs(10, cold_pairs=2), ax), "n = 24 runs"),
        (lambda ax: speedup.plot_pairs(frames.runs(10, control_s=90), ax, at="seen_s"), "n = 20 runs"),
        (lambda ax: speedup.plot_pairs(frames.runs(1), ax), "n = 2 runs"),
        (lambda ax: speedup.plot_pairs(frames.runs(0), ax), "n = 0 runs"),
        (lambda ax: speedup.plot_ratios(frames.runs(10), ax), "n = 10 warm pairs"),
        (lambda ax: speedup.plot_ratios(frames.runs(1), ax), "n = 1 warm pairs"),
        (lambda ax: cold_starts.plot_latency(MANY, ax, target="local cloud"), "n = 61 invocations"),
        (
            lambda ax: cold_starts.plot_latency(NO_INVOCATIONS, ax, target="local cloud"),
            "n = 0 invocations",
        ),
        (lambda ax: dead_letters.plot_outcomes(MIXED, ax, target="local cloud"), "n = 12 datapoints"),
        (
            lambda ax: dead_letters.plot_outcomes(NO_RECORDS, ax, target="local cloud"),
            "n = 0 datapoints",
        ),
        (
            lambda ax: dead_letters.plot_outcomes(frames.records(3, dead=range(3)), ax, target="local cloud"),
            "3 of 3 dead, 100 %",
        ),
        (lambda ax: timeline.plot_timeline(MIXED, ax, target="local cloud"), "n = 12 datapoints"),
        (
            lambda ax: timeline.plot_timeline(NO_RECORDS, ax, target="local cloud"),
            "n = 0 datapoints",
        ),
        (
            lambda ax: timeline.plot_timeline(frames.records(3, dead=range(3)), ax, target="local cloud"),
            "3 dead",
        ),
    ],
)  # fmt: skip
def test_every_figure_says_how_many_and_where(ax, draw, count):
    """Each draws on the Axes it is given, returns it, and names its n and target, whatever the data."""
    assert draw(ax) is ax
    title = drawn(ax).split("\n")

    assert any(count in line for line in title)
    assert ax.get_title("left").endswith(("local cloud", "no target"))


def test_pairs_are_all_drawn_and_cold_told_from_warm(ax):
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


def test_a_run_that_is_no_timing_is_counted_instead_of_drawn(ax):
    runs = frames.runs(8)
    runs.loc[0, "resumed"] = True

    speedup.plot_pairs(runs, ax)

    assert "n = 15 runs, bars: medians (1 resumed or without a time left out)" in drawn(ax)


def test_ratios_stand_against_the_line_of_no_difference(ax):
    speedup.plot_ratios(frames.runs(10), ax)

    assert [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1][:1] == [1]
    assert ax.get_xlim()[0] == 0
    assert "3.08 (2.98 to 3.29)" in drawn(ax)


def test_cold_and_warm_keep_their_colours_whatever_comes_first(ax):
    """Seaborn would give the first one that it meets the first colour."""
    for called in (MANY, MANY.iloc[::-1]):
        ax.clear()
        cold_starts.plot_latency(called, ax, target="local cloud")
        points = [one for one in ax.collections if len(one.get_offsets()) > 1]
        colours = [mpl.colors.to_hex(one.get_facecolor()[0]).upper() for one in points]
        cold, warm = theme.TEMPERATURE["cold"], theme.TEMPERATURE["warm"]
        assert colours == [cold, cold, warm] * 2


def test_two_dead_among_many_are_legible(ax):
    """129 stored at once and 2 dead after five receives: both bars, with counts and the cause."""
    dead_letters.plot_outcomes(frames.records(131, dead={129, 130}), ax, target="local cloud")
    words = drawn(ax).split("\n")

    assert [bar.get_width() for bar in ax.patches] == [129, 2]
    assert {"129", "2 RuntimeError", "stored at receive 1", "dead at receive 5"} <= set(words)
    assert "distributed: 2 of 131 dead, 1.53 % (0.185 to 5.41 %)" in words


def test_bars_add_up_to_the_datapoints(ax):
    """Also with more ways to end than bars, and where receives are not known."""
    records = frames.records(60, dead=range(20, 60))
    records.loc[20:, "cause"] = [f"Error{n}: x" for n in range(40)]
    records.loc[25:30, "receives"] = math.nan

    dead_letters.plot_outcomes(records, ax, target="local cloud")

    assert len(ax.patches) == dead_letters.MOST_BARS
    assert sum(bar.get_width() for bar in ax.patches) == 60


def test_the_timeline_draws_what_failed_too(ax):
    """Every datapoint has its row; the dead, in flight and lost are marked and counted."""
    timeline.plot_timeline(MIXED, ax, target="local cloud")
    words = drawn(ax)

    markers = [line for line in ax.lines if line.get_marker() != "None"]
    assert sum(len(line.get_xdata()) for line in markers) == 10
    assert {f"{name.replace('_', ' ')} (2)" for name in OUTCOMES[1:]} <= set(words.split("\n"))


def test_a_timeline_is_of_one_run(ax):
    both = pd.concat([frames.records(3), frames.records(3, run_id="run-2")])

    with pytest.raises(RunError, match="a timeline shows one run, not 2"):
        timeline.plot_timeline(both, ax, target="local cloud")


def test_a_file_is_the_same_byte_for_byte(tmp_path):
    """Jitter and metadata included, so that a committed figure changes only with its data."""
    files = []
    for name in ("one", "two"):
        figure = Figure(layout="constrained")
        cold_starts.plot_latency(MANY, figure.subplots(), target="local cloud")
        np.random.seed(len(files))  # what others draw from the global generator changes nothing
        files.append(theme.save(figure, tmp_path / "new" / f"{name}.png").read_bytes())

    assert files[0] == files[1]
    assert files[0].startswith(b"\x89PNG")
    assert b"Software" not in files[0]


def test_everything_has_its_own_colour():
    """One per stage, outcome, arm and temperature, told apart within its kind."""
    assert set(theme.STAGE) == set(stages.NAMES) == set(timeline.LABELS)
    assert set(theme.OUTCOME) == set(OUTCOMES)
    for palette in (theme.ARM, theme.TEMPERATURE, theme.OUTCOME, theme.STAGE):
        assert len(set(palette.values())) == len(palette)


def test_the_theme_is_applied_only_when_asked():
    """`apply` sets it for notebooks; tests put back what was there."""
    with mpl.rc_context():
        theme.apply()
        assert mpl.rcParams["figure.figsize"] == list(theme.SIZE_IN)
        assert not mpl.rcParams["axes.spines.top"]
