"""Everything that a plan says, as data that JSON can hold.

Small jobs are simulated event by event, each replica with inputs drawn from their spread; larger ones are
predicted by the fluid model, with as many draws. Either way the interval is from 5 to 95 % of them.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from lambdist_lib.costs import bill
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.job import Job, build, drawn, require_time, values
from lambdist_lib.planner.plan_warnings import cautions
from lambdist_lib.planner.simulation.engine import replicate
from lambdist_lib.planner.system import System

EXACT_MOST = 5_000  # requests and invocations of a job that is simulated: a plan is to take a second or two
EVENTS = 200_000  # of all replicas together
REPLICAS_LEAST, REPLICAS_MOST, DRAWS = 40, 200, 200
TARGET = "AWS, predicted"
Draw = Callable[[random.Random], System]
OF_EACH: dict[str, Callable[[Any], float]] = {  # a simulated run, or a forecast
    "makespan_s": lambda one: one.makespan_s,
    "peak_concurrency": lambda one: one.peak,
    "cold_share": lambda one: one.cold / one.invocations,
    "dead": lambda one: one.dead,
    "invocations": lambda one: one.invocations,
    "receives": lambda one: one.receives,
    "api_throttles": lambda one: one.api_throttles,
    "lambda_throttles": lambda one: one.lambda_throttles,
    "table_throttles": lambda one: one.table_throttles,
}


def predict(job: Job, table: Table, *, seed: int = 0, free_tier: bool = False) -> dict[str, Any]:
    """Predict a job.

    Args:
        table: Limits and prices, calibrated or replaced where one has better (`limits.load`).

    Raises:
        UsageError: A datapoint or a batch takes longer than the processor's timeout.
    """
    value = values(table)
    system = build(job, value)
    require_time(job, system, value)
    here = settings_search.evaluate(job, table, free_tier=free_tier)
    forecast = here.forecast
    spread = spread_of(lambda rng: build(job, drawn(table, rng)), forecast, seed)
    single_s = single_node_s(job, system)
    best_s, best_limit = ceiling(system)
    return {
        "target": TARGET,
        "job": {"datapoints": job.datapoints, "work": str(job.work), "fault": str(job.fault),
                **here.settings(), "maximum_concurrency": system.maximum_concurrency},
        **spread,
        "fluid_makespan_s": forecast.makespan_s,
        "enqueued_s": forecast.enqueued_s,
        "binding": dict(zip(("limit", "share"), settings_search.binding(forecast), strict=True)),
        "phases": [asdict(phase) for phase in forecast.phases],
        "single_node": {
            "makespan_s": single_s,
            "speedup": single_s / spread["makespan_s"]["value"],
            "ceiling": single_s / best_s,
            "ceiling_limit": best_limit,
        },
        "cost": _cost(here, job),
        "settings": _settings(job, table, here, free_tier),
        "warnings": cautions(job, system, forecast, table),
        "inputs": [{"name": name, **asdict(one)} for name, one in table.items()],
    }  # fmt: skip


def spread_of(draw: Draw, forecast: fluid_forecast.Forecast, seed: int) -> dict[str, Any]:
    """By which method, and what it gives: the median of each number, and its 5 to 95 %."""
    if forecast.requests + forecast.invocations <= EXACT_MOST:
        replicas = max(REPLICAS_LEAST, min(REPLICAS_MOST, round(EVENTS / forecast.receives)))
        runs = replicate(draw, replicas=replicas, seed=seed)
        return {"method": f"exact simulation, {replicas} replicas", **_intervals(runs)}
    forecasts = [fluid_forecast.predict(draw(random.Random(f"{seed}:{k}"))) for k in range(DRAWS)]
    return {"method": f"fluid model, {DRAWS} draws of its inputs", **_intervals(forecasts)}


def _intervals(found: Sequence[Any]) -> dict[str, dict[str, float]]:
    return {name: _interval([of(one) for one in found]) for name, of in OF_EACH.items()}


def _interval(found: list[float]) -> dict[str, float]:
    ends = statistics.quantiles(found, n=20, method="inclusive")
    return {"value": statistics.median(found), "low": ends[0], "high": ends[-1]}


def single_node_s(job: Job, system: System) -> float:
    """The control: one sender, request by request, the same datapoints one after the other."""
    requests = math.ceil(job.datapoints / job.request_batch)
    tries = 1 / (1 - system.attempt_fails())  # a client's tries come at once
    slow_s = system.p_slow * (system.slow_s - system.item_s)
    return system.init_s + requests * system.request_s + job.datapoints * (system.item_s + slow_s) * tries


def ceiling(system: System) -> tuple[float, str]:
    """The least makespan that any sending could reach, and why: all is queued at once, free of overhead."""
    ideal = replace(
        system, senders=0, overhead_s=0.0, init_s=0.0, queue_batch=1, p_fail=0.0, p_slow=0.0, p_crash=0.0,
        p_crash_after=0.0, p_duplicate=0.0, writes_per_s=math.inf,
    )  # fmt: skip
    forecast = fluid_forecast.predict(ideal)
    longest = max(forecast.phases, key=lambda phase: phase.end_s - phase.begin_s)
    return forecast.makespan_s, longest.limit


def _cost(here: settings_search.SettingForecast, job: Job) -> dict[str, Any]:
    table = bill.by_service(here.bill, datapoints=job.datapoints)
    return {
        "usd": here.usd,
        "per_million_usd": here.usd / job.datapoints * 1e6,
        "by_service": table.to_dict("records"),
        "lines": [line._asdict() for line in here.bill],
    }


def _settings(
    job: Job, table: Table, here: settings_search.SettingForecast, free_tier: bool
) -> dict[str, Any]:
    looks = settings_search.search(job, table, free_tier=free_tier)
    fast, cheap = settings_search.fastest(looks), settings_search.cheapest(looks)
    dearest = max(cheap.bill, key=lambda line: line.usd)
    limit, share = settings_search.binding(fast.forecast)
    saved = (
        f"{here.usd / cheap.usd:.3g} times less than asked for" if cheap.usd < here.usd else "as asked for"
    )
    return {
        "tried": len(looks),
        "fastest": {**_brief(fast), "reason": f"{limit} binds for {share:.0%} of it; more senders, larger "
                    "batches or more memory make it no faster, and this is the cheapest such setting"},
        "cheapest": {**_brief(cheap), "reason": f"{saved}; {dearest.service} {dearest.what} are "
                     f"{dearest.usd / cheap.usd:.0%} of what is left, and this is the fastest such setting"},
    }  # fmt: skip


def _brief(one: settings_search.SettingForecast) -> dict[str, Any]:
    return {**one.settings(), "makespan_s": one.forecast.makespan_s, "usd": one.usd}
