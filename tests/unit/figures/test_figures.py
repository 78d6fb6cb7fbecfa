"""Every figure on valid and empty tables."""

import math

import pytest
from support import tables as frames
from support.figure_tables import (
    AGAINST,
    BILLS,
    BY_LEVEL,
    FEW_LEVELS,
    FOUND,
    LEVELS,
    LIMITS,
    LOCAL,
    MANY,
    MIXED,
    NO_INVOCATIONS,
    NO_RECORDS,
    RETRIED,
    SPANS,
    TIMES,
    drawn,
)

from lambdist_lib.figures import (
    cold_starts,
    concurrency,
    cost,
    dead_letters,
    latency,
    scaling,
    speedup,
    timeline,
)
from lambdist_lib.measures import dead_letters as death_measures


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
def test_every_figure_names_its_n_and_target(ax, draw, count):
    """Each draws on the Axes it is given, returns it, and names its n and target, whatever the data."""
    assert draw(ax) is ax
    title = drawn(ax).split("\n")

    assert any(count in line for line in title)
    assert ax.get_title("left").endswith(("local cloud", "no target"))
