"""Record which experiment created the stacks of this machine; a killed process leaves the record.

A file of the state folder for each stack of a target names the experiment, its process and the stack's id.
A deploy without an experiment is to stay: it removes the files (`forget`).
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import change_sets, stacks
from lambdist_lib.results import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The experiment that created a stack: its folder and its process.

    stack_id: CloudFormation's; "" while the deployment is under way.
    """

    folder: Path
    process: Identity
    stack_id: str = ""

    @property
    def is_alive(self) -> bool:
        return self.process.process() is not None


def record(target: Target, kinds: Iterable[str], folder: Path) -> None:
    """Record that this process creates, or has created, stacks for the experiment in a folder."""
    for kind in kinds:
        path = _path(target, kind)
        paths.make_private(path.parent)
        owner = Owner(folder=folder.absolute(), process=Identity.of(), stack_id=_stack_id(target, kind))
        files.write_json(path, {**asdict(owner), "folder": str(owner.folder)})


def find(target: Target, kind: str) -> Owner | None:
    """Return the experiment that created the deployed stack; None for one that was deployed to stay."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        fields = json.loads(_path(target, kind).read_text(encoding="utf-8"))
        owner = Owner(
            folder=Path(fields["folder"]), process=Identity(**fields["process"]), stack_id=fields["stack_id"]
        )
        return owner if owner.stack_id in ("", _stack_id(target, kind)) else None
    return None


def forget(target: Target, kinds: Iterable[str]) -> None:
    """Make stacks nobody's, so that no experiment deletes them."""
    for kind in kinds:
        _path(target, kind).unlink(missing_ok=True)


def _stack_id(target: Target, kind: str) -> str:
    return str(change_sets.describe(target, stacks.stack_name(kind)).get("StackId", ""))


def _path(target: Target, kind: str) -> Path:
    where = hashlib.sha256(target.label.encode()).hexdigest()[:12]
    return paths.state() / "owners" / f"{stacks.stack_name(kind)}-{where}.json"
