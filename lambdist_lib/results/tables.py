"""Write and read the tables of a run's folder."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import CategoricalDtype as CATEGORY
from pandas.api.types import is_numeric_dtype, union_categoricals

from lambdist_lib.errors import RunError
from lambdist_lib.results import files, schema, typed

KNOWN = {"records": schema.RECORDS, "invocations": schema.INVOCATIONS, "runs": schema.RUNS}
TYPED = ("records", "invocations")  # tables whose ids are categories, and that are also Parquet if large
TEXTS = ("cause", "cause_class", "failure_causes")
# of a typed table: few values in many rows, and the ids of requests, of which each may be another one
CATEGORIES = ("run_id", "arm", "outcome", "function", "entry_environment_id", "environment_id")
REQUEST_IDS = ("entry_request_id", "request_id")
FLAGS = ("entry_cold", "cold")


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write a table as `<name>.csv` to a folder, gzipped if it is large."""
    with files.table(folder, name) as file:
        table.to_csv(file, index=False, float_format="%.6f")
    write_typed(folder, name)


def write_typed(folder: Path, name: str) -> None:
    """Write the Parquet file beside a large typed table, and remove that of a former one."""
    packed = folder / f"{name}.csv.gz"
    typed.path_of(packed).unlink(missing_ok=True)
    if name in TYPED and packed.exists():
        typed.write(packed, texts=(*TEXTS, *CATEGORIES, *REQUEST_IDS), flags=FLAGS)


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
    is_typed, known = name in TYPED, KNOWN.get(name)
    try:
        table = _read_typed(path) if is_typed else _read_csv(path)
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


def concat(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables of several runs; columns of categories stay so."""
    first = tables[0]
    names = [name for name in first if all(isinstance(table[name].dtype, CATEGORY) for table in tables)]
    for name in names:
        union = union_categoricals([table[name] for table in tables], sort_categories=True).categories
        tables = [table.assign(**{name: table[name].cat.set_categories(union)}) for table in tables]
    return pd.concat(tables, ignore_index=True)


def _read_csv(path: Path, columns: Sequence[str] | None = None, text: Sequence[str] = TEXTS) -> pd.DataFrame:
    # for a column of empty causes pandas would infer numbers
    types = dict.fromkeys(text, object)
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=types, usecols=columns)


def _read_typed(path: Path) -> pd.DataFrame:
    """Read a table of TYPED from its Parquet file, if it has one, with equal types and values."""
    table = typed.read(path, (*CATEGORIES, *TEXTS)) if path.suffix == ".gz" else None
    known: Mapping[Any, Any] = {True: True, False: False}
    if table is None:
        known = {"True": True, "False": False}
        table = _read_csv(path, text=(*TEXTS, *FLAGS))
        # declared as text, these columns would take twice as long
        ids = [name for name in (*CATEGORIES, *REQUEST_IDS) if name in table]
        numeric = [name for name in ids if is_numeric_dtype(table[name].dtype) and table[name].notna().any()]
        table = table.assign(**_read_csv(path, numeric, numeric)) if numeric else table
    columns: dict[str, Any] = {}
    for name in table:
        if name in FLAGS:
            flags = table[name].map(known)
            columns[name] = flags.astype(bool) if flags.notna().all() else flags.astype(object)
        elif name in TEXTS:
            columns[name] = table[name].astype(object)
        elif name in REQUEST_IDS:
            columns[name] = table[name].astype("str")  # no number where all are missing
        elif name in CATEGORIES:
            texts = table[name].astype("category")
            columns[name] = texts.cat.set_categories(texts.cat.categories.astype("str").sort_values())
    return table.assign(**columns)


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
