"""Which deployment of this machine is under way, and which was cut short: a file while it lasts.

CloudFormation ends what it was told to do whether or not anybody waits for it, so the stacks of a
killed deployment come up whole. That nobody wanted them to the end is known only here.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.cloud.emulator_state import Identity
from lambdist_lib.cloud.targets import Target

UNDER_WAY, CUT_SHORT = "under way", "cut short"


@contextlib.contextmanager
def record(target: Target, name: str, new: list[str]) -> Iterator[None]:
    """Note a deployment for as long as the block runs; one that an error ends has told what is left.

    Args:
        new: Stacks that it makes. One that was there before stays wanted, whatever becomes of an update.
    """
    path = _path(target, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _read(path)
    begun = sorted({*new, *(before[1] if before else [])})  # one that was cut short is made up for
    _write(path, begun, Identity.of())
    try:
        yield
    except Exception:
        clear(target, name)
        raise
    except BaseException:  # an interrupt, after which a kernel lives on
        _write(path, begun, None)
        raise
    clear(target, name)


def status(target: Target, name: str) -> tuple[str, list[str]]:
    """UNDER_WAY, CUT_SHORT (also by Ctrl-C) or "", and the stacks that were to be made."""
    noted = _read(_path(target, name))
    if not noted:
        return "", []
    return (UNDER_WAY if noted[0] and noted[0].process() else CUT_SHORT), noted[1]


def clear(target: Target, name: str) -> None:
    _path(target, name).unlink(missing_ok=True)


def _path(target: Target, name: str) -> Path:
    where = hashlib.sha256(f"{target.label}\0{target.endpoint_url}".encode()).hexdigest()[:12]
    return paths.state() / "deployments" / f"{name}-{where}.json"


def _write(path: Path, new: list[str], by: Identity | None) -> None:
    path.write_text(json.dumps({"new": new, "by": asdict(by) if by else None}), encoding="utf-8")


def _read(path: Path) -> tuple[Identity | None, list[str]] | None:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return noted["by"] and Identity(**noted["by"]), [str(stack) for stack in noted["new"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
