"""What a run leaves, gathered into its folder: tables, answers, ledger, times."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import folders, journal, records, settling, stacks, submission, templates
from lambdist_lib.contract import OUTCOMES, STORED
from lambdist_lib.datapoints import Datapoints, Line
from lambdist_lib.errors import RunError, TargetError
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target


def collect(
    target: Target,
    stack: Stack,
    points: Datapoints | list[Line],
    folder: Path,
    arm: str,
    ended: settling.Settled,
) -> dict[str, Any]:
    """Gather a run's records, invocations and outputs into its folder; returns its ledger and times."""
    found = records.items(target, stack, folder.name)
    receipts = list(journal.read(folder / "journal"))
    table = records.join(folder.name, arm, points, receipts, found, queued=ended.queued)
    write_tables(folder, points, receipts, table, found)
    began_at = table["intended_at"].min()
    since = ended.seen_at if pd.isna(began_at) else began_at
    invocations = records.invocations(target, stack, folder.name, since, time.time())
    records.write_table(folder, "invocations", invocations)
    return ledger_and_times(table, ended.seen_at)


def write_tables(
    folder: Path,
    points: Datapoints | list[Line],
    receipts: list[dict[str, Any]],
    table: pd.DataFrame,
    found: dict[int, dict[str, Any]],
) -> None:
    records.write_table(folder, "receipts", pd.DataFrame(receipts, columns=list(submission.Receipt._fields)))
    records.write_table(folder, "records", table)
    records.write_outputs(folder / "outputs.jsonl", points, table, found)


def ledger_and_times(table: pd.DataFrame, seen_at: float) -> dict[str, Any]:
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
