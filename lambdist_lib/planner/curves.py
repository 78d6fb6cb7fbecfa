"""A plan over time, over sizes and over settings, as tables for figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.formatting import duration, money
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast as fluid_forecast
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.fluid.retries import failing
from lambdist_lib.planner.job import Job, build, values
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System

POINTS = 60  # of each stretch of a curve
EXACT_MOST = 100_000  # requests and invocations that are simulated for a curve
EXACT, FLUID = "exact simulation", "fluid model"


def backlog_over_time(job: Job, table: Table, *, seed: int = 0) -> list[pd.DataFrame]:
    """`over_time` by the fluid, and by the simulation where that takes a second or two."""
    system = build(job, values(table))
    forecast = fluid_forecast.predict(system)
    small = forecast.requests + forecast.invocations <= EXACT_MOST
    return [over_time(system), *([over_time(system, exact=True, seed=seed)] if small else [])]


def over_time(system: System, *, exact: bool = False, seed: int = 0) -> pd.DataFrame:
    """Backlog and concurrency.

    Args:
        exact: By one run of the simulation, which takes as long as it is large; else by the fluid.

    Returns:
        One row per instant: `at_s` since the first send, datapoints `waiting` and `done`, batches
        `running`; the `limit` that binds (of the fluid) and the `model`.
    """
    return _simulated(system, seed) if exact else _flowing(system)


def _simulated(system: System, seed: int) -> pd.DataFrame:
    samples = simulate(system, seed=seed, timeline=True).timeline
    return pd.DataFrame(samples, columns=["at_s", "waiting", "running", "done"]).assign(limit="", model=EXACT)


def _flowing(system: System) -> pd.DataFrame:
    entry, again = phases.entry_of(system), failing(system)
    found = phases.Flow(system, entry, again)
    found.phases()
    rows, done = [], 0.0
    for step in found.steps:
        t = np.linspace(0, step.length_s, POINTS)
        out = step.rate * t + step.slope * t**2 / 2
        busy = (step.rate + step.slope * t) * step.busy_s
        starved = step.limit == entry.limit  # messages are taken as they come
        slots = (
            step.slots + step.growth * t if step.limit == phases.TABLE else busy
        )  # they wait for the table
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
    """The same job at several sizes.

    Args:
        plans: What `answer.answer` returns.

    Returns:
        One row per plan: `datapoints`, `makespan_s` with `low_s` and `high_s`, the `method`, the `limit` that
        binds for a `share` of it, `peak_concurrency`, `cold_share`, `dead`, `usd`, `per_million_usd`,
        `single_node_s`, `speedup` and its `ceiling`.
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
    """Of the largest size."""
    most = sizes.iloc[-1]
    return (
        f"{most['datapoints']:,} datapoints would take {duration(most['makespan_s'])} on AWS "
        f"({duration(most['low_s'])} to {duration(most['high_s'])}) and cost {money(most['usd'])} USD; "
        f"{most['limit']} binds for {most['share']:.0%} of it. One node would take "
        f"{duration(most['single_node_s'])}: {most['speedup']:,.0f} times as long; no way of sending makes "
        f"it more than {most['ceiling']:,.0f}"
    )


def by_settings(job: Job, table: Table) -> pd.DataFrame:
    """Time and cost of each setting that the planner can vary.

    Returns:
        One row per setting: `chunks`, `request_batch`, `queue_batch`, `memory_mb`, `makespan_s`, `usd`, the
        `limit` that binds, and whether it is `on_front`: none is both faster and cheaper. `name` is
        of "asked for", "fastest" and "cheapest" what it is, or "".
    """
    looks = settings_search.search(job, table)
    named = {
        "asked for": settings_search.evaluate(job, table).settings(),
        "fastest": settings_search.fastest(looks).settings(),
        "cheapest": settings_search.cheapest(looks).settings(),
    }
    rows = [
        {
            **one.settings(),
            "makespan_s": one.forecast.makespan_s,
            "usd": one.usd,
            "limit": settings_search.binding(one.forecast)[0],
            "name": ", ".join(name for name, other in named.items() if one.settings() == other),
        }
        for one in looks
    ]
    found = pd.DataFrame(rows).sort_values(["makespan_s", "usd"], ignore_index=True)
    found["on_front"] = found["usd"] < found["usd"].cummin().shift(1, fill_value=np.inf)
    return found
