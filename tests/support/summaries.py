"""Summaries of synthetic tables."""

import pandas as pd
from support import tables as frames

from lambdist_lib.measures import summary


def tables(pairs=7, *, cold_pairs=0, dead=(129, 130), **columns):
    """Runs with their records and invocations."""
    runs = frames.runs(pairs, cold_pairs=cold_pairs, **columns)
    records, invocations = [], []
    for seed, run in enumerate(runs.itertuples()):
        cold = 8 if run.temperature == "cold" else 0
        function = "processor" if run.arm == "distributed" else "single_node"
        records.append(frames.records(131, dead=dead, arm=run.arm, run_id=run.run_id, seed=seed, cold=cold))
        invocations.append(
            frames.invocations(131, cold=cold, function=function, run_id=run.run_id, seed=seed)
        )
    return runs, pd.concat(records, ignore_index=True), pd.concat(invocations, ignore_index=True)


def built(*given, **options):
    return summary.build(*given, target="local cloud", **options)
