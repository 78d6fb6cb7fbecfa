"""Remember which stacks an experiment created: only those may be deleted at its end."""

import json
from pathlib import Path

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import lifecycle, stacks, templates
from lambdist_lib.errors import AbsentError, UncollectedError
from lambdist_lib.results import files

FILE = "stacks.json"  # in the experiment's folder


def record_missing(target: Target, folder: Path) -> None:
    """Add the stacks that are not deployed yet to those that the experiment in a folder creates."""
    kinds = created(folder)
    for kind in templates.KINDS:
        try:
            stacks.describe(target, kind)
        except AbsentError:
            kinds.add(kind)
    files.write_json(folder / FILE, {"created": sorted(kinds)})


def created(folder: Path) -> set[str]:
    """Return the kinds of the stacks that the experiment in a folder created."""
    path = folder / FILE
    return set(json.loads(path.read_text(encoding="utf-8"))["created"]) if path.exists() else set()


def destroy_created(target: Target, folder: Path) -> str:
    """Delete the stacks that the experiment in a folder created; return a sentence on what was done.

    Stacks that hold results of another run, such as one whose process was killed, stay; the sentence names
    the run and the commands.
    """
    how = f"`lambdist destroy --target {target.name}` deletes them"
    kinds = sorted(created(folder))
    if not kinds:
        return f"No stack on {target.label} is this experiment's, so what is there stays; {how}."
    try:
        lifecycle.destroy(target, kinds=kinds, results_dir=folder.parent)
    except UncollectedError as error:
        return f"The stacks stay on {target.label}: {error}; then {how}."
    files.write_json(folder / FILE, {"created": []})  # later ones are somebody else's
    if len(kinds) < len(templates.KINDS):
        return f"The stack {kinds[0]} is deleted from {target.label}; the other was there before."
    return f"Both stacks and the artifact bucket are deleted from {target.label}."
