"""List the dead datapoints of a run, each with its data and the causes of its failures.

A run's folder has them without a cloud. Datapoints that old clients sent without a run are looked up in
the stack's table.
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One dead datapoint.

    data is None where the message was cut or cannot be parsed. causes are those of the failed attempts,
    oldest first. first_at, last_at: seconds since the epoch.
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
    """List the dead letters of a collected run, by n.

    Args:
        cause: Only of this class (`contract.CAUSE_CLASSES`).

    Raises:
        UsageError: The class does not exist.
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
    """List the dead letters in a stack's table of a run, by their time.

    Raises:
        UsageError: The class does not exist.
    """
    wanted = _classes(cause)
    run_items = items.items(target, stack, run_id).values()
    dead = [item for item in run_items if item.get("outcome") == DEAD and join.cause_class(item) in wanted]
    return [of_item(run_id, item) for item in sorted(dead, key=lambda item: item["dead_at"])]


def of_item(run_id: str, item: dict[str, Any]) -> DeadLetter:
    """Read a dead letter from an item of the table."""
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
    """Return the datapoint in a message's body; None if it was cut or cannot be parsed."""
    try:
        data = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return data if isinstance(data, str) else None


def list_dead_letters(run: str, *, cause: str = "") -> list[DeadLetter]:
    """List the dead letters of a run, or of all collected runs of an experiment.

    Args:
        run: Id or folder of a run or an experiment.
        cause: Only of this class (`contract.CAUSE_CLASSES`).

    Raises:
        UsageError: The class does not exist.
        RunError: There is no such run, or none was collected.
    """
    return [letter for folder in collected(run) for letter in from_folder(folder, cause=cause)]


def collected(run: str) -> list[Path]:
    """Return the folders of a run, or of an experiment's runs, that were collected.

    Raises:
        RunError: None was collected.
    """
    finished = [folder for folder in folders.find(run) if folders.read_facts(folder)["state"] == "collected"]
    if not finished:
        raise RunError(f"{run} was not collected: finish it with `lambdist resume {run}`")
    return finished


def _classes(cause: str) -> tuple[str, ...]:
    if cause and cause not in CAUSE_CLASSES:
        raise UsageError(f"unknown cause {cause!r}: use one of {', '.join(CAUSE_CLASSES)}")
    return (cause,) if cause else CAUSE_CLASSES


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
