"""Predict a job on AWS: every part of a plan, as data that JSON can hold.

Small jobs are simulated event by event, each replica with inputs drawn from their spread; larger ones are
predicted by the fluid model, with as many draws. Intervals are from 5 to 95 % of them.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from lambdist_lib.cloud.limits import FACTS
from lambdist_lib.costs import assumptions
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.formatting import percent
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.arm_forecasts import SINGLE_NODE, forecast_arm
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import build, drawn, require_time, values
from lambdist_lib.planner.plan_warnings import plan_warnings
from lambdist_lib.planner.settings_search import SettingForecast
from lambdist_lib.planner.simulation.engine import replicate
from lambdist_lib.planner.system import System

MAX_SIMULATED = 5_000  # requests and invocations of a job that is simulated
EVENTS = 20_000  # receives of all replicas together: a fraction of a second
MIN_REPLICAS, MAX_REPLICAS, DRAWS = 20, 200, 200
TARGET = "AWS, predicted"
Draw = Callable[[random.Random], System]
MEASURES: dict[str, Callable[[Any], float]] = {  # of a simulated run or a forecast
    "makespan_s": lambda run: run.makespan_s,
    "peak_concurrency": lambda run: run.peak,
    "cold_share": lambda run: run.cold / run.invocations,
    "dead": lambda run: run.dead,
    "invocations": lambda run: run.invocations,
    "receives": lambda run: run.receives,
    "api_throttles": lambda run: run.api_throttles,
    "lambda_throttles": lambda run: run.lambda_throttles,
    "table_throttles": lambda run: run.table_throttles,
}


def predict(job: Job, table: Table, *, seed: int = 0, free_tier: bool = False) -> dict[str, Any]:
    """Predict a job.

    Args:
        table: Limits and prices (`assumptions.load`), calibrated where a run exists.

    Returns:
        The plan. Where `possible` is False, `obstacles` say why, and all times are those of a job without
        them.

    Raises:
        UsageError: A datapoint or a batch takes longer than the processor's timeout.
    """
    value = values(table)
    system = build(job, value)
    require_time(job, system, value)
    asked = settings_search.evaluate(job, table, free_tier=free_tier)
    forecast = asked.forecast
    spread = spread_of(lambda rng: build(job, drawn(table, rng)), forecast, seed)
    makespan_s = spread["makespan_s"]["value"]
    return {
        "target": TARGET,
        "possible": not asked.obstacles,
        "obstacles": list(asked.obstacles),
        "job": {"datapoints": job.datapoints, "work": str(job.work), "fault": str(job.fault),
                **asked.settings(), "maximum_concurrency": job.processors},
        **spread,
        "fluid_makespan_s": forecast.makespan_s,
        "enqueued_s": forecast.enqueued_s,
        # plans on disk call the bottleneck `binding`
        "binding": dict(zip(("limit", "share"), settings_search.bottleneck(forecast), strict=True)),
        "phases": [asdict(phase) for phase in forecast.phases],
        "single_node": _against_single_node(job, system, draws(table, seed), makespan_s),
        "cost": _cost(asked, job),
        "settings": _settings(job, table, makespan_s, free_tier),
        "warnings": [*asked.obstacles, *plan_warnings(job, system, forecast, table)],
        "inputs": [row for row in assumptions.rows(table) if row["name"] not in FACTS],
    }  # fmt: skip


def _against_single_node(
    job: Job, system: System, drawn_values: Sequence[dict[str, float]], makespan_s: float
) -> dict[str, Any]:
    """Compare the plan with one Lambda after the other, and with the fastest way of sending.

    All three times are medians over drawn inputs: where an input's spread is skewed, such as the network's,
    each time lies above that of the inputs' own values.
    """
    single_s = statistics.median(
        forecast_arm(SINGLE_NODE, job, value, warm=False).makespan_s for value in drawn_values
    )
    best_s = statistics.median(ceiling(build(job, value))[0] for value in drawn_values)
    return {
        "makespan_s": single_s,
        "speedup": single_s / makespan_s,
        "ceiling": single_s / best_s,
        "ceiling_limit": ceiling(system)[1],
    }


def draws(table: Table, seed: int) -> list[dict[str, float]]:
    """Return DRAWS values of each limit, drawn from its spread."""
    return [drawn(table, random.Random(f"{seed}:{k}")) for k in range(DRAWS)]


def spread_of(draw: Draw, forecast: fluid_forecast.Forecast, seed: int) -> dict[str, Any]:
    """Predict with drawn inputs.

    Returns:
        The `method`, and for each of MEASURES its median (`value`) with 5 and 95 % (`low`, `high`).
    """
    if forecast.requests + forecast.invocations <= MAX_SIMULATED:
        replicas = max(MIN_REPLICAS, min(MAX_REPLICAS, round(EVENTS / forecast.receives)))
        runs = replicate(draw, replicas=replicas, seed=seed)
        return {"method": f"exact simulation, {replicas} replicas", **_intervals(runs)}
    forecasts = [fluid_forecast.predict(draw(random.Random(f"{seed}:{k}"))) for k in range(DRAWS)]
    return {"method": f"fluid model, {DRAWS} draws of its inputs", **_intervals(forecasts)}


def _intervals(runs: Sequence[Any]) -> dict[str, dict[str, float]]:
    return {name: interval_of([measure(run) for run in runs]) for name, measure in MEASURES.items()}


def interval_of(numbers: list[float]) -> dict[str, float]:
    """Return the median as `value`, and 5 and 95 % as `low` and `high`."""
    ends = statistics.quantiles(numbers, n=20, method="inclusive")
    return {"value": statistics.median(numbers), "low": ends[0], "high": ends[-1]}


def ceiling(system: System) -> tuple[float, str]:
    """Return the least makespan of any way of sending, and its bottleneck.

    All datapoints are queued at once, without overhead, failures or limits of the table.
    """
    ideal = replace(
        system, senders=0, overhead_s=0.0, init_s=0.0, queue_batch=1, p_fail=0.0, p_slow=0.0, p_crash=0.0,
        p_crash_after=0.0, p_duplicate=0.0, writes_per_s=math.inf,
    )  # fmt: skip
    forecast = fluid_forecast.predict(ideal)
    longest = max(forecast.phases, key=lambda phase: phase.length_s)
    return forecast.makespan_s, longest.limit


def _cost(asked: SettingForecast, job: Job) -> dict[str, Any]:
    per_million = 1e6 / job.datapoints
    by_service: dict[str, float] = {}
    for line in asked.bill:
        by_service[line.service] = by_service.get(line.service, 0.0) + line.usd
    rows = [
        {
            "service": service,
            "usd": usd,
            "share": usd / asked.usd if asked.usd else 0.0,
            "per_million_usd": usd * per_million,
        }
        for service, usd in by_service.items()
    ]
    return {
        "usd": asked.usd,
        "per_million_usd": asked.usd * per_million,
        "by_service": rows,
        "lines": [line._asdict() for line in asked.bill],
    }


def _settings(job: Job, table: Table, makespan_s: float, free_tier: bool) -> dict[str, Any]:
    """Name the fastest and the cheapest setting.

    The ratio of the plan's makespan to its fluid makespan scales theirs, so that all three can be compared.
    """
    forecasts = settings_search.search(job, table, free_tier=free_tier)
    asked = forecasts[0]
    fast, cheap = settings_search.fastest(forecasts), settings_search.cheapest(forecasts)
    scale = makespan_s / asked.forecast.makespan_s
    dearest = max(cheap.bill, key=lambda line: line.usd)
    limit, share = settings_search.bottleneck(fast.forecast)
    if cheap.usd < asked.usd and not asked.obstacles:
        saving = f"{asked.usd / cheap.usd:.3g} times less than the setting asked for"
    else:
        saving = "as asked for" if cheap is asked else "the cheapest setting that can finish"
    of_time, of_cost = percent(round(share, 2)), percent(round(dearest.usd / cheap.usd, 2))
    return {
        "tried": len(forecasts),
        "fastest": {**_brief(fast, scale), "reason": f"bottleneck for {of_time} of it: {limit}; no setting "
                    "tried is faster, and this is the cheapest of the fastest"},
        "cheapest": {**_brief(cheap, scale), "reason": f"{saving}; {dearest.service} {dearest.what} are "
                     f"{of_cost} of its cost, and this is the fastest of the cheapest"},
    }  # fmt: skip


def _brief(setting: SettingForecast, scale: float) -> dict[str, Any]:
    return {
        **setting.settings(),
        "makespan_s": setting.forecast.makespan_s * scale,
        "usd": setting.usd,
        "possible": not setting.obstacles,
    }
