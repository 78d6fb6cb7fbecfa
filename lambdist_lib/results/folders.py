"""Name, find and open the folders of experiments and runs under results/."""

import contextlib
import filecmp
import re
import secrets
import shutil
import string
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.data import files as data_files
from lambdist_lib.data import items as data_items
from lambdist_lib.errors import NotFoundError, RunError, UsageError
from lambdist_lib.formatting import closest
from lambdist_lib.protocol.contract import EXPERIMENT_ID_MAX_CHARS, RUN_ID
from lambdist_lib.results import files, table_header
from lambdist_lib.results.files import writable, write_json

KEY_CHARS, KEY_MAX_CHARS = 8, 40  # of a key's random end, and of all of it (`contract.RUN_ID`)
SPOOLED = "input.txt"  # the data from standard input, in the experiment's folder
ITEMS = "items.jsonl"  # Python objects as datapoints, there
DAMAGED = "remove the folder and run again"


def new_id(data: str) -> str:
    """Return an experiment id made of the data file's name and the time."""
    stem = re.sub("[^a-z0-9]+", "-", Path(data).stem.lower()).strip("-")[:12]
    return f"{stem or 'data'}-{time.strftime('%Y%m%d-%H%M%S')}"


def checked_id(experiment_id: str) -> str:
    """Return the id; raise UsageError for an invalid one."""
    if not RUN_ID.fullmatch(experiment_id) or len(experiment_id) > EXPERIMENT_ID_MAX_CHARS:
        raise UsageError(
            f"invalid experiment id {experiment_id!r}: use 1 to {EXPERIMENT_ID_MAX_CHARS} of a-z, 0-9 and -"
        )
    return experiment_id


def open_experiment(folder: Path, facts: dict[str, Any]) -> None:
    """Create the experiment's folder; an existing one must have the same facts."""
    path = folder / "experiment.json"
    if path.exists():
        before = files.read_json(path, DAMAGED)
        if other := [name for name in facts if before.get(name) != facts[name] and name != "python"]:
            raise RunError(
                f"the experiment {folder.name} exists with other {', '.join(other)}: "
                "use another experiment id, or remove its folder"
            )
        return
    paths.make_private(folder)  # the notebook's runner may have created it
    write_json(path, facts)


def data_file(data: str | Path, experiment: Path) -> str | Path:
    """Return the data file's path; standard input (`-`) is first saved in the experiment's folder.

    Raises:
        RunError: The experiment has other input.
    """
    if data != "-":
        return data
    path = experiment / SPOOLED
    with writable(experiment, "pipe the data in again"):
        paths.make_private(experiment)
        with files.whole(path) as partial:
            data_files.spool(sys.stdin.buffer, partial)
            _require_same(path, partial)
    return path


def items_file(
    items: Iterable[object],
    experiment: Path,
    *,
    max_chars: int,
    encode: Callable[[object], str] = data_items.encode,
    as_json: bool = True,
) -> Path:
    """Write Python objects as datapoints into the experiment's folder; return the file.

    Args:
        encode: Gives the datapoint of an item.
        as_json: Whether that is JSON, which decides the file's name.

    Raises:
        UsageError: An item cannot be a datapoint; a new folder is removed again.
        RunError: The experiment has other items.
    """
    path = experiment / (ITEMS if as_json else SPOOLED)
    with removed_if_refused(experiment), writable(experiment, "run this again"):
        paths.make_private(experiment)
        with files.whole(path) as partial:
            data_items.write(items, partial, max_chars=max_chars, encode=encode)
            _require_same(path, partial)
    return path


@contextlib.contextmanager
def removed_if_refused(folder: Path) -> Iterator[None]:
    """Remove a folder that the block has created and that an error leaves without a use."""
    is_new = not folder.exists()
    try:
        yield
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_same(path: Path, partial: Path) -> None:
    """Raise RunError if an experiment has other data already."""
    if path.exists() and not filecmp.cmp(partial, path, shallow=False):
        raise RunError(
            f"the experiment {path.parent.name} has other items: use another experiment id, or remove its "
            "folder"
        )


def spooled(run: Path) -> Path | None:
    """Return the file in which a run's experiment saved its input; None if it saved no input."""
    saved = (run.parents[1] / name for name in (SPOOLED, ITEMS))
    return next((path for path in saved if path.exists()), None)


def data_of(run: Path, facts: Mapping[str, Any], moved_to: str = "") -> str | Path:
    """Return the data file of a run that is not finished, from whichever folder it is resumed."""
    path = Path(facts.get("data_path") or "")
    return moved_to or spooled(run) or (path if path.is_file() else facts["data"])


@contextlib.contextmanager
def resumable(run: Path) -> Iterator[None]:
    """Name the command that resumes the run in errors of the disk and in interrupts."""
    command = f"`lambdist resume {run.name}`"
    try:
        with writable(run, command):
            yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted: the measurements are kept in {paths.shown(run)}; finish the run with {command}"
        ) from None


def refuse_existing(run: Path) -> None:
    """Raise RunError where the folder already holds a run."""
    if (run / "run.json").exists():
        raise RunError(
            f"the run {run.name} exists already; take another id, or finish it with "
            f"`lambdist resume {run.name}` if it was interrupted"
        )


