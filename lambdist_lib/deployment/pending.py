"""Record deployments of this machine while they are under way, to recognise interrupted ones.

CloudFormation completes a deployment even if its client was killed, so an interrupted one leaves
complete stacks. Only this record tells that they are not wanted. It is a file that exists while the
deployment lasts.
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
    """Record a deployment while the block runs; an error removes the record, an interrupt keeps it.

    Args:
        new: Stacks that it creates. An existing stack stays wanted even if its update is interrupted.
    """
    path = _path(target, name)
    paths.make_private(path.parent)
    before = _read(path)
    created = sorted({*new, *(before[1] if before else [])})  # including those of an interrupted deployment
    _write(path, created, Identity.of())
    try:
        yield
    except Exception:
        clear(target, name)
        raise
    except BaseException:  # an interrupt; a notebook's kernel lives on
        _write(path, created, None)
        raise
    clear(target, name)


def status(target: Target, name: str) -> tuple[str, list[str]]:
    """Return UNDER_WAY, CUT_SHORT (also by Ctrl-C) or "", and the stacks that it creates."""
    recorded = _read(_path(target, name))
    if not recorded:
        return "", []
    process, new = recorded
    return (UNDER_WAY if process and process.process() else CUT_SHORT), new


def clear(target: Target, name: str) -> None:
    _path(target, name).unlink(missing_ok=True)


def _path(target: Target, name: str) -> Path:
    where = hashlib.sha256(f"{target.label}\0{target.endpoint_url}".encode()).hexdigest()[:12]
    return paths.state() / "deployments" / f"{name}-{where}.json"


def _write(path: Path, new: list[str], by: Identity | None) -> None:
    path.write_text(json.dumps({"new": new, "by": asdict(by) if by else None}), encoding="utf-8")


def _read(path: Path) -> tuple[Identity | None, list[str]] | None:
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        return recorded["by"] and Identity(**recorded["by"]), [str(stack) for stack in recorded["new"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
