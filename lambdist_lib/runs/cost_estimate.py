"""Estimate an experiment's usage and cost before it starts."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.costs import assumptions, bill, estimate, map_counts
from lambdist_lib.costs.bill import Usage
from lambdist_lib.deployment.preflight import confirm, inspect
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.faults import parse_work
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.warm_up import WARM_UP_ROUNDS

WARM_UPS = 2  # of each arm: as a rule enough


def confirm_experiment(
    target: Target,
    conditions: Conditions,
    arms: Sequence[str],
    datapoints: int,
    runs: int,
    settings: Mapping[str, Any],
    *,
    budget_usd: float,
    yes: bool | None,
) -> None:
    """Show the cost of an experiment on AWS, and ask for consent; the local cloud needs none.

    Arguments and errors are those of `estimate_usage`, `preflight.inspect` and `preflight.confirm`.
    """
    if target.name != "aws":
        return
    planned = estimate_usage(conditions, arms, datapoints, runs, settings)
    inspected = inspect(
        target, {**conditions.settings(), **settings}, planned=planned, chunks=conditions.chunks
    )
    confirm(inspected, budget_usd=budget_usd, yes=yes)


def estimate_usage(
    conditions: Conditions, arms: Sequence[str], datapoints: int, runs: int, settings: Mapping[str, Any]
) -> Usage:
    """Estimate what an experiment will use, warm-ups included.

    Args:
        runs: Of each arm.
        settings: Of the stacks, beside the conditions.
    """
    table, total = assumptions.load(), Usage()
    for arm in arms:
        if not ARMS[arm].stack:
            continue
        of_arm: dict[str, Any] = {
            "arm": arm,
            "chunks": conditions.chunks,
            "request_batch": conditions.request_batch,
            "queue_batch": conditions.queue_batch,
            "memory_mb": conditions.memory_mb,
            "work_s": parse_work(conditions.work).seconds,
            "receives": int(settings.get("max_receives", 5)),
            "processors": conditions.width,
            "mailed": bool(settings.get("notify_email")),
            "standard_children": settings.get("map_children") == map_counts.STANDARD,
        }
        rates: dict[str, Any] = dict(estimate.failure_rates(conditions.fault, datapoints, arm=arm))
        measured = estimate.predict(table, datapoints=datapoints, **of_arm, **rates)
        warm = estimate.predict(table, datapoints=conditions.chunks * WARM_UP_ROUNDS, **of_arm)
        total += bill.total(measured).times(runs) + bill.total(warm).times(WARM_UPS)
    return total
