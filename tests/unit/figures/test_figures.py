import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from support import tables as frames

from lambdist_lib.costs import assumptions, metering
from lambdist_lib.errors import RunError
from lambdist_lib.figures import (
    cold_starts,
    concurrency,
    cost,
    dead_letters,
    latency,
    scaling,
    speedup,
    theme,
    timeline,
)
from lambdist_lib.measures import concurrency as concurrency_measures
from lambdist_lib.measures import dead_letters as death_measures
from lambdist_lib.measures import latency as latency_measures
from lambdist_lib.measures import scaling as laws
from lambdist_lib.measures import speedup as speedup_measures
from lambdist_lib.measures import stages, sweep
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.results.schema import INVOCATIONS, RECORDS

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
LOCAL = {"target_label": "local cloud"}
SWEEP = frames.sweep(lambda n, s: 0.03 * s * (1 + 0.03 * (n - 1) + 8e-4 * n * (n - 1)) / n)
LEVELS = sweep.by_level(SWEEP)
FOUND = laws.fits(LEVELS)
FEW_LEVELS = LEVELS.iloc[:3].assign(low_s=math.nan, high_s=math.nan)
CONTROLS = SWEEP.assign(arm="single_node", run_id="control-" + SWEEP["run_id"], makespan_s=31.0)
BY_LEVEL = speedup_measures.by_level(pd.concat([SWEEP, CONTROLS]))
LIMITS = {"most": 10}
TIMES = latency_measures.per_datapoint(MIXED)
SPANS = concurrency_measures.spans(frames.records(60))
RETRIED = frames.records(60, dead={3, 4}).assign(receives=[1] * 3 + [5] * 2 + [2] * 55)
AGAINST = pd.concat(
    [
        death_measures.compare_with_theory(RETRIED, p=0.5),
        death_measures.compare_with_theory(frames.records(60), p=0.1),
        death_measures.compare_with_theory(RETRIED, p=0.1, batch=10, partial=False),
    ]
)

