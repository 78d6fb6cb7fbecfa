"""Write and read the tables of a run's folder."""

import zlib
from pathlib import Path

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.results import files, schema

TEXTS = ("cause", "cause_class", "failure_causes")


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write a table as `<name>.csv` to a folder, gzipped if it is large."""
    with files.table(folder, name) as file:
        table.to_csv(file, index=False, float_format="%.6f")


def load(run: str | Path, name: str = "records") -> pd.DataFrame:
    """Read a table of a run's folder (`records`, `invocations`, `receipts`) or of an experiment's (`runs`).

    Raises:
        RunError: The table is missing, damaged or of another version.
    """
    for path in (Path(run) / f"{name}.csv", Path(run) / f"{name}.csv.gz"):
        if path.exists():
            break
    else:
        raise RunError(f"{Path(run).name} has no {name}.csv: the run was not collected")
    _require_whole(path)
    known = {"records": schema.RECORDS, "invocations": schema.INVOCATIONS, "runs": schema.RUNS}.get(name)
    try:
        # for a column of empty causes pandas would infer numbers
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, object))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RunError(f"{path.name} of {Path(run).name} cannot be read: {error}") from error
    if name == "runs":
        absent = {column: value for column, value in schema.ADDED_LATER.items() if column not in table}
        table = table.assign(**absent)
        if set(table) == set(schema.RUNS):
            table = table[list(schema.RUNS)]
    if known and list(table.columns) != list(known):
        raise RunError(
            f"{path.name} of {Path(run).name} is of another version: its columns are not those of "
            "results/schema.py"
        )
    return table.fillna({column: "" for column in TEXTS if column in table})


def _require_whole(path: Path) -> None:
    """Raise RunError for a table whose last line was cut off: its row would count, with values missing."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        if size and path.suffix == ".csv" and file.read() != b"\n":
            raise RunError(
                f"{path.name} of {path.parent.name} is cut off in its last line: restore the file, "
                "or leave the run out"
            )
