"""Figures of a plan."""

from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdist_lib.costs import assumptions
from lambdist_lib.figures import plan as figures
from lambdist_lib.figures import theme
from lambdist_lib.planner import curves, plan, predict
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.limit_words import limit_in_words
from lambdist_lib.planner.validation import held_out, published

TABLE = assumptions.load()
AT = {"target_label": "AWS, predicted"}
JOB = job_of(datapoints=20_000, chunks=100, request_batch=10, work="io:100ms",
             settings={"queue_batch": 10, "maximum_concurrency": 1000})  # fmt: skip
PLANS = [
    predict.predict(job, TABLE)
    for job in plan.plan_sizes("1e3, 1e6 1e9", chunks=100, settings={"queue_batch": 10}, request_batch=100)
]
HELD_OUT = pd.DataFrame(
    [["a", 2.0, 2.1, 1.9, 2.3, 2.2, True, 2, 2], ["b", 2.0, 1.5, 1.4, 1.6, 2.2, False, 0, 2],
     ["c", 2.2, 2.1, 1.9, 2.3, 2.0, True, 2, 2]],
    columns=held_out.COLUMNS,
)  # fmt: skip
ROWS = [
    published.Row(published.PUBLISHED, "a makespan", 10, 9.5, "min", 0.1, "somebody"),
    published.Row(published.PUBLISHED, "a ramp", 10, 5, "s", 0.1, "somebody", "known miss: why"),
    published.Row(published.FITTED, "a number", 10, 12, "s", float("nan"), "somebody"),
]


@pytest.fixture
def axes():
    # outside pyplot, so that nothing is to be closed; a layout is most of a drawing
    figure = Figure(figsize=theme.SIZE_IN, layout="none")
    FigureCanvasAgg(figure)
    return figure.subplots(2, 1, sharex=True)


def words(ax):
    ax.figure.draw_without_rendering()
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += ax.get_legend().get_texts() if ax.get_legend() else []
    return "\n".join(
        [ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel(), *(one.get_text() for one in texts)]
    )


def test_over_time_shows_both_models_and_the_bottleneck(axes):
    """Both models, shaded, and the units on the axes."""
    figures.plot_over_time(curves.backlog_over_time(JOB, TABLE), axes, n=20_000, **AT)
    said = words(axes[0]) + words(axes[1])

    for word in (limit_in_words(phases.RAMP), curves.EXACT, curves.FLUID,
                 "n = 20,000 datapoints · AWS, predicted",
                 "batches at once", "seconds since the first send"):  # fmt: skip
        assert word in said


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda ax: figures.plot_by_size(curves.by_size(PLANS), ax, **AT), ["3 sizes", "single node", "1 d"]),
        (lambda ax: figures.plot_by_size(curves.by_size(PLANS[:1]), ax, **AT), ["1 size, 5 to 95 %"]),
        (lambda ax: figures.plot_front(curves.by_settings(JOB, TABLE), ax, n=9, **AT),
         ["settings, n = 9 datapoints", "asked for: 100 senders", "front", "cost, USD"]),
        (lambda ax: figures.plot_held_out(HELD_OUT, ax, **AT), ["inside with 2 of 3", "n = 2 runs"]),
        (lambda ax: figures.plot_held_out(HELD_OUT.iloc[:0], ax, **AT), ["n = 0 runs"]),
        (lambda ax: figures.plot_validation(published.table(ROWS), ax, **AT),
         ["1 of 2 published rows hold", "3 rows", "fitted, does not count", "a makespan"]),
    ],
)  # fmt: skip
def test_figure_names_its_subject_and_count(axes, draw, says):
    """Each draws on the Axes that it is given and returns it."""
    ax = axes[0]

    assert draw(ax) is ax
    said = words(ax)
    assert all(one in said for one in says), said
    assert ax.get_title("left").endswith("AWS, predicted")


def test_held_out_runs_without_a_run_are_no_figure():
    """A calibration from one run leaves none, and a sentence says so."""
    inputs = SimpleNamespace(**AT)

    assert figures.draw_held_out(inputs, held_out=HELD_OUT.iloc[:0]) is None
    assert figures.draw_held_out(inputs, held_out=HELD_OUT) is not None
