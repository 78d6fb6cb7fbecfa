"""The run of the arm without a cloud: `local_pool`'s processes, and the same folder as of any run."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.protocol.contract import REJECTED
from lambdist_lib.records import join
from lambdist_lib.results import files, schema, tables
from lambdist_lib.runs import collect, local_pool_worker
from lambdist_lib.runs.arms import faults_of
from lambdist_lib.runs.conditions import Conditions, write_truth


def run(
    points: Datapoints,
    conditions: Conditions,
    folder: Path,
    *,
    pair: int = 0,
    experiment_id: str = "",
    looks: str = "",
    tries: int = 5,
    processing: Path = paths.LAMBDAS,
) -> dict[str, Any]:
    """The arm without a cloud: `chunks` processes of this machine; returns the run's row.

    The processes are up before the clock starts, so the run counts as warm.
    """
    folder.mkdir(parents=True)
    write_truth(folder, "local_pool", points, conditions, tries)
    found = local_pool_worker.process_all(
        points,
        processes=conditions.chunks,
        work=conditions.work,
        fault=str(faults_of("local_pool", conditions.fault)),
        tries=tries,
        processing=processing,
    )
    seen_at = time.time()
    receipts = [_given(line, found.get(line.n, {})) for line in points]
    table = join.join(folder.name, "local_pool", points, receipts, found, queued=0)
    collect.write_tables(folder, points, receipts, table, found)
    tables.write_table(folder, "invocations", pd.DataFrame(columns=list(schema.INVOCATIONS)))
    facts = {
        "experiment_id": experiment_id,
        "run_id": folder.name,
        "pair": pair,
        "arm": "local_pool",
        "temperature": "warm",
        "looks": looks,
        "target": f"{conditions.chunks} processes",
        **asdict(conditions),
        "data": points.name,
        "sha256": points.sha256,
        "resumed": False,
    }
    row = {**facts, **collect.ledger_and_times(table, seen_at), "state": "collected"}
    files.write_json(folder / "run.json", row)
    return row


def _given(line: Line, item: dict[str, Any]) -> dict[str, Any]:
    """A receipt for a datapoint that a process of this machine took: given and done, nothing sent."""
    began_at, done_at = item.get("received_at"), item.get("put_at", item.get("dead_at"))
    verdict = REJECTED if line.reason else "accepted"
    given = {"n": line.n, "verdict": verdict, "cause": line.reason, "tries": item.get("receives")}
    return {**given, "intended_at": began_at, "sent_at": began_at, "answered_at": done_at}
