"""Write a project to start from: your processing.py, its packages, data and the notebooks.

starter.write("my-job")      then: cd my-job && lambdist try data/words.txt --processing .
"""

from pathlib import Path

from lambdist_lib import paths
from lambdist_lib.errors import UsageError

DATA = "data/words.txt"
NEXT = (
    f"lambdist try {DATA} --processing .",
    f"lambdist run {DATA} --processing . --repetitions 3",
    "lambdist report",
    "lambdist cloud stop",
)
SHIPPED_TRY = f"lambdist try {DATA} -n 5"  # in the docstring of the shipped processing.py; a copy has NEXT's
REQUIREMENTS = """\
# Packages that processing.py imports, one a line, such as: selectolax
# Python's standard library and boto3 are there anyway. Needs: pip install 'lambdist-lib[packages]'
"""
README = f"""\
# A job for lambdist

- `processing.py`: edit this. `process(data)` gets one line of the data file and returns its result.
- `requirements.txt`: the packages that it imports.
- `{DATA}`: an example. Pass your own file instead: one datapoint a line.
- `*.ipynb`: the notebooks; `processing` is a parameter of experiment.ipynb.

Run `process()` here, without a cloud:

    {NEXT[0]}

Compare the fan-out with a single node on the local cloud (`pip install 'lambdist-lib[local]'`), then write
the report and stop the local cloud:

    {NEXT[1]}
    {NEXT[2]}
    {NEXT[3]}

Run the notebook without a browser (`pip install 'lambdist-lib[local,notebooks]'`):

    lambdist notebook experiment.ipynb -p processing .

Each run prints the folder of its results. `lambdist --help` lists the other commands.
"""


def write(folder: str | Path) -> list[Path]:
    """Write the project's files; returns them.

    Raises:
        UsageError: The folder has one of these files already; nothing was written.
    """
    folder, shipped = Path(folder).expanduser(), (paths.lambdas() / "processing.py").read_bytes()
    files = {
        "README.md": README.encode(),
        "processing.py": shipped.replace(SHIPPED_TRY.encode(), NEXT[0].encode()),
        "requirements.txt": REQUIREMENTS.encode(),
        DATA: (paths.root() / DATA).read_bytes(),
        **{path.name: path.read_bytes() for path in sorted(paths.notebooks().glob("*.ipynb"))},
    }
    existing = [name for name in files if (folder / name).exists()]
    if existing:
        raise UsageError(f"{paths.shown(folder / existing[0])} exists: choose another folder")
    for name, content in files.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        except OSError as error:
            raise UsageError(f"cannot write {paths.shown(folder / name)}: {error.strerror}") from error
    return [folder / name for name in files]
