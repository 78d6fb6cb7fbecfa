"""Find where an arm starts to pay: datapoints for the time, datapoints a day for the cost."""

import math
from dataclasses import replace

import pandas as pd

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.planner import arm_forecasts
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, PARALLEL, POOL, SINGLE_NODE, forecast_arm
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import values

MAX_DATAPOINTS = 10**9
IN_TIME = ((DISTRIBUTED, SINGLE_NODE), (DISTRIBUTED, PARALLEL), (DISTRIBUTED, POOL), (PARALLEL, SINGLE_NODE))
IN_COST = (DISTRIBUTED, PARALLEL, SINGLE_NODE)
DAY_S, DAY_H = 86_400, 24
INSTANCE = "always-on instance"
COLUMNS = ["arm", "against", "criterion", "from_datapoints", "per_day"]


def break_even(job: Job, table: Table) -> pd.DataFrame:
    """Find the sizes and rates from which one arm beats another.

    Args:
        job: The conditions; `datapoints` is varied for the time and kept for the cost of a datapoint.
        table: Limits and prices, calibrated with `calibration.calibrate` where a run exists.

    Returns:
        One row per comparison: `arm` beats `against` in `criterion`. For "time", `from_datapoints` is the
        least job that finishes sooner, cold starts included. For "cost", `per_day` is the least number of
        datapoints a day at which the instance (`arm`) costs less than the serverless arm (`against`). NaN
        where that does not happen: up to 10^9 datapoints, or at any rate.
    """
    rows: list[list[object]] = [
        [arm, against, "time", _from_datapoints(job, table, arm, against), math.nan]
        for arm, against in IN_TIME
    ]
    rows += [[INSTANCE, against, "cost", math.nan, _per_day(job, table, against)] for against in IN_COST]
    return pd.DataFrame(rows, columns=COLUMNS)


def _from_datapoints(job: Job, table: Table, arm: str, against: str) -> float:
    value = values(table)

    def is_faster(datapoints: int) -> bool:
        sized = replace(job, datapoints=datapoints)
        first, second = (forecast_arm(name, sized, value, warm=False) for name in (arm, against))
        return first.makespan_s < second.makespan_s

    high = 1
    while not is_faster(high):
        high *= 2
        if high > MAX_DATAPOINTS:
            return math.nan
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_faster(middle) else (middle, high)
    return float(high)


def _per_day(job: Job, table: Table, arm: str) -> float:
    """Instances are whole: the rate at which ceil(rate / capacity) of them cost less than the arm."""
    value = values(table)
    instance_usd = value["price_instance_h"] * DAY_H
    run_s = forecast_arm(POOL, job, value).makespan_s - value["pool_start_s"]
    capacity = job.datapoints / run_s * DAY_S if run_s else math.inf
    datapoint_usd = arm_forecasts.usd(arm, job, table) / job.datapoints
    if datapoint_usd * capacity <= instance_usd:
        return math.nan  # even a busy instance costs more a datapoint
    return math.ceil(instance_usd / datapoint_usd)
