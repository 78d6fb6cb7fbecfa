"""The folders of experiments and runs under results/, and the facts that a run keeps of itself."""

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.data import files
from lambdist_lib.errors import RunError, UnfinishedError, UsageError
from lambdist_lib.protocol.contract import RUN_ID
from lambdist_lib.results.files import writable, write_json

ID_MAX_CHARS = 28  # of an experiment; the id of a run adds up to twelve to it
SPOOLED = "input.txt"  # what came from standard input, in the experiment's folder


def new_id(data: str) -> str:
    """An experiment's id from its data file's name and the time."""
    stem = re.sub("[^a-z0-9]+", "-", Path(data).stem.lower()).strip("-")[:12]
    return f"{stem or 'data'}-{time.strftime('%Y%m%d-%H%M%S')}"


def checked_id(experiment_id: str) -> str:
    if not RUN_ID.fullmatch(experiment_id) or len(experiment_id) > ID_MAX_CHARS:
        raise UsageError(
            f"{experiment_id!r} is no experiment id; write 1 to {ID_MAX_CHARS} of a-z, 0-9 and -"
        )
    return experiment_id


def open_experiment(folder: Path, facts: dict[str, Any]) -> None:
    """Make the experiment's folder; one that is there must have been begun with the same facts."""
    path = folder / "experiment.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name in facts if before.get(name) != facts[name] and name != "python"]:
            raise RunError(
                f"there is an experiment {folder.name} with other {', '.join(other)}; "
                "take another experiment id, or remove its folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)  # the notebook's runner may have opened its output there
    write_json(path, facts)


def data_file(data: str, experiment: Path) -> str | Path:
    """The data file's path; standard input is kept as a file in the experiment's folder first."""
    if data != "-":
        return data
    with writable(experiment, "pipe it in once more"):
        experiment.mkdir(parents=True, exist_ok=True)
        return files.spool(sys.stdin.buffer, experiment / SPOOLED)


def spooled(run: Path) -> Path | None:
    """What a run's experiment read from standard input."""
    path = run.parents[1] / SPOOLED
    return path if path.exists() else None


@contextlib.contextmanager
def resumable(run: Path) -> Iterator[None]:
    """Say how a run goes on that is interrupted here, or whose disk takes no more."""
    how = f"`lambdist resume {run.name}`"
    try:
        with writable(run, how):
            yield
    except KeyboardInterrupt:
        kept = f"what was measured is in {paths.shown(run)}"
        raise KeyboardInterrupt(f"interrupted; {kept}, {how} finishes it") from None


def refuse_existing(run: Path) -> None:
    """Raise RunError if the folder holds a run."""
    if (run / "run.json").exists():
        raise RunError(
            f"the run {run.name} exists already; finish it with `lambdist resume {run.name}`, "
            "or take another id"
        )


def read_facts(folder: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        RunError: It is missing or not one of ours.
    """
    path = folder / "run.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict) and {"run_id", "arm", "state"} <= set(facts):
            return facts
    except FileNotFoundError:
        raise RunError(f"{paths.shown(folder)} is no run's folder: it has no run.json") from None
    except ValueError:
        pass
    raise RunError(f"{paths.shown(path)} is damaged; remove the folder and run again")


def require_finished(row: dict[str, Any]) -> None:
    """Hold a run to the ledger.

    Raises:
        UnfinishedError: Datapoints are in flight or unsent.
        RunError: Datapoints were lost.
    """
    run_id = row["run_id"]
    if row.get("unknown"):
        raise UnfinishedError(
            f"{run_id}: {row['unknown']:,} datapoints got no answer and may be accepted or not "
            f"({row['stopped'] or 'see its receipts.csv'}); `lambdist resume {run_id}` sends them again"
        )
    if row["lost"]:
        raise RunError(
            f"{run_id}: {row['lost']:,} datapoints were accepted and are nowhere; see its records.csv"
        )
    if row["in_flight"]:
        raise UnfinishedError(
            f"{run_id}: {row['in_flight']:,} datapoints are still queued; "
            f"finish it with `lambdist resume {run_id}`"
        )
    if row["unsent"]:
        why = row.get("stopped") or "see its records.csv"
        raise UnfinishedError(
            f"{run_id}: {row['unsent']:,} datapoints were not sent ({why}); "
            f"send them with `lambdist resume {run_id}`"
        )


def find(run: str) -> list[Path]:
    """Folders of a run, or of all runs of an experiment, by id or path; never empty.

    Raises:
        RunError: There is none.
    """
    for folder in [Path(run), *paths.results().glob(f"*/runs/{run}"), paths.results() / run]:
        if (folder / "run.json").exists():
            return [folder]
        if found := sorted(folder.glob("runs/*/run.json")):
            return [path.parent for path in found]
    known = sorted(path.parent.name for path in paths.results().glob("*/runs"))
    hint = f"; the latest experiment is {known[-1]}" if known else ""
    raise RunError(f"there is no run or experiment {run} under {paths.shown(paths.results())}/{hint}")


def adhoc(run_id: str) -> Path:
    """Folder of the datapoints that came without a run."""
    return paths.results() / "adhoc" / "runs" / run_id


def collected_ids() -> set[str]:
    """Runs whose answers are here."""
    return {path.parent.name for path in paths.results().glob("*/runs/*/outputs.jsonl")}
