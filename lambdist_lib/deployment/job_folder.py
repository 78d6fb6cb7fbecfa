"""List the files of a job's folder that ship with its processing.py.

All of them ship, except:

    .*                      files and folders whose name starts with a dot, such as .git, .venv and .env
    __pycache__  *.pyc      Python's caches
    venv  node_modules      installed packages: name them in requirements.txt
    *.egg-info  *.ipynb     records of an installation; notebooks, whose outputs change
    results                 what earlier runs left
    requirements.txt  requirements.lock     the packages that they name ship instead

and what a file `.lambdistignore` in the folder names: a pattern per line, such as `raw/*` or `*.csv`,
compared with a path from the folder and with a name.
"""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.errors import DeployError

IGNORED = (
    ".*", "__pycache__", "*.pyc", "venv", "node_modules", "*.egg-info", "*.ipynb", "results",
    "requirements.txt", "requirements.lock",
)  # fmt: skip
IGNORE_FILE = ".lambdistignore"


def files(folder: Path) -> dict[str, Path]:
    """Return the files that ship, by their path from the folder.

    Raises:
        DeployError: The ignore file cannot be read.
    """
    return dict(_walk(folder, [*IGNORED, *_own_patterns(folder)]))


def _own_patterns(folder: Path) -> list[str]:
    path = folder / IGNORE_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, ValueError) as error:
        raise DeployError(f"cannot read {paths.shown(path)}: {error}") from None
    return [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#")]


def _walk(folder: Path, patterns: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files with their paths from the folder, sorted; links are followed, each folder once."""
    seen = set[str]()
    for at, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(at)) in seen:
            folders.clear()
            continue
        seen.add(real)
        here = Path(at).relative_to(folder)
        folders[:] = sorted(name for name in folders if not _is_ignored((here / name).as_posix(), patterns))
        for name in sorted(names):
            path, relative = Path(at) / name, (here / name).as_posix()
            if not _is_ignored(relative, patterns) and path.is_file():  # no socket, pipe or broken link
                yield relative, path


def _is_ignored(name: str, patterns: list[str]) -> bool:
    last = name.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns for text in (name, last))
