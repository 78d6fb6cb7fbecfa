"""A plan for people to read."""

from typing import Any

from lambdist_lib.formatting import duration, money
from lambdist_lib.planner.fluid.phases import ACCOUNT

BRIEF = 0.001  # of the makespan: phases that are shorter are left out here, --json has them
THROTTLED = {"api": "requests", "lambda": "invocations", "table": "batches' writes"}


def format_plan(plan: dict[str, Any]) -> str:
    """A page of text from what `answer.answer` returns."""
    parts = (_outcome, _phases, _local_cloud, _costs, _settings, _inputs)
    return "\n".join(line for part in parts for line in part(plan))


def _outcome(plan: dict[str, Any]) -> list[str]:
    job, single = plan["job"], plan["single_node"]
    span = plan["makespan_s"]
    lines = [
        f"{job['datapoints']:,} datapoints, work {job['work']}, fault {job['fault']}: {job['chunks']:,} "
        f"senders, {job['request_batch']} a request, {job['queue_batch']} a batch, {job['memory_mb']} MB, "
        f"at most {job['maximum_concurrency']} processors",
        f"target      {plan['target']}; {plan['method']}",
        f"makespan    {duration(span['value'])}  "
        f"(5 to 95 %: {duration(span['low'])} to {duration(span['high'])})",
        f"one node    {duration(single['makespan_s'])}: speedup {single['speedup']:,.1f}, at most "
        f"{single['ceiling']:,.1f} whatever is sent how ({single['ceiling_limit']})",
        f"at once     {plan['peak_concurrency']['value']:,.0f} processors at the peak; "
        f"{plan['cold_share']['value']:.2%} of {plan['invocations']['value']:,.0f} invocations cold",
        f"dead        {plan['dead']['value']:,.3g} datapoints ({plan['dead']['low']:,.3g} to "
        f"{plan['dead']['high']:,.3g}); {plan['receives']['value'] / job['datapoints']:.3f} receives each",
    ]
    said = ", ".join(f"{plan[f'{name}_throttles']['value']:,.0f} {of}" for name, of in THROTTLED.items())
    competing = any(phase["limit"] == ACCOUNT for phase in plan["phases"])
    least = "at least " if competing and plan["method"].startswith("fluid") else ""
    return [*lines, f"throttled   {least}{said}"]


def _phases(plan: dict[str, Any]) -> list[str]:
    least_s = plan["fluid_makespan_s"] * BRIEF
    phases = [one for one in plan["phases"] if one["end_s"] - one["begin_s"] >= least_s]
    return [
        f"{'binds' if not place else '':<11} {phase['limit']}, from {duration(phase['begin_s'])} to "
        f"{duration(phase['end_s'])}" + (f", {phase['per_s']:,.0f} datapoints/s" if phase["per_s"] else "")
        for place, phase in enumerate(phases)
    ]


def _local_cloud(plan: dict[str, Any]) -> list[str]:
    if "local_cloud" not in plan:
        return []
    there = plan["local_cloud"]
    span = there["makespan_s"]
    said = f"{duration(span['value'])}  (5 to 95 %: {duration(span['low'])} to {duration(span['high'])})"
    return [
        f"local cloud {said} on this machine, warm; {there['binding']['limit']} binds, {there['method']}",
        *(f"{'':<11} {text}" for text in there["warnings"]),
    ]


def _costs(plan: dict[str, Any]) -> list[str]:
    cost = plan["cost"]
    parts = [one for one in cost["by_service"] if one["usd"] > 0]
    parts = sorted(parts, key=lambda one: -one["usd"])
    said = ", ".join(f"{one['service']} {money(one['usd'])}" for one in parts)
    return [f"cost        {money(cost['usd'])} USD, {cost['per_million_usd']:.3g} a million: {said}"]


def _settings(plan: dict[str, Any]) -> list[str]:
    lines = []
    for name in ("fastest", "cheapest"):
        one = plan["settings"][name]
        lines.append(
            f"{name:<11} --chunks {one['chunks']} --request-batch {one['request_batch']} --queue-batch "
            f"{one['queue_batch']} --memory-mb {one['memory_mb']}: {duration(one['makespan_s'])}, "
            f"{money(one['usd'])} USD"
        )
        lines.append(f"{'':<11} {one['reason']}")
    return lines


def _inputs(plan: dict[str, Any]) -> list[str]:
    classes: dict[str, list[str]] = {}
    for one in plan["inputs"]:
        if not one["name"].startswith(("price_", "free_")):
            classes.setdefault(one["provenance"], []).append(one["name"])
    lines = [f"{'inputs' if not place else '':<11} {name}: {', '.join(classes[name])}"
             for place, name in enumerate(classes)]  # fmt: skip
    return [*lines, *(f"note        {text}" for text in plan["warnings"])]
