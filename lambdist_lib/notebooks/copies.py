"""Copy the notebooks to where a person runs them, so that a run changes nothing in git.

    python -m lambdist_lib.notebooks.copies

`make lab` does that. A copy that was edited or run stays; once its original changed, it is kept as
NAME.old.ipynb beside the new copy.
"""

import shutil
from pathlib import Path

from lambdist_lib import paths

FOLDER = "copies"  # below notebooks/; git ignores it


def copy_notebooks(originals: Path, folder: Path) -> list[Path]:
    """Copy the notebooks that are missing in a folder or newer than their copies; return the copies."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for original in sorted(originals.glob("*.ipynb")):
        copy = folder / original.name
        if copy.exists() and copy.stat().st_mtime >= original.stat().st_mtime:
            continue
        if copy.exists():
            copy.replace(copy.with_suffix(".old.ipynb"))
        shutil.copyfile(original, copy)
        copies.append(copy)
    return copies


if __name__ == "__main__":
    copy_notebooks(paths.notebooks(), paths.notebooks() / FOLDER)
