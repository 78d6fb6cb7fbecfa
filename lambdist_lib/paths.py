"""Find handlers, templates, data, notebooks, results and state.

Functions, asked when used: tests and scripts may change the environment or the folder meanwhile.

                  in a checkout      from an installed package
    shipped       its top folders    lambdist_lib/shipped/
    results()     results/           ./results             or LAMBDIST_RESULTS
    state()       .lambdist/         user's state folder   or LAMBDIST_STATE

papermill runs a notebook in the shell's folder and JupyterLab in the notebook's, hence no path
of a checkout depends on the working directory.
"""

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
FULL_BYTES = 2**20  # a disk with less is called full
SHIPPED = ("cloudformation", "data", "examples", "lambdas", "notebooks")


def checkout() -> Path | None:
    """Return the source checkout's folder; None for an installed package."""
    folder = PACKAGE.parent
    return folder if (folder / "pyproject.toml").is_file() and (folder / "lambdas").is_dir() else None


def root() -> Path:
    """Return the folder of lambdas/, cloudformation/, data/ and notebooks/."""
    return checkout() or PACKAGE / "shipped"


def lambdas() -> Path:
    """Return the folder of the handlers and of the default processing.py."""
    return root() / "lambdas"


def cloudformation() -> Path:
    """Return the folder of the templates."""
    return root() / "cloudformation"


def data() -> Path:
    """Return the folder of the example data files."""
    return root() / "data"


def notebooks() -> Path:
    """Return the folder of the notebooks."""
    return root() / "notebooks"


def find(path: str | Path) -> Path:
    """Return `path`, or the shipped file of this name where the current folder has none."""
    path = Path(path).expanduser()
    shipped = root() / path
    return shipped if not path.exists() and shipped.exists() else path


def results() -> Path:
    """Return the folder under which each experiment gets its own."""
    folder = os.environ.get("LAMBDIST_RESULTS")
    return (Path(folder) if folder else (checkout() or Path.cwd()) / "results").resolve()


def state() -> Path:
    """Return the folder of the local cloud's state and of installed packages: one per local cloud."""
    if folder := os.environ.get("LAMBDIST_STATE"):
        return Path(folder).resolve()
    top = checkout()
    return top / ".lambdist" if top else platformdirs.user_state_path("lambdist", appauthor=False)


def full(free_bytes: int = FULL_BYTES) -> list[Path]:
    """Return those of the folders that are written to whose disk is full: results, state, temporary."""
    import shutil  # only here: most commands end without them
    import tempfile

    folders = [results(), state(), Path(tempfile.gettempdir()).resolve()]
    nearest = {
        folder: next(path for path in (folder, *folder.parents) if path.exists()) for folder in folders
    }
    return [folder for folder, path in nearest.items() if shutil.disk_usage(path).free < free_bytes]


def make_private(folder: Path) -> Path:
    """Create a folder and its missing parents for this user alone; existing ones keep their mode."""
    for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder


def shown(path: str | Path) -> str:
    """Spell `path` for messages: openable from the current folder, without a home folder's name.

    A file that ships with the library has its short name, such as data/words.txt: every command
    looks such a name up among the shipped files when the current folder has none.
    """
    path, here, home = Path(path).resolve(), Path.cwd(), Path.home().resolve()
    if path.is_relative_to(root()):
        name = path.relative_to(root())
        if name.parts and name.parts[0] in SHIPPED and not (here / name).exists():
            return str(name)
    if path.is_relative_to(home) and not here.is_relative_to(home):
        return str(Path("~") / path.relative_to(home))
    if path.is_relative_to(here):
        return str(path.relative_to(here))
    top = Path(os.path.commonpath([path, here])) if path.drive == here.drive else here
    if top == Path(top.anchor):
        return str(path)
    return os.path.relpath(path, here)
