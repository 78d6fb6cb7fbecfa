"""One run: one arm over one file once, from the first request to its folder.

    results/<experiment_id>/runs/<run_id>/
        run.json  journal  receipts.csv  records.csv  invocations.csv  outputs.jsonl

A run that was interrupted, by a signal or by the end of its process, is finished by
`resume`: the table says what is stored or dead, and only the rest is sent again.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import (
    columns,
    datapoints,
    folders,
    journal,
    local_cloud,
    local_pool,
    original_client,
    records,
    settling,
    stacks,
    submission,
    templates,
)
from lambdist_lib.contract import OUTCOMES, REJECTED, STORED
from lambdist_lib.datapoints import Datapoints, Line
from lambdist_lib.errors import RunError, TargetError, UnfinishedError
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target

AS_FOUND = "as found"  # temperature of a run that neither made its environments cold nor warmed them up
OPENING_SENDERS = 4  # on the local cloud, unless warm: 100 cold starts at once keep two cores busy for 15 s
COLLECTOR_TRIES = 8  # of a request to the collector; the queue has a count of its own
COLLECTOR_BACKOFF_S = 0.2
WARM_UP = "-warm-up"  # end of the run ids that measure nothing

Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Which stack an arm uses ("" for none), how many senders it has, and which client they are."""

    stack: str
    parallel: bool = True
    submit: Callable[..., submission.Tally] = submission.submit


