"""Predict on AWS every arm that an experiment measured, calibrated with its runs.

results = load_results("reference")
predict_arms(results.runs, calibrated(results, assumptions.load()))
"""

from typing import TYPE_CHECKING

import pandas as pd

from lambdist_lib.cloud.limits import ASSUMED, FITTED, LIMITS, LITERATURE
from lambdist_lib.cloud.stack_settings import parse_settings
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import duration
from lambdist_lib.planner import arm_forecasts, calibration, predict
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, PREDICTED, forecast_arm, system_of
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job, job_of
from lambdist_lib.planner.job_system import drawn, values
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, in_order

if TYPE_CHECKING:
    from lambdist_lib.analysis import Results

UNCERTAIN = (ASSUMED, LITERATURE, FITTED)
COLUMNS = [
    "arm", "measured_s", "predicted_s", "low_s", "high_s", "bottleneck", "usd_per_million", "most_sensitive",
]  # fmt: skip


def calibrated(results: "Results", limits: Table) -> Table:
    """Return limits and prices, with the numbers that the runs of an experiment measure in their place.

    Raises:
        RunError: As `calibration.calibrate`.
    """
    records = results.read("records", calibration.RECORDS)
    return {**limits, **calibration.calibrate(results.runs, records, results.invocations)}


def predict_arms(runs: pd.DataFrame, table: Table, *, chunks: int = 0, seed: int = 0) -> pd.DataFrame:
    """Predict each arm on AWS from a finished experiment.

    Args:
        runs: Of one experiment (`results.schema.RUNS`).
        table: Limits and prices, calibrated with its runs (`calibrated`).
        chunks: Predict another number of senders, with as many processors; 0 for that of the runs.

    Returns:
        One row per arm of `arm_forecasts.PREDICTED`, measured or not, and per further arm that ran: `arm`,
        `measured_s` (median makespan of its warm runs, else of all; NaN if not measured), `predicted_s` with
        `low_s` and `high_s` (5 to 95 %, warm environments), the `bottleneck`, `usd_per_million` datapoints,
        and `most_sensitive`: the assumption that moves the prediction most, its range and the makespans at
        both ends ("" if none does).

    Raises:
        RunError: There is no run.
        UsageError: The planner cannot predict the runs' conditions.
    """
    job = job_of_runs(runs, chunks=chunks)
    runs = runs[runs["chunks"] == job.chunks]
    return pd.DataFrame([_row(arm, runs, job, table, seed) for arm in _arms(runs)], columns=COLUMNS)


def _arms(runs: pd.DataFrame) -> list[str]:
    """Return the arms to predict: those of every experiment, and others that ran."""
    measured = [arm for arm in in_order(runs["arm"]) if not ARMS[arm].is_original]
    return list(dict.fromkeys([*PREDICTED, *measured]))


def _row(arm: str, runs: pd.DataFrame, job: Job, table: Table, seed: int) -> list[object]:
    span = interval(arm, job, table, seed=seed)
    return [
        arm,
        measured_makespan_s(runs, arm),
        span["value"],
        span["low"],
        span["high"],
        forecast_arm(arm, job, values(table)).bottleneck,
        arm_forecasts.usd(arm, job, table) / job.datapoints * 1e6,
        most_sensitive(arm, job, table),
    ]


def job_of_runs(runs: pd.DataFrame, *, chunks: int = 0) -> Job:
    """Return the job that the runs measured; datapoints that fail by declaration are left out.

    Raises:
        RunError: There is no run.
    """
    if runs.empty:
        raise RunError("there is no run to predict; `lambdist run FILE` makes some")
    run = (runs[runs["arm"] == DISTRIBUTED] if (runs["arm"] == DISTRIBUTED).any() else runs).iloc[0]
    fault, always_failing = _without_named(str(run["fault"]), int(run["submitted"]))
    return job_of(
        datapoints=max(int(run["submitted"]) - always_failing, 1),
        chunks=chunks or int(run["chunks"]),
        processors=0 if chunks else calibration.processors_of(run),
        request_batch=int(run["request_batch"]),
        work=str(run["work"]),
        fault=fault,
        settings={
            "queue_batch": int(run["queue_batch"]),
            "memory_mb": int(run["memory_mb"]),
            "partial_batch_responses": bool(run["partial_responses"]),
            "experiment_controls": True,
            **parse_settings(run.get("settings")),
        },
    )


def _without_named(fault: str, datapoints: int) -> tuple[str, int]:
    """Return the faults that name no datapoints, and how many datapoints the others make fail for good."""
    plan = faults.parse_fault(fault)
    kept = [f"{fault.kind}:{fault.probability:g}" for fault in plan.faults if fault.among is None]
    return ",".join(kept) or "none", len(plan.always_failing(datapoints))


def measured_makespan_s(runs: pd.DataFrame, arm: str) -> float:
    """Return the median makespan of an arm's warm runs, or of all its runs; NaN without any."""
    of_arm = runs[runs["arm"] == arm]
    warm = of_arm[of_arm["temperature"] == "warm"]
    return float((of_arm if warm.empty else warm)["makespan_s"].median())


def interval(arm: str, job: Job, table: Table, *, seed: int = 0) -> dict[str, float]:
    """Return an arm's makespan in seconds, in warm environments (`predict.interval_of`)."""
    if ARMS[arm].queued:
        forecast = fluid_forecast.predict(system_of(arm, job, values(table)))
        spread = predict.spread_of(lambda rng: system_of(arm, job, drawn(table, rng)), forecast, seed)
        span: dict[str, float] = spread["makespan_s"]
        return span
    return predict.interval_of(
        [forecast_arm(arm, job, value).makespan_s for value in predict.draws(table, seed)]
    )


def most_sensitive(arm: str, job: Job, table: Table) -> str:
    """Name the assumption that moves an arm's makespan most, varied alone from its low to its high."""
    value = values(table)
    best, text = 1e-9, ""
    for name, number in table.items():
        if name not in LIMITS or number.provenance not in UNCERTAIN or number.low >= number.high:
            continue
        low_s, high_s = (
            forecast_arm(arm, job, {**value, name: end}).makespan_s for end in (number.low, number.high)
        )
        if abs(high_s - low_s) > best:
            best = abs(high_s - low_s)
            text = (
                f"{number.low:g} to {number.high:g} {number.unit} ({name}): "
                f"{duration(low_s)} to {duration(high_s)}"
            )
    return text
