"""Where the project's folders are, whatever the working directory.

papermill runs a notebook in the shell's folder and JupyterLab in the notebook's,
so every path of the library starts from the package itself (an editable install).
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAMBDAS = ROOT / "lambdas"
CLOUDFORMATION = ROOT / "cloudformation"
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "results"
STATE = ROOT / ".lambdist"  # of the local cloud: who runs it, who uses it, its log


def shown(path: Path) -> str:
    """`path` as people may see it in notebooks and logs: never with a home folder in it."""
    path = Path(path).resolve()
    for base in (Path.cwd(), ROOT):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name
