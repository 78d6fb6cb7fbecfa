"""What a run leaves, gathered into its folder: tables, answers, ledger, times."""

import collections
import contextlib
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib import paths
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints, Line
from lambdist_lib.deployment import stacks, templates
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, NotFoundError
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import OUTCOMES, STORED, data_digest
from lambdist_lib.records import invocations as records_invocations
from lambdist_lib.records import items as records_items
from lambdist_lib.records import join
from lambdist_lib.results import files, folders, journal, outputs, tables
from lambdist_lib.runs import clocks, completion
from lambdist_lib.submission.receipts import Receipt

LINES_AT_ONCE = 2_500  # of a run that is collected: some 10 MB with their receipts and items
NAN = float("nan")
STAMPS = ("received_at", "put_at", "dead_at")  # of an item
CLOCKS_S = 600.0  # AWS refuses requests whose clock differs by 300 s


def collect(
    target: Target,
    stack: Stack,
    points: Datapoints | list[Line],
    folder: Path,
    arm: str,
    ended: completion.Completion,
    *,
    jumped_s: float = 0.0,
) -> dict[str, Any]:
    """Gather a run's records, invocations and outputs into its folder; returns its ledger and times.

    The client's stamps in records.csv are in the Lambdas' time (`clocks.check`); those in receipts.csv are
    as the client wrote them. `jumped_s`: by how much the client's clock stepped meanwhile.
    """
    facts = folders.read_facts(folder)
    with files.table(folder, "receipts") as file:
        last = journal.copy(folder / "journal", file)
    clock = _check_clock(target, stack, folder, arm, facts, jumped_s)
    seen = _write_records(target, stack, points, folder, arm, ended, clock, last, facts)
    tables.write_typed(folder, "records")
    seen_at = ended.seen_at + clock.offset_s
    began_at = seen_at if math.isnan(seen.times["began_at"]) else seen.times["began_at"]
    missing = _write_invocations(target, stack, folder, began_at, clock, seen.named)
    return {
        **_row(seen.counts, seen.times, seen_at),
        **clock.facts(),
        "missing_invocations": missing,
        "map_children": stack.parameters["MapChildren"] if ARMS[arm].orchestrated else "",
        "foreign": seen.foreign,
    }


@dataclass(slots=True)
class _Seen:
    """What the records of a run tell so far; `named` are ids of invocations."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    times: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("began_at", "stored_at", "answered_at"), NAN)
    )
    named: set[str] = field(default_factory=set)
    foreign: list[int] = field(default_factory=list)


def _check_clock(
    target: Target, stack: Stack, folder: Path, arm: str, facts: dict[str, Any], jumped_s: float
) -> clocks.ClockCheck:
    """Compare the client's clock with the Lambdas', or with the queue's where no Lambda answers."""
    receipts: Iterable[dict[str, Any]] = journal.read(folder / "journal")
    if not ARMS[arm].first_lambda:
        stamped = records_items.items_in_order(target, stack, folders.key_of(facts))
        receipts = clocks.with_queue_stamps(receipts, stamped)
    return clocks.check(receipts, jumped_s=jumped_s)


def _write_records(
    target: Target,
    stack: Stack,
    points: Datapoints | list[Line],
    folder: Path,
    arm: str,
    ended: completion.Completion,
    clock: clocks.ClockCheck,
    last: Sequence[int],
    facts: dict[str, Any],
) -> _Seen:
    """Write records.csv and outputs.jsonl, some thousand datapoints at a time."""
    seen = _Seen()
    with (
        journal.rows_at(folder / "journal") as row_at,
        files.table(folder, "records") as file,
        files.whole(folder / "outputs.jsonl") as partial,
        partial.open("w", encoding="utf-8") as answers,
    ):
        items = records_items.items_in_order(target, stack, folders.key_of(facts))
        for lines, found in together(points, items):
            seen.foreign += drop_foreign(lines, found, facts.get("begun_at", 0.0))
            rows = (row_at(last[line.n]) for line in lines if line.n < len(last) and last[line.n])
            receipts = [clock.corrected(row) for row in rows]
            table = join.join(folder.name, arm, lines, receipts, found, queued=ended.queued)
            table.to_csv(file, index=False, header=not seen.counts, float_format="%.6f")
            outputs.write_outputs(answers, lines, table, found)
            seen.counts.update(table["outcome"])
            seen.times = _times(seen.times, table)
            seen.named.update(*(table[name].dropna() for name in ("entry_request_id", "request_id")))
    return seen


def _write_invocations(
    target: Target, stack: Stack, folder: Path, began_at: float, clock: clocks.ClockCheck, named: set[str]
) -> int:
    """Write invocations.csv; return how many invocations that records name are not in the log."""
    invocations = records_invocations.invocations(
        target,
        stack,
        folder.name,
        began_at - abs(clock.moved_s),
        time.time() + clock.offset_s + abs(clock.moved_s),
        known=named,
    )
    tables.write_table(folder, "invocations", invocations)
    return len(named.difference(invocations["request_id"]))


