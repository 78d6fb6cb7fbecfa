"""Gather the results of a run into its folder: tables, outputs, ledger, times."""

import collections
import contextlib
import functools
import math
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from lambdist_lib.results import files, folders, journal, outputs, schema, tables
from lambdist_lib.runs import clocks, completion

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
    items = functools.partial(records_items.items_in_order, target, stack, folders.key_of(facts))
    clock, last = _write_receipts(folder, arm, items, jumped_s)
    pairs, begun_at = with_items(points, items()), facts.get("begun_at", 0.0)
    seen = _write_records(folder, arm, pairs, clock, last, queued=ended.queued, begun_at=begun_at)
    tables.write_typed(folder, "records")
    seen_at = ended.seen_at + clock.offset_s
    began_at = seen_at if math.isnan(seen.began_at) else seen.began_at
    missing = _write_invocations(target, stack, folder, began_at, clock, seen.named)
    return {
        **seen.row(seen_at),
        **clock.facts(),
        "missing_invocations": missing,
        "map_children": stack.parameters["MapChildren"] if ARMS[arm].orchestrated else "",
        "foreign": seen.foreign,
    }


@dataclass(slots=True)
class _Seen:
    """What the records of a run tell so far.

    began_at, stored_at, answered_at: First intended send, last write and last answer; NaN without one.
    named: Ids of invocations.
    """

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    began_at: float = NAN
    stored_at: float = NAN
    answered_at: float = NAN
    named: set[str] = field(default_factory=set)
    foreign: list[int] = field(default_factory=list)

    def add(self, record: Mapping[str, Any]) -> None:
        outcome, intended_at = record["outcome"], record["intended_at"]
        self.counts[outcome] += 1
        if intended_at is not None and not intended_at >= self.began_at:  # NaN is not, either
            self.began_at = intended_at
        self.answered_at = _later(self.answered_at, record["answered_at"])
        if outcome == STORED:
            self.stored_at = _later(self.stored_at, record["put_at"])
        self.named.update(record[name] for name in tables.REQUEST_IDS if record[name])

    def row(self, seen_at: float) -> dict[str, Any]:
        """Return the run's counts by outcome, and its times from the first intended send."""
        since = {
            "started_at": self.began_at,
            "makespan_s": self.stored_at - self.began_at,
            "enqueued_s": self.answered_at - self.began_at,
            "seen_s": seen_at - self.began_at,
        }
        known = {name: None if math.isnan(value) else value for name, value in since.items()}
        return {
            "submitted": self.counts.total(),
            **{name: self.counts[name] for name in OUTCOMES},
            **known,
        }


def _later(before: float, at: float | None) -> float:
    return before if at is None or at <= before else at


def _write_receipts(
    folder: Path, arm: str, items: Callable[[], Iterator[dict[str, Any]]], jumped_s: float
) -> tuple[clocks.ClockCheck, Sequence[int]]:
    """Write receipts.csv; compare the client's clock with the Lambdas', or the queue's without one.

    Args:
        items: Reads the run's items, by ascending n.

    Returns:
        The clocks, and by n where the datapoint's last row of the journal begins (`journal.copied`).
    """
    last = array("Q")
    with files.table(folder, "receipts") as file:
        receipts: Iterable[dict[str, Any]] = journal.copied(folder / "journal", file, last)
        if not ARMS[arm].first_lambda:
            receipts = clocks.with_queue_stamps(receipts, items())
        return clocks.check(receipts, jumped_s=jumped_s), last


def _write_records(
    folder: Path,
    arm: str,
    pairs: Iterable[tuple[Line, dict[str, Any]]],
    clock: clocks.ClockCheck,
    last: Sequence[int],
    *,
    queued: int,
    begun_at: float,
) -> _Seen:
    """Write records.csv and outputs.jsonl, one datapoint after another."""
    seen = _Seen()
    with (
        journal.rows_at(folder / "journal") as row_at,
        files.table(folder, "records") as file,
        files.whole(folder / "outputs.jsonl") as partial,
        partial.open("w", encoding="utf-8") as answers,
    ):
        write = tables.row_writer(file, schema.RECORDS)
        for line, item in pairs:
            n = line.n
            if is_foreign(item, line.data, begun_at):
                seen.foreign.append(n)
                item = {}
            receipt = clock.corrected(row_at(last[n])) if n < len(last) and last[n] else {}
            record = join.record(folder.name, arm, n, receipt, item, queued=queued)
            write(record)
            answers.write(outputs.output_line(line, record["outcome"], record["cause"], item))
            seen.add(record)
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


def is_foreign(item: dict[str, Any], data: str, begun_at: float) -> bool:
    """Whether an item answers another datapoint than this run's, or one before the run began.

    Args:
        item: May be empty: nothing is not foreign.
        begun_at: Of the run, by the client's clock, which may be CLOCKS_S off.
    """
    digest, kept = item.get("digest"), item.get("data")
    if (digest and digest != data_digest(data)) or (isinstance(kept, str) and kept != data):
        return True
    stamps = [item[name] for name in STAMPS if isinstance(item.get(name), int | float)]
    return bool(stamps) and min(stamps) < begun_at - CLOCKS_S


def with_items(
    points: Iterable[Line], items: Iterator[dict[str, Any]]
) -> Iterator[tuple[Line, dict[str, Any]]]:
    """Yield each line with its item, or with an empty one; both come by ascending n."""
    item = next(items, None)
    for line in points:
        while item and item["n"] < line.n:
            item = next(items, None)
        yield line, item if item and item["n"] == line.n else {}


def ledger_and_times(table: pd.DataFrame, seen_at: float) -> dict[str, Any]:
    """Return a run's counts by outcome, and its times from the first intended send."""
    seen = _Seen(
        counts=collections.Counter(table["outcome"]),
        began_at=float(table["intended_at"].min()),
        stored_at=float(table.loc[table["outcome"] == STORED, "put_at"].max()),
        answered_at=float(table["answered_at"].max()),
    )
    return seen.row(seen_at)


def fetch_adhoc(target: Target, run_id: str) -> Path:
    """Write the answers of datapoints without a run, as old clients send them; return their folder.

    Raises:
        NotFoundError: No stack has any of that id.
    """
    items: list[dict[str, Any]] = []
    for kind in templates.KINDS:
        with contextlib.suppress(AbsentError):
            items += records_items.items(target, stacks.describe(target, kind), run_id).values()
    if not items:
        raise NotFoundError(f"no stack on {target.label} has datapoints of {run_id}")
    folder = folders.adhoc(run_id)
    paths.make_private(folder)
    outputs.write_adhoc_outputs(folder / "outputs.jsonl", items)
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
    run_folders = folders.find(run)
    fan_outs = [folder for folder in run_folders if folders.read_facts(folder)["arm"] == "distributed"]
    first = fan_outs or run_folders
    return outputs.objects(first[0])
