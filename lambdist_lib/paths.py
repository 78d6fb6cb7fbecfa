"""Where the project's folders are, whatever the working directory.

papermill runs a notebook in the shell's folder and JupyterLab in the notebook's,
so every path of the library starts from the package itself (an editable install).
The two folders that are written can be elsewhere, by environment variables: the tests
keep theirs apart from a person's by them.

    LAMBDIST_RESULTS    instead of results/
    LAMBDIST_STATE      instead of .lambdist/: another folder, another local cloud
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAMBDAS = ROOT / "lambdas"
CLOUDFORMATION = ROOT / "cloudformation"
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
RESULTS = Path(os.environ.get("LAMBDIST_RESULTS") or ROOT / "results").resolve()
# of the local cloud: who runs it, who uses it, its log
STATE = Path(os.environ.get("LAMBDIST_STATE") or ROOT / ".lambdist").resolve()


def shown(path: Path) -> str:
    """`path` as people may see it in notebooks and logs: never with a home folder in it."""
    path = Path(path).resolve()
    for base in (Path.cwd(), ROOT):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name
