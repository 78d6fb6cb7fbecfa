"""The dead datapoints of a run, each with what it was and why it died.

A run's folder tells it without a cloud; datapoints that came without a run, as old clients
send them, are looked up in the stack's table.
"""

import collections
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.protocol.contract import CAUSE_CLASSES, DEAD
from lambdist_lib.records import items, join
from lambdist_lib.results import folders, outputs, tables

SHOWN_CHARS = 60  # of a cause and of a datapoint, in a line


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One dead datapoint.

    data is None where nothing has it whole: its message was cut or cannot be parsed. causes
    are those of its failed attempts, oldest first. first_at, last_at: seconds since the epoch.
    """

    run_id: str
    n: int
    data: str | None
    cause_class: str
    cause: str
    causes: tuple[str, ...]
    receives: int
    redrives: int
    first_at: float | None
    last_at: float | None


def from_folder(folder: Path, *, cause: str = "") -> list[DeadLetter]:
    """Of a collected run, by n.

    Args:
        cause: Only of this class (`contract.CAUSE_CLASSES`).

    Raises:
        UsageError: There is no such class.
        RunError: The run was not collected.
    """
    wanted = _classes(cause)
    table = tables.load(folder)
    dead = table[(table["outcome"] == DEAD) & table["cause_class"].isin(wanted)].set_index("n")
    data = {answer["n"]: answer["data"] for answer in outputs.outputs(folder) if answer["n"] in dead.index}
    first_at = dead[["received_at", "queued_at"]].astype(float).min(axis="columns")
    last_at = dead["dead_at"].astype(float).fillna(dead["answered_at"].astype(float))
    return [
        DeadLetter(
            run_id=row["run_id"],
            n=int(n),
            data=data[n],
            cause_class=row["cause_class"],
            cause=row["cause"],
            causes=tuple(row["failure_causes"].split(" | ")) if row["failure_causes"] else (),
            receives=0 if pd.isna(row["receives"]) else int(row["receives"]),
            redrives=int(row["redrives"]),
            first_at=_known(first_at[n]),
            last_at=_known(last_at[n]),
        )
        for n, row in dead.iterrows()
    ]


def from_table(target: Target, stack: Stack, run_id: str, *, cause: str = "") -> list[DeadLetter]:
    """Of the items of a run, by the time of their death.

    Raises:
        UsageError: There is no such class.
    """
    wanted = _classes(cause)
    found = items.items(target, stack, run_id).values()
    dead = [one for one in found if one.get("outcome") == DEAD and join.cause_class(one) in wanted]
    return [of_item(run_id, item) for item in sorted(dead, key=lambda item: item["dead_at"])]


def of_item(run_id: str, item: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        run_id=run_id,
        n=item["n"],
        data=data_of(item.get("payload", "")),
        cause_class=join.cause_class(item),
        cause=item.get("cause", ""),
        causes=tuple(attempt["cause"] for attempt in item.get("attempts", [])),
        receives=item.get("receives", 0),
        redrives=len(item.get("redrives", [])),
        first_at=item.get("first_at", item.get("queued_at")),
        last_at=item["dead_at"],
    )


def data_of(payload: str) -> str | None:
    """The datapoint in a message's body, or None if it is not whole."""
    try:
        data = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return data if isinstance(data, str) else None


def line(letter: DeadLetter) -> str:
    """A letter for people: one line, cut where it is long."""
    data = "(not readable)" if letter.data is None else letter.data
    cause = letter.cause
    if not cause.startswith(letter.cause_class):
        cause = f"{letter.cause_class}: {cause}"
    shown = [text[:SHOWN_CHARS] + "…" * (len(text) > SHOWN_CHARS) for text in (cause, data)]
    return f"{letter.run_id}  {letter.n:>6}  {letter.receives:>2} receives  {shown[0]}  {shown[1]}"


def summary(letters: list[DeadLetter], run: str) -> str:
    """How many of which cause, and what to type."""
    counts = collections.Counter(letter.cause_class for letter in letters)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    again = f"; `lambdist redrive {run}` sends them again" if letters else ""
    return f"{len(letters):,} dead{': ' if told else ''}{told}{again}"


def list_dead_letters(run: str, *, cause: str = "") -> list[DeadLetter]:
    """Of a run, or of all collected runs of an experiment, by id or folder."""
    found = [from_folder(folder, cause=cause) for folder in collected(run)]
    return [letter for letters in found for letter in letters]


def collected(run: str) -> list[Path]:
    """The folders of a run, or of an experiment's runs, whose answers are there.

    Raises:
        RunError: There is none.
    """
    found = [folder for folder in folders.find(run) if folders.read_facts(folder)["state"] == "collected"]
    if not found:
        raise RunError(f"{run} was not collected yet; `lambdist resume {run}` finishes it")
    return found


def _classes(cause: str) -> tuple[str, ...]:
    if cause and cause not in CAUSE_CLASSES:
        raise UsageError(f"cause {cause!r} is unknown; write one of {', '.join(CAUSE_CLASSES)}")
    return (cause,) if cause else CAUSE_CLASSES


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
