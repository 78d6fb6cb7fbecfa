"""Decide which stacks an experiment deletes at its end: those that it created, or took over.

It takes over the stacks of an experiment whose process was killed. Stacks that somebody deployed to stay,
with `lambdist deploy` or by an experiment's `keep_stacks`, are never deleted.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import local_cloud
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import lifecycle, owners, stacks, templates
from lambdist_lib.errors import AbsentError, RunError, UncollectedError
from lambdist_lib.progress import Log
from lambdist_lib.results import files, folders

FILE = "stacks.json"  # in the experiment's folder


def record_missing(target: Target, folder: Path, *, keep: bool = False, log: Log = lambda line: None) -> None:
    """Record which stacks the experiment in a folder will have created.

    These are the stacks that are not deployed yet, and those of an experiment that has no process any more.

    Args:
        keep: They are to stay, from now on and however this process ends: nobody takes them over.
        log: Called with whose stacks are taken over.
    """
    before, kinds, left = _read(folder), set[str](), set[Path]()
    for kind in templates.KINDS:
        try:
            stacks.describe(target, kind)
        except AbsentError:
            kinds.add(kind)
            continue
        owner = owners.find(target, kind)
        if owner and owner.folder == folder.absolute():
            kinds.add(kind)
        elif owner and not owner.is_alive:
            kinds.add(kind)
            left.add(owner.folder)
    taken_over = {**before.get("taken_over", {}), **{path.name: _run_keys(path) for path in left}}
    files.write_json(folder / FILE, {"created": sorted(kinds), "taken_over": taken_over})
    if keep:
        _keep(target, kinds)
    else:
        owners.record(target, kinds, folder)
    if left:
        names = ", ".join(sorted(path.name for path in left))
        end = "leaves them deployed" if keep else "deletes them at its end"
        log(f"takes over the stacks of {names}, whose process ended, and {end}")


def record_created(target: Target, folder: Path) -> None:
    """Record the ids of the stacks that the experiment in a folder has created by now."""
    owners.record(target, created(folder), folder)


def created(folder: Path) -> set[str]:
    """Return the kinds of the stacks that the experiment in a folder created, or took over."""
    return set(_read(folder).get("created", []))


def keep(target: Target, folder: Path) -> str:
    """Leave the stacks of the experiment in a folder deployed for good; return a sentence on it."""
    _keep(target, created(folder))
    if (folder / FILE).exists():
        files.write_json(folder / FILE, {"created": []})
    return f"The stacks stay on {target.label}; {_how(target)}."


def destroy_created(target: Target, folder: Path) -> str:
    """Delete the stacks that the experiment in a folder created; return a sentence on what was done.

    Stacks that hold results of another run stay; the sentence names the run and the commands. On the local
    cloud the results of an experiment that this one took over do not count: its process ended before it
    fetched them, and the same experiment id measures them again.
    """
    how, kinds = _how(target), sorted(created(folder))
    if not kinds:
        return f"No stack on {target.label} is this experiment's, so what is there stays; {how}."
    left: dict[str, list[str]] = _read(folder).get("taken_over", {})
    dropped = {key for keys in left.values() for key in keys} if target.name == "local" else set[str]()
    try:
        lifecycle.destroy(target, kinds=kinds, results_dir=folder.parent, dropped=dropped)
    except UncollectedError as error:
        return f"The stacks stay on {target.label}: {error}; then {how}.{_end_of_cloud(target)}"
    files.write_json(folder / FILE, {"created": []})  # later ones are somebody else's
    owners.forget(target, kinds)
    if len(kinds) < len(templates.KINDS):
        return f"The stack {kinds[0]} is deleted from {target.label}; the other was there before."
    of_others = f", also what {', '.join(left)} left there" if left else ""
    return f"Both stacks and the artifact bucket are deleted from {target.label}{of_others}."


def _keep(target: Target, kinds: set[str]) -> None:
    """Make stacks nobody's, and let the local cloud that holds them outlive its users."""
    owners.forget(target, kinds)
    if target.cloud:
        local_cloud.start(keep=True)


def _how(target: Target) -> str:
    return f"`lambdist destroy --target {target.name}` deletes them"


def _end_of_cloud(target: Target) -> str:
    """Return a sentence on how long the local cloud outlives this process, unless it is kept; "" on AWS."""
    cloud = local_cloud.find() if target.cloud else None
    if not cloud or cloud.kept:
        return ""
    end = f"The local cloud ends {local_cloud.LINGER_S:g} s after its last process, with all that it holds"
    return f" {end}: `lambdist cloud start` keeps it."


def _run_keys(experiment: Path) -> list[str]:
    """Return the keys under which the table holds the items of an experiment's runs."""
    keys = set()
    for folder in folders.run_folders(experiment):
        with contextlib.suppress(RunError):  # damaged: its results keep the stacks
            keys.add(folders.key_of(folders.read_facts(folder)))
    return sorted(keys)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content
