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
    held: Conditions,
    arms: Sequence[str],
    datapoints: int,
    runs: int,
    settings: Mapping[str, Any],
    *,
    budget_usd: float,
    yes: bool,
) -> None:
    """Show the cost of an experiment on AWS, and ask for consent.

    Arguments and errors are those of `estimate_usage`, `preflight.inspect` and `preflight.confirm`.
    """
    planned = estimate_usage(held, arms, datapoints, runs, settings)
    found = inspect(target, {**held.settings(), **settings}, planned=planned, chunks=held.chunks)
    confirm(found, budget_usd=budget_usd, yes=yes)


def estimate_usage(
    held: Conditions, arms: Sequence[str], datapoints: int, runs: int, settings: Mapping[str, Any]
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
            "chunks": held.chunks,
            "request_batch": held.request_batch,
            "queue_batch": held.queue_batch,
            "memory_mb": held.memory_mb,
            "work_s": parse_work(held.work).seconds,
            "receives": int(settings.get("max_receives", 5)),
            "processors": held.width,
            "mailed": bool(settings.get("notify_email")),
            "standard_children": settings.get("map_children") == map_counts.STANDARD,
        }
        rates: dict[str, Any] = dict(estimate.failure_rates(held.fault, datapoints, arm=arm))
        measured = estimate.predict(table, datapoints=datapoints, **of_arm, **rates)
        warm = estimate.predict(table, datapoints=held.chunks * WARM_UP_ROUNDS, **of_arm)
        total += bill.total(measured).times(runs) + bill.total(warm).times(WARM_UPS)
    return total
