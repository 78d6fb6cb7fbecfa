"""Validate predictions of the local cloud on runs that the calibration has not seen.

Each run calibrates once, and the others are held out. The first in time decides the verdict, since no
choice is involved.
"""

import statistics
from typing import Any

import pandas as pd

from lambdist_lib.cloud.stack_settings import parse_settings
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import percent
from lambdist_lib.planner import calibration, local_cloud
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import build
from lambdist_lib.planner.simulation.engine import replicate

REPLICAS = 100
BAND = 0.9  # share of runs expected between 5 and 95 %
MIN_RUNS = 3
LOCAL = "local cloud"
COLUMNS = ["run_id", "makespan_s", "value_s", "low_s", "high_s", "median_s", "inside", "covered", "others"]


def held_out(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    limits: Table,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Predict all other runs from each run.

    Args:
        runs, records, invocations: Of one experiment on the local cloud (`results.schema`); its warm runs
            of the distributed arm count.
        limits: What `assumptions.load` returns.

    Returns:
        One row per calibrating run, in order of time: `run_id`, its own `makespan_s`, the
        prediction `value_s` with `low_s` and `high_s` (5 to 95 %), the `median_s` of the others, whether that
        is `inside`, and how many of the `others` are (`covered`).

        Empty with fewer than three such runs, or if one is too small to calibrate from.
    """
    warm = runs[(runs["arm"] == "distributed") & (runs["temperature"] == "warm")].sort_values("started_at")
    if len(warm) < MIN_RUNS or not (warm["target"] == LOCAL).all():
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for run_id in warm["run_id"]:
        tables = [table[table["run_id"] == run_id] for table in (runs, records, invocations)]
        try:
            calibrated = {**limits, **local_cloud.calibrate(*tables)}
        except RunError:  # too small to measure how long messages wait
            return pd.DataFrame(columns=COLUMNS)
        band = predict(tables[0], calibrated, seed)
        rows.append(_validated(tables[0].iloc[0], warm.loc[warm["run_id"] != run_id, "makespan_s"], band))
    return pd.DataFrame(rows, columns=COLUMNS)


def _validated(run: pd.Series, others: pd.Series, band: tuple[float, float, float]) -> dict[str, Any]:
    """Compare a prediction, as 5, 50 and 95 %, with the makespans of the other runs: a row of COLUMNS."""
    low_s, value_s, high_s = band
    median_s = float(others.median())
    return {
        "run_id": run["run_id"],
        "makespan_s": float(run["makespan_s"]),
        "value_s": value_s,
        "low_s": low_s,
        "high_s": high_s,
        "median_s": median_s,
        "inside": low_s <= median_s <= high_s,
        "covered": int(others.between(low_s, high_s).sum()),
        "others": len(others),
    }


def predict(runs: pd.DataFrame, limits: Table, seed: int) -> tuple[float, float, float]:
    """Return 5, 50 and 95 % of the makespan of a run under the conditions of this one."""
    run = runs.iloc[0]
    settings = {"queue_batch": int(run["queue_batch"]), **parse_settings(run.get("settings"))}
    job = job_of(
        datapoints=int(run["submitted"]), chunks=int(run["chunks"]),
        processors=calibration.processors_of(run), request_batch=int(run["request_batch"]),
        work=run["work"], settings=settings,
    )  # fmt: skip
    outcomes = replicate(
        lambda rng: build(job, local_cloud.sample_with_drift(limits, rng)), replicas=REPLICAS, seed=seed
    )
    cuts = statistics.quantiles([outcome.makespan_s for outcome in outcomes], n=20, method="inclusive")
    return cuts[0], cuts[9], cuts[-1]


def sentence(validated: pd.DataFrame) -> str:
    """Summarise `held_out` in a sentence: the first run, and how often another would have held."""
    if validated.empty:
        return (
            f"No runs were held out: that needs {MIN_RUNS} warm runs on the {LOCAL}, of some hundred "
            "datapoints each, so that messages wait"
        )
    first = validated.iloc[0]
    where = "inside" if first["inside"] else "outside"
    return (
        f"Calibrated from the first run, the {first['others']} others are predicted to take "
        f"{first['value_s']:.3g} s ({first['low_s']:.3g} to {first['high_s']:.3g}): their median of "
        f"{first['median_s']:.3g} s is {where}, and the band covers {first['covered']} of them "
        f"({percent(BAND)} are expected). With each of the {len(validated)} runs as the calibration, the "
        f"median is inside {int(validated['inside'].sum())} times"
    )