PRICES = assumptions.load()
ONE_EACH = frames.runs(1)
BILLS = metering.table(
    metering.meter_runs(
        ONE_EACH,
        pd.concat([frames.records(131, dead={129, 130}, arm=run.arm, run_id=run.run_id)
                   for run in ONE_EACH.itertuples()]),
        pd.concat([frames.invocations(131, function="single_node" if "single" in run_id else "processor",
                                      run_id=run_id) for run_id in ONE_EACH["run_id"]]),
        PRICES,
    ),
    PRICES,
)  # fmt: skip


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
        (lambda ax: speedup.plot_pairs(frames.runs(10, control_s=90), ax, metric="seen_s"), "n = 20 runs"),
        (lambda ax: speedup.plot_pairs(frames.runs(1), ax), "n = 2 runs"),
        (lambda ax: speedup.plot_pairs(frames.runs(0), ax), "n = 0 runs"),
        (lambda ax: speedup.plot_ratios(frames.runs(10), ax), "n = 10 warm pairs"),
        (lambda ax: speedup.plot_ratios(frames.runs(1), ax), "n = 1 warm pair"),
        (lambda ax: cold_starts.plot_cold_starts(MANY, ax, target_label="local cloud"), "n = 61 invocations"),
        (
            lambda ax: cold_starts.plot_cold_starts(NO_INVOCATIONS, ax, target_label="local cloud"),
            "n = 0 invocations",
        ),
        (lambda ax: dead_letters.plot_outcomes(MIXED, ax, target_label="local cloud"), "n = 12 datapoints"),
        (
            lambda ax: dead_letters.plot_outcomes(NO_RECORDS, ax, target_label="local cloud"),
            "n = 0 datapoints",
        ),
        (
            lambda ax: dead_letters.plot_outcomes(frames.records(3, dead=range(3)), ax, **LOCAL),
            "3 of 3 dead, 100 %",
        ),
        (lambda ax: latency.plot_latency(TIMES, ax, **LOCAL), "n = 2 datapoints, 10 never stored"),
        (lambda ax: latency.plot_latency(TIMES, ax, **LOCAL, end="answer"), "n = 12 datapoints"),
        (lambda ax: latency.plot_latency(TIMES.iloc[:0], ax, **LOCAL), "n = 0 datapoints"),
        (lambda ax: concurrency.plot_concurrency(SPANS, ax, **LOCAL, limits=LIMITS), "n = 60 executions"),
        (lambda ax: concurrency.plot_concurrency(SPANS.iloc[:0], ax, **LOCAL), "n = 0 executions"),
        (lambda ax: concurrency.plot_concurrency(SPANS.iloc[:0], ax, **LOCAL, limits=LIMITS), "n = 0"),
        (lambda ax: scaling.plot_scaling(LEVELS, ax, **LOCAL, fits=FOUND, bounds=LIMITS), "n = 7 runs"),
        (lambda ax: scaling.plot_scaling(FEW_LEVELS, ax, **LOCAL), "n = 7 runs at each of 3 levels"),
        (lambda ax: scaling.plot_scaling(LEVELS.iloc[:0], ax, **LOCAL), "n = 0 runs at each of 0 levels"),
        (lambda ax: scaling.plot_residuals(FOUND["amdahl"], ax, **LOCAL), "n = 7 points, spread"),
        (lambda ax: speedup.plot_by_level(BY_LEVEL, ax, **LOCAL), "n = 7 warm pairs at each of 7 levels"),
        (lambda ax: speedup.plot_by_level(BY_LEVEL.iloc[:0], ax, **LOCAL), "each of 0 levels"),
        (lambda ax: dead_letters.plot_theory(AGAINST, ax, **LOCAL), "n = 180 datapoints in 3 experiments"),
        (lambda ax: dead_letters.plot_theory(AGAINST.iloc[:0], ax, **LOCAL), "n = 0 datapoints in 0"),
        (
            lambda ax: dead_letters.plot_receives(
                death_measures.receive_counts(RETRIED, p=0.5), ax, **LOCAL, p=0.5, p_value=0.2
            ),
            "n = 60 settled datapoints",
        ),
        (
            lambda ax: dead_letters.plot_receives(
                death_measures.receive_counts(NO_RECORDS, p=0.5), ax, **LOCAL, p=0.5, p_value=math.nan
            ),
            "n = 0 settled datapoints",
        ),
        (lambda ax: cost.plot_costs(BILLS, ax, **LOCAL, runs=2), "n = 2 runs metered"),
        (lambda ax: cost.plot_costs(BILLS.iloc[:0], ax, **LOCAL, runs=0), "n = 0 runs"),
        (lambda ax: timeline.plot_timeline(MIXED, ax, target_label="local cloud"), "n = 12 datapoints"),
        (
            lambda ax: timeline.plot_timeline(NO_RECORDS, ax, target_label="local cloud"),
            "n = 0 datapoints",
        ),
        (
            lambda ax: timeline.plot_timeline(frames.records(3, dead=range(3)), ax, **LOCAL),
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


def test_the_bars_of_the_bill_end_at_its_sums(ax):
    """Predicted and metered of each arm, each service once in the legend."""
    cost.plot_costs(BILLS, ax, target_label="local cloud", runs=2)

    said = drawn(ax)
    for _, last in BILLS.groupby("arm").tail(1).iterrows():
        assert f"{last['usd_predicted']:.3g} USD" in said
        assert f"{last['usd_metered']:.3g} USD: retries" in said
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(names) == len(set(names)) and {"API Gateway", "Lambda", "SQS", "DynamoDB"} <= set(names)


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
        cold_starts.plot_cold_starts(called, ax, target_label="local cloud")
        points = [one for one in ax.collections if len(one.get_offsets()) > 1]
        colours = [mpl.colors.to_hex(one.get_facecolor()[0]).upper() for one in points]
        cold, warm = theme.TEMPERATURE["cold"], theme.TEMPERATURE["warm"]
        assert colours == [cold, cold, warm] * 2


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


def test_the_timeline_draws_what_failed_too(ax):
    """Every datapoint has its row; the dead, in flight and lost are marked and counted."""
    timeline.plot_timeline(MIXED, ax, target_label="local cloud")
    words = drawn(ax)

    markers = [line for line in ax.lines if line.get_marker() != "None"]
    assert sum(len(line.get_xdata()) for line in markers) == 10
    assert {f"{name.replace('_', ' ')} (2)" for name in OUTCOMES[1:]} <= set(words.split("\n"))


def test_a_timeline_is_of_one_run(ax):
    both = pd.concat([frames.records(3), frames.records(3, run_id="run-2")])

    with pytest.raises(RunError, match="a timeline shows one run, not 2"):
        timeline.plot_timeline(both, ax, target_label="local cloud")


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


def test_a_refused_law_says_so_over_its_residuals(ax):
    scaling.plot_residuals(FOUND["amdahl"], ax, target_label="local cloud")

    assert "Residuals of amdahl, refused: " in drawn(ax)


def test_work_has_a_linear_axis_if_it_starts_at_none(ax):
    """Zero has no place on a logarithmic axis."""
    points = sweep.by_level(
        frames.sweep(lambda n, s: 2 + 12 * n, (0, 0.1, 0.2, 0.3, 0.4), factor="work"), factor="work"
    )

    scaling.plot_scaling(points, ax, target_label="local cloud", fits=laws.fits(points))

    assert ax.get_xscale() == "linear"
    assert "growing: a = " in drawn(ax)


def test_the_ideal_line_stands_beside_the_speedup(ax):
    speedup.plot_by_level(BY_LEVEL, ax, target_label="local cloud")

    assert "ideal: as many times faster as senders" in drawn(ax)
    assert ax.lines[0].get_xdata().tolist() == ax.lines[0].get_ydata().tolist() == [1, 2, 5, 10, 20, 50, 100]


def test_the_area_of_concurrency_is_the_work(ax):
    concurrency.plot_concurrency(SPANS, ax, target_label="local cloud", limits={"MaximumConcurrency": 10})
    words = drawn(ax)

    assert "MaximumConcurrency: 10" in words
    assert "each of 8 environments used 7.5 times" in words
    [area] = ax.collections
    assert area.get_paths()[0].get_extents().y1 == concurrency_measures.summary(SPANS).loc[0, "peak"]


def test_concurrency_is_of_one_run(ax):
    both = pd.concat([SPANS, SPANS.assign(run_id="run-2")])

    with pytest.raises(RunError, match="concurrency is drawn of one run, not of 2"):
        concurrency.plot_concurrency(both, ax, target_label="local cloud")


def test_none_dead_is_drawn_by_what_may_be(ax):
    """A rate of zero has no place on a logarithmic axis; its interval's upper end has."""
    dead_letters.plot_theory(AGAINST, ax, target_label="local cloud")
    words = drawn(ax)

    assert "batches of 1: none died, upper end" in words
    assert "expected: p^5" in words
    assert "expected: (1-(1-p)^10)^5, whole batches" in words


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


def test_a_file_is_the_same_byte_for_byte(tmp_path):
    """Jitter and metadata included, so that a committed figure changes only with its data."""
    files = []
    for name in ("one", "two"):
        figure = Figure(layout="constrained")
        top, middle, bottom = figure.subplots(3)
        cold_starts.plot_cold_starts(MANY, top, target_label="local cloud")
        scaling.plot_scaling(LEVELS, middle, target_label="local cloud", fits=FOUND)
        dead_letters.plot_theory(AGAINST, bottom, target_label="local cloud")
        np.random.seed(len(files))  # what others draw from the global generator changes nothing
        theme.save(figure, tmp_path / "new" / f"{name}.png")
        files.append((tmp_path / "new" / f"{name}.png").read_bytes())

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
        theme.apply_theme()
        assert mpl.rcParams["figure.figsize"] == list(theme.SIZE_IN)
        assert not mpl.rcParams["axes.spines.top"]
