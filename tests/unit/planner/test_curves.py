"""A plan over time, sizes and settings: the tables, and the figures drawn of them."""

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdist_lib.costs import assumptions
from lambdist_lib.errors import UsageError
from lambdist_lib.figures import plan as figures
from lambdist_lib.figures import theme
from lambdist_lib.planner import curves, plan, predict
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import build, job_of, values
from lambdist_lib.planner.system import System
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
    figure = Figure(figsize=theme.SIZE_IN, layout="constrained")  # outside pyplot: nothing to close
    FigureCanvasAgg(figure)
    return figure.subplots(2, 1, sharex=True)


def words(ax):
    ax.figure.canvas.draw()
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += ax.get_legend().get_texts() if ax.get_legend() else []
    return "\n".join(
        [ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel(), *(one.get_text() for one in texts)]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"senders": 3, "request_s": 0.04, "collector_s": 0.01}, {"maximum_concurrency": 20},
        {"writes_per_s": 500.0, "writes_most_per_s": 500.0},
    ],
    ids=str,
)  # fmt: skip
def test_both_models_have_the_same_curve(changes):
    """Of backlog and concurrency, nearly always, whatever binds: within 6 % of their peaks."""
    system = System(**{"datapoints": 30_000, "item_s": 0.05, "queue_batch": 10, "init_s": 0.1,
                       "request_batch": 10, **changes})  # fmt: skip
    fluid, exact = (curves.over_time(system, exact=exact) for exact in (False, True))

    for name in ("waiting", "running", "done"):
        inner = exact[(exact["at_s"] > 0.5) & (exact["at_s"] < 0.9 * fluid["at_s"].max())]
        said = pd.Series(range(0)).reindex(inner.index).astype(float)
        said[:] = [fluid[name].iloc[(fluid["at_s"] - at).abs().argmin()] for at in inner["at_s"]]
        assert (said - inner[name]).abs().quantile(0.9) <= 0.06 * max(exact[name].max(), 10), name


def test_a_curve_ends_with_nothing_left():
    """At 10^9, too: all of it done, none waiting, and each stretch has the limit that binds."""
    found = curves.over_time(build(job_of(datapoints=1e9, chunks=1000, request_batch=100), values(TABLE)))

    assert found["waiting"].iloc[-1] == pytest.approx(0, abs=10)
    assert found["done"].iloc[-1] == pytest.approx(1e9)
    assert found["at_s"].is_monotonic_increasing
    assert found["limit"].ne("").all()


def test_small_jobs_have_both_curves_and_large_ones_one():
    """A simulation of 10^9 is nobody's second or two."""
    assert len(curves.backlog_over_time(JOB, TABLE)) == 2
    assert len(curves.backlog_over_time(job_of(datapoints=1e9), TABLE)) == 1


def test_sizes_are_one_row_each():
    """Time, cost and what binds grow with the job, and the sentence is of the largest."""
    found = curves.by_size(PLANS)

    assert list(found["datapoints"]) == [1_000, 1_000_000, 1_000_000_000]
    assert found["makespan_s"].is_monotonic_increasing and found["usd"].is_monotonic_increasing
    assert list(found["method"]) == ["exact simulation", "fluid model", "fluid model"]
    assert "1,000,000,000 datapoints would take" in curves.sentence(found)


def test_the_front_is_beaten_by_none():
    """No setting is both faster and cheaper than one on it; what was asked for is named."""
    found = curves.by_settings(JOB, TABLE)
    front = found[found["on_front"]]

    for row in front.itertuples():
        assert not ((found["makespan_s"] < row.makespan_s) & (found["usd"] < row.usd)).any()
    assert {"asked for", "fastest", "cheapest"} == set(", ".join(found["name"]).split(", ")) - {""}


@pytest.mark.parametrize(
    ("sizes", "says"), [("", "is empty"), ("1e3 many", "many"), ("1e3 -5", "out of range")]
)
def test_a_wrong_size_is_told(sizes, says):
    with pytest.raises(UsageError, match=says):
        plan.plan_sizes(sizes, settings={})


def test_backlog_and_concurrency_are_drawn_with_what_binds(axes):
    """Both models, shaded, and the units on the axes."""
    figures.plot_over_time(curves.backlog_over_time(JOB, TABLE), axes, n=20_000, **AT)
    said = words(axes[0]) + words(axes[1])

    for word in (phases.RAMP, curves.EXACT, curves.FLUID, "n = 20,000 datapoints · AWS, predicted",
                 "batches at once", "seconds since the first send"):  # fmt: skip
        assert word in said


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda ax: figures.plot_by_size(curves.by_size(PLANS), ax, **AT), ["3 sizes", "single node", "1 d"]),
        (lambda ax: figures.plot_by_size(curves.by_size(PLANS[:1]), ax, **AT), ["1 sizes"]),
        (lambda ax: figures.plot_front(curves.by_settings(JOB, TABLE), ax, n=9, **AT),
         ["settings, n = 9 datapoints", "asked for: 100 senders", "front", "cost, USD"]),
        (lambda ax: figures.plot_held_out(HELD_OUT, ax, **AT), ["inside with 2 of 3", "n = 2 runs"]),
        (lambda ax: figures.plot_held_out(HELD_OUT.iloc[:0], ax, **AT), ["n = 0 runs"]),
        (lambda ax: figures.plot_validation(published.table(ROWS), ax, **AT),
         ["1 of 2 published rows hold", "3 rows", "fitted, counts for nothing", "a makespan"]),
    ],
)  # fmt: skip
def test_every_figure_says_what_and_how_many(axes, draw, says):
    """Each draws on the Axes that it is given and returns it."""
    ax = axes[0]

    assert draw(ax) is ax
    said = words(ax)
    assert all(one in said for one in says), said
    assert ax.get_title("left").endswith("AWS, predicted")