ARMS = {
    "distributed": Arm(stack="distributed"),
    "single_node": Arm(stack="single_node", parallel=False),
    "single_node_parallel": Arm(stack="single_node"),
    "as_original": Arm(stack="distributed", submit=original_client.submit),
    "local_pool": Arm(stack=""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is the same for every run that is to be compared.

    retry_delay_s: before the first retry of a failed datapoint, doubling; by the queue in the
    distributed arm, by the client in the others. failing: datapoints after the file's that
    fail at every attempt. max_chars, pattern: the datapoint rule.
    """

    chunks: int = 20
    request_batch: int = 1
    queue_batch: int = 1
    memory_mb: int = 512
    work: str = "none"
    fault: str = "none"
    failing: int = 0
    retry_delay_s: int = 1
    max_chars: int = 1024
    pattern: str = ""

    def settings(self) -> dict[str, Any]:
        """What they mean for the stacks (`templates`)."""
        return {
            "queue_batch": self.queue_batch,
            "memory_mb": self.memory_mb,
            "retry_delay_seconds": self.retry_delay_s,
            "datapoint_max_chars": self.max_chars,
            "datapoint_pattern": self.pattern,
            "experiment_controls": True,
        }

    def read(self, data: str | Path) -> Datapoints:
        """The file's datapoints under these conditions' rule, and the failing ones after them."""
        points = datapoints.read(data, max_chars=self.max_chars, pattern=self.pattern)
        return datapoints.with_more(points, [f"fails-{k}" for k in range(self.failing)])


def run(
    target: Target,
    stack: Stack,
    arm: str,
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    temperature: str = AS_FOUND,
    pair: int = 0,
    experiment_id: str = "",
    watch: Watch = lambda text: None,
) -> dict[str, Any]:
    """Send, wait, collect; returns the run's row (`columns.RUNS`), whatever became of the datapoints.

    Args:
        folder: Made for this run; its name is the run id.

    Raises:
        RunError: There is such a run already.
        KeyboardInterrupt: What was measured is in the folder; `resume` finishes the run.
    """
    if folder.exists():
        raise RunError(f"there is a run {folder.name} already; `lambdist resume {folder.name}` finishes it")
    folder.mkdir(parents=True)
    facts = {
        "experiment_id": experiment_id,
        "run_id": folder.name,
        "pair": pair,
        "arm": arm,
        "temperature": temperature,
        "target": target.stamp,
        **asdict(conditions),
        "data": points.name,
        "sha256": points.sha256,
        "stack": stack.name,
        "code": stack.code,
        "resumed": False,
    }
    return _complete(target, stack, points, points, folder, facts, watch)


def run_local_pool(
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    pair: int = 0,
    experiment_id: str = "",
    tries: int = 5,
) -> dict[str, Any]:
    """The arm without a cloud: `chunks` processes of this machine; returns the run's row.

    The processes are up before the clock starts, so the run counts as warm.
    """
    folder.mkdir(parents=True)
    found = local_pool.process_all(
        points, processes=conditions.chunks, work=conditions.work, fault=conditions.fault, tries=tries
    )
    seen_at = time.time()
    receipts = [_given(line, found.get(line.n, {})) for line in points]
    table = records.join(folder.name, "local_pool", points, receipts, found, queued=0)
    _write_tables(folder, points, receipts, table, found)
    records.write_table(folder, "invocations", pd.DataFrame(columns=list(columns.INVOCATIONS)))
    facts = {
        "experiment_id": experiment_id,
        "run_id": folder.name,
        "pair": pair,
        "arm": "local_pool",
        "temperature": "warm",
        "target": f"{conditions.chunks} processes",
        **asdict(conditions),
        "data": points.name,
        "sha256": points.sha256,
        "resumed": False,
    }
    row = {**facts, **_ledger_and_times(table, seen_at), "state": "collected"}
    folders.write_json(folder / "run.json", row)
    return row


def resume(
    target: Target, stack: Stack, points: Datapoints, folder: Path, *, watch: Watch = lambda text: None
) -> dict[str, Any]:
    """Finish an interrupted run; returns its row. A run that was collected is left as it is.

    Raises:
        RunError: The data file or the deployed code is not the one that the run began with.
    """
    facts = folders.read_facts(folder)
    if facts["state"] == "collected" and not (facts["unsent"] or facts["in_flight"]):
        return facts
    if points.sha256 != facts["sha256"]:
        raise RunError(f"{points.name} is not the file that {folder.name} began with; put that one back")
    if stack.code != facts["code"]:
        raise RunError(
            f"{stack.name} has other code by now than {folder.name} began with; deploy that code again, "
            f"or start afresh with `lambdist submit {points.name}`"
        )
    watch("waiting for what was accepted")
    settling.await_settled(target, stack, folder.name, expected=points.submitted)
    found = records.items(target, stack, folder.name)
    done = {n for n, item in found.items() if "outcome" in item}
    if (folder / "journal").exists():
        done |= {row["n"] for row in journal.read(folder / "journal") if row["verdict"] == REJECTED}
    left = (line for line in points if line.n not in done)
    return _complete(
        target, stack, points, left, folder, {**facts, "resumed": True}, watch, settled=len(found)
    )


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
    opening = OPENING_SENDERS if target.name == "local" and temperature != "warm" else None
    return submission.Plan(
        chunks=conditions.chunks if ARMS[arm].parallel else 1,
        request_batch=conditions.request_batch,
        work=conditions.work,
        fault=conditions.fault,
        tries=COLLECTOR_TRIES if queued else int(stack.outputs["MaxReceives"]),
        backoff_s=COLLECTOR_BACKOFF_S if queued else float(conditions.retry_delay_s),
        opening_senders=opening,
    )


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
            f"{run_id}: {row['in_flight']} datapoints are still queued; "
            f"finish it with `lambdist resume {run_id}`"
        )
    if row["unsent"]:
        why = row.get("stopped") or "see its records.csv"
        raise UnfinishedError(
            f"{run_id}: {row['unsent']} datapoints were not sent ({why}); "
            f"send them with `lambdist resume {run_id}`"
        )


def exclusive(target: Target) -> contextlib.AbstractContextManager[None]:
    """Nobody else measures on this local cloud meanwhile; AWS has room for all."""
    return local_cloud.timed_run() if target.name == "local" else contextlib.nullcontext()


def _complete(
    target: Target,
    stack: Stack,
    points: Datapoints,
    lines: Iterable[Line],
    folder: Path,
    facts: dict[str, Any],
    watch: Watch,
    *,
    settled: int = 0,
) -> dict[str, Any]:
    """Send `lines`, wait for all that was accepted, collect; each state is on disk before it begins."""
    plan = plan_of(target, stack, facts["arm"], _conditions(facts), facts["temperature"])
    folders.write_json(folder / "run.json", {**facts, "state": "submitting"})
    with journal.Journal(folder / "journal", submission.Receipt._fields) as kept:
        tally = ARMS[facts["arm"]].submit(
            lines,
            stacks.api(target, stack),
            plan,
            run_id=folder.name,
            keep=kept.append,
            watch=lambda tally: watch(
                f"{tally.settled:,} of {points.submitted:,} answered, {tally.in_flight} under way"
            ),
        )
    facts = {**facts, "stopped": tally.stopped}
    folders.write_json(folder / "run.json", {**facts, "state": "settling"})
    ended = settling.await_settled(
        target,
        stack,
        folder.name,
        expected=settled + tally.accepted + tally.dead,
        watch=lambda queued: watch(f"{queued:,} queued"),
    )
    row = {**facts, **_collect(target, stack, points, folder, facts["arm"], ended), "state": "collected"}
    folders.write_json(folder / "run.json", row)
    return row


def _collect(
    target: Target, stack: Stack, points: Datapoints, folder: Path, arm: str, ended: settling.Settled
) -> dict[str, Any]:
    """Gather a run's records, invocations and outputs into its folder; returns its ledger and times."""
    found = records.items(target, stack, folder.name)
    receipts = list(journal.read(folder / "journal"))
    table = records.join(folder.name, arm, points, receipts, found, queued=ended.queued)
    _write_tables(folder, points, receipts, table, found)
    began_at = table["intended_at"].min()
    since = ended.seen_at if pd.isna(began_at) else began_at
    invocations = records.invocations(target, stack, folder.name, since, time.time())
    records.write_table(folder, "invocations", invocations)
    return _ledger_and_times(table, ended.seen_at)


def _write_tables(
    folder: Path,
    points: Datapoints,
    receipts: list[dict[str, Any]],
    table: pd.DataFrame,
    found: dict[int, dict[str, Any]],
) -> None:
    records.write_table(folder, "receipts", pd.DataFrame(receipts, columns=list(submission.Receipt._fields)))
    records.write_table(folder, "records", table)
    records.write_outputs(folder / "outputs.jsonl", points, table, found)


def _ledger_and_times(table: pd.DataFrame, seen_at: float) -> dict[str, Any]:
    """A run's counts by outcome, and its times from the first intended send."""
    counts = table["outcome"].value_counts()
    began_at = table["intended_at"].min()
    times = {
        "started_at": began_at,
        "makespan_s": table.loc[table["outcome"] == STORED, "put_at"].max() - began_at,
        "enqueued_s": table["answered_at"].max() - began_at,
        "seen_s": seen_at - began_at,
    }
    known = {name: None if pd.isna(value) else float(value) for name, value in times.items()}
    return {"submitted": len(table), **{name: int(counts.get(name, 0)) for name in OUTCOMES}, **known}


def _given(line: Line, item: dict[str, Any]) -> dict[str, Any]:
    """A receipt for a datapoint that a process of this machine took: given and done, nothing sent."""
    began_at, done_at = item.get("received_at"), item.get("put_at", item.get("dead_at"))
    verdict = REJECTED if line.reason else "accepted"
    given = {"n": line.n, "verdict": verdict, "cause": line.reason, "tries": item.get("receives")}
    return {**given, "intended_at": began_at, "sent_at": began_at, "answered_at": done_at}


def _conditions(facts: dict[str, Any]) -> Conditions:
    return Conditions(**{name: facts[name] for name in Conditions.__dataclass_fields__})


def finish(
    run: str, *, data: str = "", connect: Callable[[str], Target], watch: Watch
) -> list[dict[str, Any]]:
    """Resume every unfinished run of a run's or an experiment's folder; returns the rows of all.

    Args:
        data: The data file, where it is not any more where the run read it.
        connect: Gives the target for a run's stamp.

    Raises:
        TargetError: The stack is gone, and with it what was not collected.
    """
    rows = []
    for folder in folders.find(run):
        facts = folders.read_facts(folder)
        if facts["state"] != "collected" or facts["unsent"] or facts["in_flight"]:
            target = connect(facts["target"])
            name, _, _ = facts["stack"].partition(f"-{ARMS[facts['arm']].stack.replace('_', '-')}")
            stack = stacks.describe(target, ARMS[facts["arm"]].stack, name=name)
            facts = resume(target, stack, _conditions(facts).read(data or facts["data"]), folder, watch=watch)
        rows.append(facts)
    return rows


def collect_adhoc(target: Target, run_id: str, *, name: str = stacks.NAME) -> Path:
    """The answers of datapoints that came without a run, as old clients send them; returns their folder.

    Raises:
        RunError: No stack has any of that id.
    """
    found: list[dict[str, Any]] = []
    for kind in templates.KINDS:
        with contextlib.suppress(TargetError):
            found += records.items(target, stacks.describe(target, kind, name=name), run_id).values()
    if not found:
        raise RunError(f"no stack on {target.stamp} has datapoints of {run_id}")
    folder = folders.adhoc(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    records.write_adhoc_outputs(folder / "outputs.jsonl", found)
    facts = {"run_id": run_id, "arm": "adhoc", "target": target.stamp, "state": "collected"}
    folders.write_json(folder / "run.json", facts)
    return folder


def outputs_of(run: str) -> Iterable[dict[str, Any]]:
    """The answers of a run, or of an experiment's first distributed run."""
    found = folders.find(run)
    first = [folder for folder in found if folders.read_facts(folder)["arm"] == "distributed"] or found
    return records.outputs(first[0])


def is_collected(run: str) -> bool:
    return all(folders.read_facts(folder)["state"] == "collected" for folder in folders.find(run))
