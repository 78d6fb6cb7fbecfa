"""The folders of experiments and runs under results/, and the facts that a run keeps of itself."""

import json
import re
import time
from pathlib import Path
from typing import Any

from lambdist_lib import project
from lambdist_lib.contract import RUN_ID
from lambdist_lib.errors import RunError, UsageError

ID_MAX_CHARS = 28  # of an experiment; the id of a run adds up to twelve to it


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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a crash in the middle leaves what was there before."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
    partial.replace(path)


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
        raise RunError(f"{project.shown(folder)} is no run's folder: it has no run.json") from None
    except ValueError:
        pass
    raise RunError(f"{project.shown(path)} is damaged; remove the folder and run again")


def find(run: str) -> list[Path]:
    """Folders of a run, or of all runs of an experiment, by id or path; never empty.

    Raises:
        RunError: There is none.
    """
    for folder in [Path(run), *project.RESULTS.glob(f"*/runs/{run}"), project.RESULTS / run]:
        if (folder / "run.json").exists():
            return [folder]
        if found := sorted(folder.glob("runs/*/run.json")):
            return [path.parent for path in found]
    known = sorted(path.parent.name for path in project.RESULTS.glob("*/runs"))
    hint = f"; the latest experiment is {known[-1]}" if known else ""
    raise RunError(f"there is no run or experiment {run} under {project.shown(project.RESULTS)}/{hint}")


def adhoc(run_id: str) -> Path:
    """Folder of the datapoints that came without a run."""
    return project.RESULTS / "adhoc" / "runs" / run_id


def collected_ids() -> set[str]:
    """Runs whose answers are here."""
    return {path.parent.name for path in project.RESULTS.glob("*/runs/*/outputs.jsonl")}
