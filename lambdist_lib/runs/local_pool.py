"""Run the arm without a cloud, `local_pool`, and leave the same folder as any run."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.protocol.arms import faults_of
from lambdist_lib.protocol.contract import DEAD, REJECTED
from lambdist_lib.records import join
from lambdist_lib.results import files, outputs, schema, tables
from lambdist_lib.runs import collect, dead_limit, local_pool_worker, machine
from lambdist_lib.runs.conditions import Conditions, write_ground_truth
from lambdist_lib.runs.run_info import RunInfo
from lambdist_lib.submission.receipts import NOT_ACCEPTED, Receipt

ARM = "local_pool"


def run(
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    tries: int = 5,
    processing: Path | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Run the arm without a cloud: `chunks` processes of this machine; return the run's row.

    The processes are up before the clock starts, so the run counts as warm. `facts` are further
    fields of `RunInfo`: pair, experiment_id, looks.
    """
    folder.mkdir(parents=True)
    write_ground_truth(folder, ARM, points, conditions, tries)
    meter, limit = machine.Meter(None), conditions.stop_if_dead
    items = local_pool_worker.process_all(
        points,
        processes=conditions.chunks,
        work=conditions.work,
        fault=str(faults_of(ARM, conditions.fault)),
        tries=tries,
        processing=processing,
        max_dead=dead_limit.allowed(limit, points.submitted) if limit else None,
    )
    seen_at = time.time()
    meter.sample(now=True)
    dead = sum(item["outcome"] == DEAD for item in items.values())
    stopped = dead_limit.reason(limit, dead, points.submitted)
    records = _write_tables(folder, points, items, stopped)
    row = {
        **_info(points, conditions, folder, facts).facts(),
        "stopped": stopped,
        **collect.ledger_and_times(records, seen_at),
        "state": "collected",
    }
    row |= meter.facts(row["makespan_s"])
    files.write_json(folder / "run.json", row)
    return row


def _write_tables(
    folder: Path, points: Datapoints, items: dict[int, dict[str, Any]], stopped: str
) -> pd.DataFrame:
    """Write the tables of a run without a cloud; return its records."""
    receipts = [_given(line, items.get(line.n, {}), stopped) for line in points]
    records = join.join(folder.name, ARM, points, receipts, items, queued=0)
    tables.write_table(folder, "receipts", pd.DataFrame(receipts, columns=list(Receipt._fields)))
    tables.write_table(folder, "records", records)
    with files.whole(folder / "outputs.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
        outputs.write_outputs(file, points, records, items)
    tables.write_table(folder, "invocations", pd.DataFrame(columns=list(schema.INVOCATIONS)))
    return records


def _info(points: Datapoints, conditions: Conditions, folder: Path, facts: dict[str, Any]) -> RunInfo:
    return RunInfo(
        run_id=folder.name,
        arm=ARM,
        temperature="warm",
        target=f"{conditions.chunks} processes",
        data=points.name,
        sha256=points.sha256,
        conditions=conditions,
        **facts,
    )


def _given(line: Line, item: dict[str, Any], stopped: str) -> dict[str, Any]:
    """A receipt for a datapoint that a process of this machine took: given and done, nothing sent.

    One that the run's early end left out has the verdict of one that a client did not send.
    """
    began_at, done_at = item.get("received_at"), item.get("put_at", item.get("dead_at"))
    verdict, cause = (REJECTED if line.reason else "accepted"), line.reason
    if stopped and not item and not line.reason:
        verdict, cause = NOT_ACCEPTED, stopped
    given = {"n": line.n, "verdict": verdict, "cause": cause, "tries": item.get("receives")}
    return {**given, "intended_at": began_at, "sent_at": began_at, "answered_at": done_at}
