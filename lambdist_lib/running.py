"""One run: one arm over one file once, from the first request to its folder.

results/<experiment_id>/runs/<run_id>/
    run.json  journal  receipts.csv  records.csv  invocations.csv  outputs.jsonl
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import journal, local_cloud, project, records, settling, stacks, submission
from lambdist_lib.contract import OUTCOMES, RUN_ID, STORED
from lambdist_lib.datapoints import Datapoints
from lambdist_lib.errors import RunError, UnfinishedError, UsageError
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target

OPENING_SENDERS = 4  # of a cold run on the local cloud: 100 environments at once keep two cores busy for 15 s
COLLECTOR_TRIES = 8  # of a request to the collector; the queue has a count of its own
COLLECTOR_BACKOFF_S = 0.2
WARM_UP = "-warm-up"  # end of the run ids that measure nothing


@dataclass(frozen=True, slots=True)
class Arm:
    """Which stack an arm uses, and whether it sends from one sender or from `chunks`."""

    stack: str
    parallel: bool


ARMS = {
    "distributed": Arm("distributed", True),
    "single_node": Arm("single_node", False),
    "single_node_parallel": Arm("single_node", True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is the same for every run that is to be compared.

    retry_delay_s: before the first retry of a failed datapoint, doubling; by the queue in the
    distributed arm, by the client in the others.
    """

    chunks: int = 20
    request_batch: int = 1
    queue_batch: int = 1
    memory_mb: int = 512
    work: str = "none"
    fault: str = "none"
    retry_delay_s: int = 1

    def settings(self) -> dict[str, Any]:
        """What they mean for the stacks (`templates`)."""
        return {
            "queue_batch": self.queue_batch,
            "memory_mb": self.memory_mb,
            "retry_delay_seconds": self.retry_delay_s,
            "experiment_controls": True,
        }


