"""Runs of the local cloud that a calibration has not seen, beside what it predicts of them.

Every run is the calibration once, and the others are held out from it; the first in time is the one that
counts, since nobody chose it.
"""

import statistics

import pandas as pd

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError
from lambdist_lib.planner import local_cloud
from lambdist_lib.planner.job import build, job_of
from lambdist_lib.planner.simulation.engine import replicate

REPLICAS = 100
BAND = 0.9  # of the runs are expected from 5 to 95 %
FEWEST = 3
LOCAL = "local cloud"
COLUMNS = ["run_id", "makespan_s", "value_s", "low_s", "high_s", "median_s", "inside", "covered", "others"]


def held_out(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    table: Table,
    *,
    maximum_concurrency: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Predict all runs but one from that one.

    Args:
        runs, records, invocations: Of one sitting on the local cloud (`columns`); its warm runs of the
            distributed arm count.
        table: What `limits.load` returns.

    Returns:
        One row per run that was the calibration, in order of time: `run_id`, its own `makespan_s`, the
        prediction `value_s` with `low_s` and `high_s` (5 to 95 %), the `median_s` of the others, whether that
        is `inside`, and how many of the `others` are (`covered`).

        Empty where there are fewer than three such runs, or one of them is too small to calibrate from.
    """
    warm = runs[(runs["arm"] == "distributed") & (runs["temperature"] == "warm")].sort_values("started_at")
    if len(warm) < FEWEST or not (warm["target"] == LOCAL).all():
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for run_id in warm["run_id"]:
        mine = [one[one["run_id"] == run_id] for one in (runs, records, invocations)]
        try:
            there = {**table, **local_cloud.calibrate(*mine)}
        except RunError:  # too small to say how long messages wait here
            return pd.DataFrame(columns=COLUMNS)
        low_s, value_s, high_s = predict(mine[0], there, maximum_concurrency, seed)
        others = warm.loc[warm["run_id"] != run_id, "makespan_s"]
        median_s = float(others.median())
        rows.append(
            {
                "run_id": run_id,
                "makespan_s": float(mine[0]["makespan_s"].iloc[0]),
                "value_s": value_s,
                "low_s": low_s,
                "high_s": high_s,
                "median_s": median_s,
                "inside": low_s <= median_s <= high_s,
                "covered": int(others.between(low_s, high_s).sum()),
                "others": len(others),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def predict(
    runs: pd.DataFrame, table: Table, maximum_concurrency: int, seed: int
) -> tuple[float, float, float]:
    """5, 50 and 95 % of the makespan of a run under the conditions of this one."""
    run = runs.iloc[0]
    settings = {"queue_batch": int(run["queue_batch"]), "maximum_concurrency": maximum_concurrency}
    job = job_of(
        datapoints=int(run["submitted"]), chunks=int(run["chunks"]), request_batch=int(run["request_batch"]),
        work=run["work"], settings=settings,
    )  # fmt: skip
    found = replicate(lambda rng: build(job, local_cloud.drifted(table, rng)), replicas=REPLICAS, seed=seed)
    cuts = statistics.quantiles([one.makespan_s for one in found], n=20, method="inclusive")
    return cuts[0], cuts[9], cuts[-1]


def sentence(found: pd.DataFrame) -> str:
    """Of the first run, and how often it would have held with another."""
    if found.empty:
        return (
            f"No runs were held out: that takes {FEWEST} warm ones of some hundred datapoints on the {LOCAL}"
        )
    first = found.iloc[0]
    where = "inside" if first["inside"] else "outside"
    return (
        f"Calibrated from the first run, the {first['others']} others are predicted to take "
        f"{first['value_s']:.3g} s ({first['low_s']:.3g} to {first['high_s']:.3g}): their median of "
        f"{first['median_s']:.3g} s is {where}, and the band covers {first['covered']} of them "
        f"({BAND:.0%} are expected). With each of the {len(found)} runs as the one, the median is inside "
        f"{int(found['inside'].sum())} times"
    )