def read_facts(folder: Path) -> dict[str, Any]:
    """Read a run's facts from run.json.

    Raises:
        RunError: The file is missing, damaged or of another program.
    """
    path = folder / "run.json"
    if not path.exists():
        raise RunError(f"{paths.shown(folder)} is not a run's folder: it has no run.json")
    facts = files.read_json(path, DAMAGED)
    if not {"run_id", "arm", "state"} <= set(facts):
        raise RunError(f"{paths.shown(path)} is damaged: {DAMAGED}")
    return facts


@dataclass(frozen=True, slots=True)
class Located:
    """The folder of an experiment or of one run, and the folders of its runs.

    runs: Sorted by id; empty for an experiment of which git keeps only the tables.
    """

    folder: Path
    runs: tuple[Path, ...]

    @property
    def experiment_file(self) -> Path | None:
        """experiment.json, None for a run and for an experiment without that file."""
        path = self.folder / "experiment.json"
        return path if path.exists() else None


def locate(where: str | Path) -> Located:
    """Find an experiment or a run by id or path; the experiment where both have this id.

    An experiment is a folder with experiment.json or with runs; each may be missing beside the other.

    Raises:
        NotFoundError: There is neither.
        RunError: A table there is damaged.
    """
    located = _locate(where)
    table_header.require_sound(dict.fromkeys([located.folder, *located.runs]))
    return located


def _locate(where: str | Path) -> Located:
    for folder in (Path(where), paths.results() / where):
        runs = run_folders(folder)
        if runs or (folder / "experiment.json").exists():
            return Located(folder, tuple(runs))
    [run] = find(str(where))
    return Located(run, (run,))


def find(run: str) -> list[Path]:
    """Return the folders of a run, or of all runs of an experiment, by id or path.

    Raises:
        NotFoundError: There is neither, or the experiment has no runs.
    """
    is_id = RUN_ID.fullmatch(run)  # anything else could hold a pattern
    named = paths.results().glob(f"*/runs/{run}") if is_id else ()
    for folder in [Path(run), *named, paths.results() / run]:
        if (folder / "run.json").exists():
            return [folder]
        if runs := run_folders(folder):
            return runs
    if keyed := _by_key(run):
        return keyed
    raise NotFoundError(
        f"there is no run or experiment {run} under {paths.shown(paths.results())}/{_meant(run)}"
    )


def _meant(run: str) -> str:
    """Return a hint at the result that was probably meant: the closest id, else the newest experiment."""
    known = known_ids()
    if run in known:
        return ", or it has no complete run yet: the command that began it goes on with the same --id"
    if near := closest(run, known):
        return f"; did you mean {near}?"
    experiments = sorted(path.parent.name for path in paths.results().glob("*/runs"))
    return f"; the latest experiment is {experiments[-1]}" if experiments else ""


def known_ids() -> list[str]:
    """Return the ids of the experiments and runs in the results folder, sorted."""
    experiments = [path.parent for path in paths.results().glob("*/experiment.json")]
    runs = [path.parent for path in paths.results().glob("*/runs/*/run.json")]
    folders = {*experiments, *runs, *(run.parents[1] for run in runs)}
    return sorted(folder.name for folder in folders)


def run_folders(experiment: Path) -> list[Path]:
    """Return the folders of an experiment's runs, sorted by id."""
    return sorted(path.parent for path in experiment.glob("runs/*/run.json"))


def new_key(run_id: str) -> str:
    """Return the id under which the cloud keeps a run's items: the run's id and a part to guess.

    Another file under the same run id, from another results folder, then has other items.
    """
    token = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(KEY_CHARS))
    return f"{run_id[: KEY_MAX_CHARS - KEY_CHARS - 1]}-{token}"


def key_of(facts: Mapping[str, Any]) -> str:
    """Return the key of a run's items; runs of older versions have their id as the key."""
    return str(facts.get("key") or facts["run_id"])


def _by_key(key: str) -> list[Path]:
    """Return the folder of the run with this key, as a mail of the stack names it."""
    if not RUN_ID.fullmatch(key) or len(key) < KEY_CHARS + 2:
        return []
    names = paths.results().glob(f"*/runs/{key[: -KEY_CHARS - 1]}*/run.json")
    return [path.parent for path in names if files.read_json(path, DAMAGED).get("key") == key]


def adhoc(run_id: str) -> Path:
    """Return the folder of datapoints that were sent without a run."""
    return paths.results() / "adhoc" / "runs" / run_id


def collected_ids(results_dir: Path | None = None) -> set[str]:
    """Return the ids and keys of the runs whose outputs were fetched, to `results_dir` or the default."""
    roots = {paths.results(), (results_dir or paths.results()).resolve()}
    collected = [path.parent for root in roots for path in root.glob("*/*/*/outputs.jsonl")]
    keys = (key_of(files.read_json(folder / "run.json", DAMAGED)) for folder in collected if _is_run(folder))
    return {folder.name for folder in collected}.union(keys)


def _is_run(folder: Path) -> bool:
    return (folder / "run.json").exists()
