"""Runs with faults on a stack that is quick to retry, and what was planned beside what was found."""

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import requests

from lambdist_lib import paths
from lambdist_lib.cloud import emulator_gate
from lambdist_lib.data import datapoints
from lambdist_lib.protocol import contract, faults
from lambdist_lib.records import items as records_items
from lambdist_lib.results import tables
from lambdist_lib.runs import run as runs_run
from lambdist_lib.runs.conditions import Conditions

SETTINGS = {
    "experiment_controls": True,
    "retry_delay_seconds": 0,
    "processor_timeout_seconds": 2,  # a shorter one would also strike what a busy machine makes slow
    "visibility_timeout_seconds": 12,
    "dead_letter_timeout_seconds": 3,
    "dead_letter_visibility_seconds": 19,
    "digest_window_seconds": 1,
    "maximum_concurrency": 6,
}
MAP_WAIT_SCALE = 0.1  # of the delays before a map's retries, 1 s and doubling
VISIBILITY_S = 4  # what a crash costs its message; the templates' six times is advice for production
KINDS_OF = {"application": ("raise", "permanent"), "timeout": ("slow",), "poison": ("poison",)}
KINDS = ("raise", "permanent", "slow", "crash", "crash-after", "poison", "duplicate")

ORDER = (*KINDS, "throttle")
FOUND_AS = {
    "raise": "application",
    "permanent": "application",
    "slow": "timeout",
    "crash": "crash",
    "poison": "poison",
}


def hasten(deployed, queues=("QueueUrl", "DeadLetterQueueUrl"), visibility_s=VISIBILITY_S):
    """Have what failed tried again soon, by these queues and by maps; returns the same stack."""
    for output in queues:
        attributes = {"VisibilityTimeout": str(visibility_s)}
        deployed.client("sqs").set_queue_attributes(QueueUrl=deployed[output], Attributes=attributes)
    configure(deployed.target, **{"stepfunctions._SFN_WAIT_SCALE": MAP_WAIT_SCALE})
    return deployed


def configure(target, **settings):
    """Change settings of the emulator while it runs."""
    url, headers = f"{target.endpoint_url}/_ministack/config", {emulator_gate.KEY_HEADER: target.cloud.key}
    requests.post(url, json=settings, headers=headers, timeout=10).raise_for_status()


def run(deployed, name, fault, *, points=30, arm="distributed", chunks=2, **conditions):
    """One run; returns its row, records, items and truth (by n; {} without a fault)."""
    folder = paths.results() / "faults" / "runs" / name
    lines = datapoints.from_iterable([f"word-{n}" for n in range(points)])
    held = Conditions(retry_delay_s=0, chunks=chunks, fault=fault, **conditions)
    info = runs_run.new_run(deployed.target, deployed.stack, lines, folder, held, arm=arm)
    row = runs_run.run_once(deployed.target, deployed.stack, lines, folder, info)
    truth = {}
    if (folder / "truth.csv").exists():
        rows = csv.DictReader((folder / "truth.csv").read_text().splitlines())
        truth = {int(one["n"]): one for one in rows}
    items = records_items.items(deployed.target, deployed.stack, info.key)
    return row, tables.load(folder).set_index("n"), items, truth


def run_all(deployed, plans, **options):
    """Several runs at once on one stack, by name: their waits overlap."""
    with ThreadPoolExecutor(len(plans)) as pool:
        names = {name: pool.submit(run, deployed, name, fault, **options) for name, fault in plans.items()}
        return {name: running.result() for name, running in names.items()}


def require_balanced(row):
    """Every datapoint is stored or dead: nothing rejected, unsent, in flight or lost."""
    assert row["stored"] + row["dead"] == row["submitted"]
    assert sum(row[outcome] for outcome in contract.OUTCOMES) == row["submitted"]


def differences(found):
    """Datapoints that did not go the way that was told; with those that came again early, by n.

    A busy machine may need longer for a cold start than a message stays hidden: then it comes
    again while it is processed. The draws stay the same, so outcome and causes must be as told,
    and there may be more failures and duplicates than told, never fewer.
    """
    row, table, items, truth = found
    plan = faults.parse_fault(row["fault"])
    wrong, again = {}, {}
    for n, told in truth.items():
        if not told["outcome"]:  # nobody's plan
            continue
        item = items.get(n, {})
        counts = {name: (int(told[name]), int(table[name][n])) for name in ("failures", "duplicates")}
        drawn = all(
            (plan.before_write(n, one["receive"]) or "poison") in KINDS_OF[one["class"]]
            for one in item.get("attempts", [])
        )
        if (
            table.outcome[n] != told["outcome"]
            or not drawn
            or any(had < want for want, had in counts.values())
        ):
            wrong[n] = {"told": told, "item": item}
        elif (
            any(want != had for want, had in counts.values())
            or int(told["receives"]) != table.receives[n]
            or len(item.get("started", [])) > int(told["receives"]) + int(told["duplicates"])  # and crashed
        ):
            again[n] = {"told": told, "item": item}
    return wrong, again


def traces(item):
    """What the receives of one datapoint left: attempts by class, and those that began and left nothing."""
    failed = Counter(one["class"] for one in item.get("attempts", []))
    worked = ("result" in item) + item.get("duplicates", 0)
    left = len(item.get("started", [])) - worked - failed["application"] - failed["timeout"]
    failed["crash"] = max(0, left)  # below 0 where the plan has no crash, and first tries are not marked
    return failed


def table_row(kind, p, found):
    """One line of the matrix: planned against found."""
    row, table, items, truth = found
    strikes, seen = Counter(), Counter()
    for n, told in truth.items():
        strikes.update(told["strikes"].split())
        seen.update(traces(items.get(n, {})))
    wrong, again = differences(found)
    duplicates = int(table["duplicates"].sum())
    begun = sum(len(item.get("started", [])) for item in items.values())
    met = seen[FOUND_AS[kind]] if kind in FOUND_AS else duplicates
    if kind == "throttle":
        met = int(table["receives"].sum()) - begun
    return {
        "fault": kind,
        "p": p,
        "strikes planned": "" if kind == "throttle" else strikes[kind],
        "strikes found": met,
        "dead planned": "" if kind == "throttle" else sum(one["outcome"] == "dead" for one in truth.values()),
        "dead found": row["dead"],
        "duplicates planned": sum(int(one["duplicates"]) for one in truth.values()),
        "duplicates found": duplicates,
        "otherwise than planned": len(wrong),
        "came again early": len(again),
        "stored + dead": row["stored"] + row["dead"],
    }


def as_markdown(rows):
    table = pd.DataFrame(rows)
    lines = [" | ".join(table.columns), " | ".join("---" for _ in table.columns)]
    lines += [" | ".join(str(value) for value in row) for row in table.itertuples(index=False)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"
