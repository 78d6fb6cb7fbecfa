"""Tabulate a plan over time, sizes and settings, for figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.formatting import counted, duration, faster, money, percent
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.fluid.retries import failing
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import build, values
from lambdist_lib.planner.limit_words import limit_in_words
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System

POINTS = 60  # of each step of a curve
MAX_SIMULATED = 100_000  # requests and invocations that are simulated for a curve
EXACT, FLUID = "exact simulation", "fluid model"


def backlog_over_time(job: Job, table: Table, *, seed: int = 0) -> list[pd.DataFrame]:
    """Return backlog and concurrency over time by the fluid model, and by one simulation of a small job.

    Returns:
        Tables of one row per instant: `at_s` since the first send, datapoints `waiting` and `done`, batches
        `running`; the bottleneck as `limit` (fluid model only) and the `model`.
    """
    system = build(job, values(table))
    forecast = fluid_forecast.predict(system)
    is_small = forecast.requests + forecast.invocations <= MAX_SIMULATED
    return [by_fluid_model(system), *([by_simulation(system, seed=seed)] if is_small else [])]


def by_simulation(system: System, *, seed: int = 0) -> pd.DataFrame:
    """Return backlog and concurrency of one simulated run; slow for large jobs."""
    samples = simulate(system, seed=seed, timeline=True).timeline
    return pd.DataFrame(samples, columns=["at_s", "waiting", "running", "done"]).assign(limit="", model=EXACT)


def by_fluid_model(system: System) -> pd.DataFrame:
    """Return backlog and concurrency as the fluid model predicts them."""
    entry, again = phases.entry_of(system), failing(system)
    flow = phases.Flow(system, entry, again)
    flow.phases()
    rows, done = [], 0.0
    for step in flow.steps:
        t = np.linspace(0, step.length_s, POINTS)
        out = step.rate * t + step.slope * t**2 / 2
        busy = (step.rate + step.slope * t) * step.busy_s
        starved = step.limit == entry.limit  # no message waits
        waits_for_table = step.limit == phases.TABLE
        slots = step.slots + step.growth * t if waits_for_table else busy
        blocked = (slots - busy) * system.queue_batch
        left = np.maximum(step.waiting + step.arriving * t - out - blocked, 0.0)
        rows.append(
            pd.DataFrame(
                {
                    "at_s": entry.begin_s + step.begin_s + t,
                    "waiting": 0.0 if starved else left,
                    "running": slots,
                    "done": (done + out) / again.receives,
                    "limit": step.limit,
                    "model": FLUID,
                }
            )
        )
        done += out[-1]
    return pd.concat(rows, ignore_index=True)


def by_size(plans: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Tabulate the same job at several sizes.

    Args:
        plans: What `predict.predict` returns.

    Returns:
        One row per plan: `datapoints`, `makespan_s` with `low_s` and `high_s`, the `method`, the bottleneck
        as `limit` with its `share` of the makespan, `peak_concurrency`, `cold_share`, `dead`, `usd`,
        `per_million_usd`, `single_node_s`, `speedup` and its `ceiling`.
    """
    return pd.DataFrame([_size(plan) for plan in plans])


def _size(plan: dict[str, Any]) -> dict[str, Any]:
    span, single = plan["makespan_s"], plan["single_node"]
    return {
        "datapoints": plan["job"]["datapoints"],
        "makespan_s": span["value"],
        "low_s": span["low"],
        "high_s": span["high"],
        "method": plan["method"].partition(",")[0],
        **plan["binding"],
        **{name: plan[name]["value"] for name in ("peak_concurrency", "cold_share", "dead")},
        "usd": plan["cost"]["usd"],
        "per_million_usd": plan["cost"]["per_million_usd"],
        "single_node_s": single["makespan_s"],
        "speedup": single["speedup"],
        "ceiling": single["ceiling"],
    }


def sentence(sizes: pd.DataFrame) -> str:
    """Summarise the largest size in a sentence."""
    largest = sizes.iloc[-1]
    return (
        f"{counted(largest['datapoints'], 'datapoints')} would take {duration(largest['makespan_s'])} on AWS "
        f"({duration(largest['low_s'])} to {duration(largest['high_s'])}) and cost {money(largest['usd'])} "
        f"USD; the bottleneck is {limit_in_words(largest['limit'])}, for "
        f"{percent(round(largest['share'], 2))} of the time. "
        f"One node would take {duration(largest['single_node_s'])}: the fan-out is "
        f"{faster(largest['speedup'])}, and {faster(largest['ceiling'])} at best, however it is sent"
    )


def by_settings(job: Job, table: Table) -> pd.DataFrame:
    """Tabulate time and cost of each setting that the planner can vary.

    Returns:
        One row per setting: `chunks`, `processors`, `request_batch`, `queue_batch`, `memory_mb`,
        `makespan_s`, `usd`, the bottleneck as `limit`, and `on_front`: no setting is both faster and
        cheaper. `name` is "asked for", "fastest" and "cheapest" as they apply, or "".
    """
    forecasts = settings_search.search(job, table)
    distinct = {tuple(setting.settings().values()): setting for setting in forecasts}
    named = {
        "asked for": forecasts[0].settings(),
        "fastest": settings_search.fastest(forecasts).settings(),
        "cheapest": settings_search.cheapest(forecasts).settings(),
    }
    rows = [
        {
            **setting.settings(),
            "makespan_s": setting.forecast.makespan_s,
            "usd": setting.usd,
            "limit": settings_search.bottleneck(setting.forecast)[0],
            "name": ", ".join(name for name, other in named.items() if setting.settings() == other),
        }
        for setting in distinct.values()
    ]
    settings = pd.DataFrame(rows).sort_values(["makespan_s", "usd"], ignore_index=True)
    settings["on_front"] = settings["usd"] < settings["usd"].cummin().shift(1, fill_value=np.inf)
    return settings