def run(
    target: Target,
    stack: Stack,
    arm: str,
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    temperature: str = "warm",
    pair: int = 0,
    experiment_id: str = "",
    watch: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Send, wait, collect; returns the run's row (`columns.RUNS`), whatever became of the datapoints.

    Args:
        folder: Made for this run; its name is the run id.

    Raises:
        RunError: There is such a run already.
        KeyboardInterrupt: What was measured is in the folder; the datapoints go on by themselves.
    """
    run_id = checked_run_id(folder.name)
    if folder.exists():
        raise RunError(f"there is a run {run_id} already; take another experiment id or remove its folder")
    folder.mkdir(parents=True)
    facts = {
        "experiment_id": experiment_id,
        "run_id": run_id,
        "pair": pair,
        "arm": arm,
        "temperature": temperature,
        "target": target.stamp,
        **asdict(conditions),
        "data": points.name,
        "sha256": points.sha256,
        "stack": stack.name,
        "code": stack.code,
        "state": "submitting",
    }
    _write_json(folder / "run.json", facts)
    plan = plan_of(target, stack, arm, conditions, temperature)
    try:
        tally = _submit(target, stack, points, plan, folder, watch)
        submitted = {"first_intended_at": tally.first_intended_at, "stopped": tally.stopped}
        _write_json(folder / "run.json", {**facts, "state": "settling", **submitted})
        ended = settling.await_settled(
            target,
            stack,
            run_id,
            expected=tally.accepted + tally.dead,
            watch=lambda queued: watch(f"{queued} queued"),
        )
    except BaseException:
        _write_json(folder / "run.json", {**facts, "state": "interrupted"})
        raise
    return collect(target, stack, points, folder, {**facts, **submitted}, ended)


def warm_up(
    target: Target, stack: Stack, arm: str, points: Datapoints, conditions: Conditions, name: str
) -> None:
    """Send datapoints that nobody measures, so that the environments an arm needs are there."""
    run_id = f"{name}-{arm[0]}{WARM_UP}"
    faultless = replace(conditions, fault="none")
    plan = replace(plan_of(target, stack, arm, faultless, "cold"), growth=1.0)
    api = stacks.api(target, stack)
    tally = submission.submit(points, api, plan, run_id=run_id, keep=lambda receipts: None)
    settling.await_settled(target, stack, run_id, expected=tally.accepted)


def plan_of(
    target: Target, stack: Stack, arm: str, conditions: Conditions, temperature: str
) -> submission.Plan:
    """How an arm sends. Without a queue the client tries again, as often and as slowly as the queue does."""
    queued = ARMS[arm].stack == "distributed"
    opening = OPENING_SENDERS if target.name == "local" and temperature == "cold" else None
    return submission.Plan(
        chunks=conditions.chunks if ARMS[arm].parallel else 1,
        request_batch=conditions.request_batch,
        work=conditions.work,
        fault=conditions.fault,
        tries=COLLECTOR_TRIES if queued else int(stack.outputs["MaxReceives"]),
        backoff_s=COLLECTOR_BACKOFF_S if queued else float(conditions.retry_delay_s),
        opening_senders=opening,
    )


def collect(
    target: Target,
    stack: Stack,
    points: Datapoints,
    folder: Path,
    facts: dict[str, Any],
    ended: settling.Settled,
) -> dict[str, Any]:
    """Gather a run's records, invocations and outputs into its folder; returns the run's row."""
    found = records.items(target, stack, folder.name)
    receipts = list(journal.read(folder / "journal"))
    table = records.join(folder.name, facts["arm"], points, receipts, found, queued=ended.queued)
    since = facts.get("first_intended_at") or ended.seen_at
    invocations = records.invocations(target, stack, folder.name, since, time.time())
    records.write_table(folder, "receipts", pd.DataFrame(receipts))
    records.write_table(folder, "records", table)
    records.write_table(folder, "invocations", invocations)
    records.write_outputs(folder / "outputs.jsonl", points, table, found)
    row = {**facts, **row_of(table, ended.seen_at), "state": "collected"}
    _write_json(folder / "run.json", row)
    return row


def row_of(table: pd.DataFrame, seen_at: float) -> dict[str, Any]:
    """A run's ledger and its times, from its records."""
    counts = table["outcome"].value_counts()
    began_at = table["intended_at"].min()
    stored_at = table.loc[table["outcome"] == STORED, "put_at"].max()
    return {
        "submitted": len(table),
        **{outcome: int(counts.get(outcome, 0)) for outcome in OUTCOMES},
        "started_at": began_at,
        "makespan_s": stored_at - began_at,
        "enqueued_s": table["answered_at"].max() - began_at,
        "seen_s": seen_at - began_at,
        "resumed": False,
    }


def fetch(run: str, *, region: str = "", profile: str = "") -> Path:
    """Collect a run again, whatever interrupted it; returns its folder.

    Raises:
        RunError: There is no such run here, or its data file changed since.
        TargetError: Its stack is gone, and with it what was not collected.
    """
    from lambdist_lib import datapoints, targets

    folder = find(run)
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if facts["state"] == "collected":
        return folder
    target = targets.connect(
        "local" if facts["target"] == "local cloud" else "aws", region=region, profile=profile
    )
    stack = stacks.describe(target, ARMS[facts["arm"]].stack, name=facts["stack"].rsplit("-", 1)[0])
    points = datapoints.read(facts["data"])
    if points.sha256 != facts["sha256"]:
        raise RunError(f"{facts['data']} is not the file that {run} was made from; put that one back")
    ended = settling.await_settled(target, stack, folder.name, expected=points.submitted)
    collect(target, stack, points, folder, facts, ended)
    return folder


def find(run: str) -> Path:
    """The folder of a run, by its id or its path.

    Raises:
        RunError: There is none.
    """
    for folder in [Path(run), *project.RESULTS.glob(f"*/runs/{run}")]:
        if (folder / "run.json").exists():
            return folder
    raise RunError(f"there is no run {run} under {project.shown(project.RESULTS)}/; see `lambdist runs`")


def uncollected(target: Target, stack: Stack) -> set[str]:
    """Runs with items in the stack's table that were collected nowhere under results/.

    Reads the keys of the whole table: on AWS one read unit for each 8 KB of items.
    """
    collected = {path.parent.name for path in project.RESULTS.glob("*/runs/*/outputs.jsonl")}
    found: set[str] = set()
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stack.outputs["TableName"], ProjectionExpression="run_shard")
    )
    for page in pages:
        found |= {item["run_shard"]["S"].rsplit("#", 1)[0] for item in page["Items"]}
    return {run_id for run_id in found - collected if not run_id.endswith(WARM_UP)}


def require_finished(row: dict[str, Any]) -> None:
    """Hold a run to the ledger.

    Raises:
        UnfinishedError: Datapoints are in flight or unsent.
        RunError: Datapoints were lost.
    """
    run_id = row["run_id"]
    if row["lost"]:
        raise RunError(
            f"{run_id}: {row['lost']} datapoints were accepted and are nowhere; see its records.csv"
        )
    if row["in_flight"]:
        raise UnfinishedError(
            f"{run_id}: {row['in_flight']} datapoints are still queued; `lambdist fetch {run_id}`"
        )
    if row["unsent"]:
        why = row.get("stopped") or "see its records.csv"
        raise UnfinishedError(f"{run_id}: {row['unsent']} datapoints were not sent: {why}")


def checked_run_id(run_id: str) -> str:
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id!r} is no run id; write 1 to 40 of a-z, 0-9 and -")
    return run_id


def exclusive(target: Target) -> contextlib.AbstractContextManager[None]:
    """Nobody else measures on this local cloud meanwhile; AWS has room for all."""
    return local_cloud.timed_run() if target.name == "local" else contextlib.nullcontext()


def _submit(
    target: Target,
    stack: Stack,
    points: Datapoints,
    plan: submission.Plan,
    folder: Path,
    watch: Callable[[str], None],
) -> submission.Tally:
    def told(tally: submission.Tally) -> None:
        watch(f"{tally.settled:,} of {points.submitted:,} answered, {tally.in_flight} under way")

    with journal.Journal(folder / "journal", submission.Receipt._fields) as kept:
        return submission.submit(
            points, stacks.api(target, stack), plan, run_id=folder.name, keep=kept.append, watch=told
        )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a crash in the middle leaves what was there before."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
    partial.replace(path)