def drop_foreign(lines: Iterable[Line], found: dict[int, dict[str, Any]], begun_at: float) -> list[int]:
    """Remove items that answer another datapoint than this run's, or before it began; return their n.

    Args:
        begun_at: Of the run, by the client's clock, which may be CLOCKS_S off.
    """
    foreign = [
        line.n for line in lines if line.n in found and not _belongs(found[line.n], line.data, begun_at)
    ]
    for n in foreign:
        del found[n]
    return foreign


def _belongs(item: dict[str, Any], data: str, begun_at: float) -> bool:
    digest, kept = item.get("digest"), item.get("data")
    if (digest and digest != data_digest(data)) or (isinstance(kept, str) and kept != data):
        return False
    stamps = [item[name] for name in STAMPS if isinstance(item.get(name), int | float)]
    return not stamps or min(stamps) >= begun_at - CLOCKS_S


def together(
    points: Iterable[Line], items: Iterator[dict[str, Any]]
) -> Iterator[tuple[list[Line], dict[int, dict[str, Any]]]]:
    """Yield lines, some thousands at a time, with their items; both come by ascending n."""
    lines, item = iter(points), next(items, None)
    while some := list(itertools.islice(lines, LINES_AT_ONCE)):
        found = {}
        while item and item["n"] <= some[-1].n:
            found[item["n"]] = item
            item = next(items, None)
        yield some, found


def write_tables(
    folder: Path,
    points: Datapoints | list[Line],
    receipts: list[dict[str, Any]],
    table: pd.DataFrame,
    found: dict[int, dict[str, Any]],
) -> None:
    tables.write_table(folder, "receipts", pd.DataFrame(receipts, columns=list(Receipt._fields)))
    tables.write_table(folder, "records", table)
    with files.whole(folder / "outputs.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
        outputs.write_outputs(file, points, table, found)


def ledger_and_times(table: pd.DataFrame, seen_at: float) -> dict[str, Any]:
    """Return a run's counts by outcome, and its times from the first intended send."""
    return _row(collections.Counter(table["outcome"]), _times({}, table), seen_at)


def _times(before: dict[str, float], table: pd.DataFrame) -> dict[str, float]:
    """First intended send, last write and last answer of what was seen before and of a table."""
    now = {
        "began_at": table["intended_at"].min(),
        "stored_at": table.loc[table["outcome"] == STORED, "put_at"].max(),
        "answered_at": table["answered_at"].max(),
    }
    first = {"began_at": np.fmin}  # of two times, one of which may be missing
    return {name: float(first.get(name, np.fmax)(before.get(name, NAN), at)) for name, at in now.items()}


def _row(counts: collections.Counter[str], times: dict[str, float], seen_at: float) -> dict[str, Any]:
    began_at = times["began_at"]
    since = {
        "started_at": began_at,
        "makespan_s": times["stored_at"] - began_at,
        "enqueued_s": times["answered_at"] - began_at,
        "seen_s": seen_at - began_at,
    }
    known = {name: None if math.isnan(value) else value for name, value in since.items()}
    return {"submitted": counts.total(), **{name: counts[name] for name in OUTCOMES}, **known}


def fetch_adhoc(target: Target, run_id: str, *, name: str = stacks.NAME) -> Path:
    """Write the answers of datapoints without a run, as old clients send them; return their folder.

    Raises:
        NotFoundError: No stack has any of that id.
    """
    found: list[dict[str, Any]] = []
    for kind in templates.KINDS:
        with contextlib.suppress(AbsentError):
            found += records_items.items(target, stacks.describe(target, kind, name=name), run_id).values()
    if not found:
        raise NotFoundError(f"no stack on {target.label} has datapoints of {run_id}")
    folder = folders.adhoc(run_id)
    paths.make_private(folder)
    outputs.write_adhoc_outputs(folder / "outputs.jsonl", found)
    facts = {"run_id": run_id, "arm": "adhoc", "target": target.label, "state": "collected"}
    files.write_json(folder / "run.json", facts)
    return folder


def fetch(run: str) -> Iterable[dict[str, Any]]:
    """Return the answers of a run, or of an experiment's first distributed run.

    Args:
        run: Id or folder of a run or an experiment.

    Returns:
        One dict per datapoint in input order: `n`, `data`, and `result` or `error`.

    Raises:
        NotFoundError: There is no such run or experiment.

    Example:
        >>> answer = next(iter(fetch("results/reference")))
        >>> answer["n"], answer["result"] == f"{answer['data']}_processed"
        (0, True)
    """
    found = folders.find(run)
    first = [folder for folder in found if folders.read_facts(folder)["arm"] == "distributed"] or found
    return outputs.objects(first[0])
