"""Every figure on bad inputs: a picture or a clear error, and an open ledger in its title."""

import functools
import importlib
import inspect
import math
import pkgutil

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib import figures
from lambdist_lib.costs import assumptions, metering
from lambdist_lib.errors import RunError
from lambdist_lib.figures import (
    cold_starts,
    concurrency,
    cost,
    dead_letters,
    environments,
    latency,
    scaling,
    speedup,
    timeline,
)
from lambdist_lib.measures import cold_vs_warm, ledger, sweep
from lambdist_lib.measures import concurrency as concurrency_measures
from lambdist_lib.measures import dead_letters as death_measures
from lambdist_lib.measures import latency as latency_measures
from lambdist_lib.measures import scaling as laws
from lambdist_lib.measures import speedup as speedup_measures


def first(table, runs):
    """Of the first distributed run."""
    return table[table["run_id"] == runs.loc[runs["arm"] == "distributed", "run_id"].iloc[0]]


FIT = laws.fits(sweep.by_level(frames.sweep(lambda n, size: 2 + 20 / n)))["overhead"]  # no run is wrong in it
PRICES = assumptions.load()
DRAWINGS = {  # of runs, records and invocations of one experiment; of those without `target` the runs have it
    "speedup.plot_pairs": lambda r, d, i, ax, **t: speedup.plot_pairs(r, ax),
    "speedup.plot_ratios": lambda r, d, i, ax, **t: speedup.plot_ratios(r, ax),
    "speedup.plot_by_level": lambda r, d, i, ax, **t: speedup.plot_by_level(
        speedup_measures.by_level(r), ax, **t
    ),
    "cold_starts.plot_cold_starts": lambda r, d, i, ax, **t: cold_starts.plot_cold_starts(i, ax, **t),
    "cold_starts.plot_cold_shares": lambda r, d, i, ax, **t: cold_starts.plot_cold_shares(
        cold_vs_warm.cold_shares(d, i, r).query("arm == 'distributed'"), ax, **t
    ),
    "cold_starts.plot_handlers": lambda r, d, i, ax, **t: cold_starts.plot_handlers(
        cold_vs_warm.handler_durations(i, r), ax, **t
    ),
    "environments.plot_environments": lambda r, d, i, ax, **t: environments.plot_environments(
        first(i, r), ax, **t
    ),
    "environments.plot_bursts": lambda r, d, i, ax, **t: environments.plot_bursts(first(i, r), ax, **t),
    "concurrency.plot_concurrency": lambda r, d, i, ax, **t: concurrency.plot_concurrency(
        concurrency_measures.spans(first(d, r)), ax, **t
    ),
    "cost.plot_costs": lambda r, d, i, ax, **t: cost.plot_costs(
        metering.table(metering.meter_runs(r, d, i, PRICES), PRICES), ax, runs=len(r), **t
    ),
    "dead_letters.plot_outcomes": lambda r, d, i, ax, **t: dead_letters.plot_outcomes(d, ax, **t),
    "dead_letters.plot_theory": lambda r, d, i, ax, **t: dead_letters.plot_theory(
        death_measures.compare_with_theory(d, p=0.5), ax, **t
    ),
    "dead_letters.plot_receives": lambda r, d, i, ax, **t: dead_letters.plot_receives(
        death_measures.receive_counts(first(d, r), p=0.5), ax, p=0.5, p_value=math.nan, **t
    ),
    "latency.plot_latency": lambda r, d, i, ax, **t: latency.plot_latency(
        latency_measures.per_datapoint(d, r), ax, **t
    ),
    "scaling.plot_scaling": lambda r, d, i, ax, **t: scaling.plot_scaling(sweep.by_level(r), ax, **t),
    "scaling.plot_residuals": lambda r, d, i, ax, **t: scaling.plot_residuals(FIT, ax, **t),
    "timeline.plot_timeline": lambda r, d, i, ax, **t: timeline.plot_timeline(first(d, r), ax, **t),
}


def tables(pairs=7, *, cold_pairs=0, dead=(), cold=0, **columns):
    """Runs with their records and invocations."""
    runs = frames.runs(pairs, cold_pairs=cold_pairs, **{"stored": 40, "dead": 0, "submitted": 40, **columns})
    records = pd.concat(
        [frames.records(40, dead=dead, arm=run.arm, run_id=run.run_id) for run in runs.itertuples()],
        ignore_index=True,
    )
    functions = {"distributed": ("collector", "processor"), "single_node": ("single_node",)}
    invocations = pd.concat(
        [
            frames.invocations(40, cold=cold, function=function, run_id=run.run_id)
            for run in runs.itertuples()
            for function in functions[run.arm]
        ],
        ignore_index=True,
    )
    return runs, records, invocations


