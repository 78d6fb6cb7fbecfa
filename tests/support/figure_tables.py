"""Synthetic tables for the figures, and the texts of a drawn figure."""

import math

import pandas as pd
from support import tables as frames

from lambdist_lib.costs import assumptions, metering
from lambdist_lib.measures import concurrency as concurrency_measures
from lambdist_lib.measures import dead_letters as death_measures
from lambdist_lib.measures import latency as latency_measures
from lambdist_lib.measures import scaling as laws
from lambdist_lib.measures import speedup as speedup_measures
from lambdist_lib.measures import sweep
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


def drawn(ax):
    """Lay it out as a file would be, and give all its words."""
    ax.figure.draw_without_rendering()
    texts = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += ax.get_legend().get_texts() if ax.get_legend() else []
    return "\n".join(
        [ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in texts)]
    )
