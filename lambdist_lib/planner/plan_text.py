"""Format a plan as a page of text."""

from typing import Any

from lambdist_lib.cloud.limits import LIMITS
from lambdist_lib.formatting import counted, duration, money, number, percent, wrapped_to
from lambdist_lib.planner.fluid.phases import ACCOUNT
from lambdist_lib.planner.limit_words import LIMIT_WORDS, OPTIONS, limit_with_option

INDENT = " " * 12  # as wide as a line's label
BRIEF = 0.001  # of the makespan: shorter phases are left out here; --json has them
CLOSE = 0.1  # of the makespan: a fluid model that differs by more is told apart from it
THROTTLED = {"api": "requests", "lambda": "invocations", "table": "batches' writes"}


def format_plan(plan: dict[str, Any], *, width: int = 0, verbose: bool = False) -> str:
    """Return a page of text.

    Args:
        plan: What `predict.predict` or `plan.plan` returns. A plan that cannot finish begins with the
            obstacles and has neither makespan nor cost.
        width: Columns to wrap at, 0 for none.
        verbose: Also tell where each number comes from.
    """
    finishing = (_outcome, _phases, _local_cloud, _costs) if plan["possible"] else ()
    parts = (_obstacles, _job, *finishing, _settings, *([_inputs] if verbose else []), _notes)
    lines = [line for part in parts for line in part(plan)]
    return "\n".join(wrapped_to(width, line, indent=INDENT) if width else line for line in lines)


def _obstacles(plan: dict[str, Any]) -> list[str]:
    return [f"{'cannot run' if not place else '':<11} {text}" for place, text in enumerate(plan["obstacles"])]


def _job(plan: dict[str, Any]) -> list[str]:
    job = plan["job"]
    return [
        f"{'job':<11} {counted(job['datapoints'], 'datapoints')}, work {job['work']}, fault {job['fault']}: "
        f"{counted(job['chunks'], 'senders')}, {job['request_batch']} a request, {job['queue_batch']} a "
        f"batch, {job['memory_mb']} MB, at most {job['processors']:,} processors",
        f"target      {plan['target']}; {plan['method']}",
    ]


def _span(span: dict[str, float]) -> str:
    low, high = duration(span["low"]), duration(span["high"])
    return f"{duration(span['value'])}  (5 to 95 %: {low} to {high})"


def _outcome(plan: dict[str, Any]) -> list[str]:
    job, single = plan["job"], plan["single_node"]
    receives = number(plan["receives"]["value"] / job["datapoints"])
    lines = [
        f"makespan    {_span(plan['makespan_s'])}",
        f"one node    {duration(single['makespan_s'])}: speedup {single['speedup']:,.1f}, at most "
        f"{single['ceiling']:,.1f} however it is sent: {limit_with_option(single['ceiling_limit'])}",
        f"at once     {plan['peak_concurrency']['value']:,.0f} processors at the peak; "
        f"{percent(plan['cold_share']['value'])} of {plan['invocations']['value']:,.0f} invocations cold",
        f"dead        {plan['dead']['value']:,.3g} datapoints ({plan['dead']['low']:,.3g} to "
        f"{plan['dead']['high']:,.3g}); {receives} receives each",
    ]
    throttles = ", ".join(
        f"{plan[f'{name}_throttles']['value']:,.0f} {noun}" for name, noun in THROTTLED.items()
    )
    competing = any(phase["limit"] == ACCOUNT for phase in plan["phases"])
    bound = "at least " if competing and plan["method"].startswith("fluid") else ""
    return [*lines, f"throttled   {bound}{throttles}"]


def _phases(plan: dict[str, Any]) -> list[str]:
    brief_s = plan["fluid_makespan_s"] * BRIEF
    shown = [phase for phase in plan["phases"] if phase["end_s"] - phase["begin_s"] >= brief_s]
    lines = [
        f"{'bottleneck' if not place else '':<11} {limit_with_option(phase['limit'])}, "
        f"from {duration(phase['begin_s'])} to {duration(phase['end_s'])}"
        + (f", {phase['per_s']:,.0f} datapoints/s" if phase["per_s"] else "")
        for place, phase in enumerate(shown)
    ]
    if abs(plan["fluid_makespan_s"] / plan["makespan_s"]["value"] - 1) > CLOSE:
        all_s = duration(plan["fluid_makespan_s"])
        lines.append(
            f"{'':<11} these times are the fluid model's with every input at its value: {all_s} in all"
        )
    return lines


def _local_cloud(plan: dict[str, Any]) -> list[str]:
    if "local_cloud" not in plan:
        return []
    local = plan["local_cloud"]
    return [
        f"local cloud {_span(local['makespan_s'])} on this machine, warm; bottleneck: "
        f"{limit_with_option(local['binding']['limit'])}; {local['method']}",
        *(f"{'':<11} {text}" for text in local["warnings"]),
    ]


def _costs(plan: dict[str, Any]) -> list[str]:
    cost = plan["cost"]
    services = sorted(
        (row for row in cost["by_service"] if row["usd"] > 0), key=lambda row: -float(row["usd"])
    )
    parts = ", ".join(f"{row['service']} {money(row['usd'])}" for row in services)
    return [f"cost        {money(cost['usd'])} USD, {cost['per_million_usd']:.3g} a million: {parts}"]


def _settings(plan: dict[str, Any]) -> list[str]:
    lines = []
    for name in ("fastest", "cheapest"):
        setting = plan["settings"][name]
        if not setting["possible"]:
            lines.append(f"{name:<11} no setting tried can finish")
            continue
        lines.append(
            f"{name:<11} --chunks {setting['chunks']} --processors {setting['processors']} --request-batch "
            f"{setting['request_batch']} --queue-batch {setting['queue_batch']} --memory-mb "
            f"{setting['memory_mb']}: {duration(setting['makespan_s'])}, {money(setting['usd'])} USD"
        )
        lines.append(f"{'':<11} {_reason(setting['reason'])}")
    return lines


def _reason(text: str) -> str:
    for limit in {**LIMIT_WORDS, **OPTIONS}:
        text = text.replace(f": {limit};", f": {limit_with_option(limit)};")
    return text


def _inputs(plan: dict[str, Any]) -> list[str]:
    """Return a line for each number that is not a price, by its provenance."""
    rows = [row for row in plan["inputs"] if row["name"] in LIMITS]
    lines: list[str] = []
    for provenance in dict.fromkeys(row["provenance"] for row in rows):
        lines.append(f"{'' if lines else 'inputs':<11} {provenance}:")
        lines += [f"{'':<11} {_value(row)}" for row in rows if row["provenance"] == provenance]
    return [*lines, f"{'':<11} --limits FILE replaces any of them by its name; --json has their sources"]


def _value(row: dict[str, Any]) -> str:
    span = f" ({number(row['low'])} to {number(row['high'])})" if row["low"] < row["high"] else ""
    return f"{row['name']} {number(row['value'])}{span} {row['unit']}"


def _notes(plan: dict[str, Any]) -> list[str]:
    notes = [text for text in plan["warnings"] if text not in plan["obstacles"]]
    return [f"{'note':<11} {text}" for text in notes]