def backwards():
    """Written three seconds before they were begun, and logged before."""
    runs, records, invocations = tables()
    records["put_at"] = records["intended_at"] - 3
    return runs, records, invocations.assign(duration_s=-0.01)


def without_logs():
    runs, records, invocations = tables()
    return runs, records, invocations.iloc[:0]


INPUTS = {
    "as it should be": tables(cold_pairs=1, cold=8, dead={3}),
    "one repetition": tables(1),
    "all cold": tables(0, cold_pairs=3, cold=40),
    "all dead": (
        frames.runs(2, submitted=40, stored=0, dead=40, makespan_s=math.nan),
        *tables(2, dead=range(40))[1:],
    ),
    "all unsent": (
        frames.runs(2, submitted=40, stored=0, dead=0, unsent=40, makespan_s=math.nan),
        tables(2)[1].assign(outcome="unsent", put_at=math.nan),
        tables(2)[2].iloc[:0],
    ),
    "clocks backwards": backwards(),
    "no logs": without_logs(),
}
PREDICTIONS = ("plan", "outlook", "arm_map", "ways")  # have no runs; they have tests of their own
NO_TIME, BACKWARDS = "makespan_s is missing or not positive", "a clock was set back"
REFUSED = [  # what a figure's measure refuses: input, figures, words
    ("all cold", ("speedup.plot_ratios", "speedup.plot_by_level"), "no complete warm pair"),
    ("all dead", ("speedup.", "scaling.plot_scaling"), NO_TIME),
    ("all unsent", ("speedup.",), "left datapoints unsent"),
    ("all unsent", ("scaling.plot_scaling",), NO_TIME),
    ("clocks backwards", ("latency.", "concurrency."), BACKWARDS),
]


def test_every_plot_function_is_listed_here():
    """A new plot function has to be added to DRAWINGS."""
    modules = [
        importlib.import_module(f"{figures.__name__}.{one.name}")
        for one in pkgutil.iter_modules(figures.__path__)
        if one.name not in PREDICTIONS
    ]
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, _ in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("plot_") and name != "plot_speedup"  # it draws plot_pairs beside plot_ratios
    }

    assert set(DRAWINGS) == found


@pytest.mark.parametrize("drawing", DRAWINGS)
@pytest.mark.parametrize("name", INPUTS)
def test_a_figure_is_drawn_or_refused_in_words(ax, name, drawing):
    """Where a measure refuses the runs, so does its figure."""
    for wrong, drawings, words in REFUSED:
        if name == wrong and drawing.startswith(drawings):
            with pytest.raises(RunError, match=words):
                DRAWINGS[drawing](*INPUTS[name], ax, target_label="local cloud")
            return

    DRAWINGS[drawing](*INPUTS[name], ax, target_label="local cloud")
    if name == "as it should be":
        ax.figure.set_layout_engine("constrained")
        ax.figure.canvas.draw()
    else:
        ax.figure.draw_without_rendering()  # layout and pixels take four times as long

    assert "n = " in ax.get_title("left")
    assert ax.get_title("left").endswith("local cloud")


@functools.cache
def lossy():
    """The runs say what their records do: three datapoints of one run were lost."""
    runs, records, invocations = tables()
    runs.loc[1, ["stored", "lost"]] = [37, 3]
    records.loc[(records["run_id"] == runs.loc[1, "run_id"]) & (records["n"] < 3), "outcome"] = "lost"
    return runs, records, invocations


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_an_open_ledger_is_in_every_title(ax, drawing):
    runs, records, invocations = lossy()
    counts = ledger.count(records)
    stamp = "local cloud" + ledger.incomplete_note(runs, counts)

    DRAWINGS[drawing](ledger.mark_incomplete(runs, counts), records, invocations, ax, target_label=stamp)

    assert ax.get_title("left").endswith("local cloud, LEDGER OPEN: 3 lost of 560")


@pytest.mark.parametrize(
    "drawing", [name for name in DRAWINGS if name.startswith(("speedup.", "scaling.plot_scaling"))]
)
def test_a_time_over_an_open_ledger_is_refused(ax, drawing):
    """A run that lost datapoints is not a fast run."""
    with pytest.raises(RunError, match="3 lost of 40 datapoints: finish it with"):
        DRAWINGS[drawing](*lossy(), ax, target_label="local cloud")
