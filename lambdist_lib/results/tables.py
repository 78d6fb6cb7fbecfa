"""Write and read the tables of a run's folder."""

import operator
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.results import files, schema, table_header, typed

TYPED = ("records", "invocations")  # tables whose ids are categories, and that are also Parquet if large
TEXTS = ("cause", "cause_class", "failure_causes")
# of a typed table: few values in many rows, and the ids of requests, of which each may be another one
CATEGORIES = ("run_id", "arm", "outcome", "function", "entry_environment_id", "environment_id")
REQUEST_IDS = ("entry_request_id", "request_id")
FLAGS = ("entry_cold", "cold")


def runs_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of runs (`schema.RUNS`) from their facts."""
    return pd.DataFrame([schema.run_row(row) for row in rows], columns=list(schema.RUNS))


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write a table as `<name>.csv` to a folder, gzipped if it is large."""
    with files.table(folder, name) as file:
        table.to_csv(file, index=False, float_format="%.6f")
    write_typed(folder, name)


def row_writer(file: TextIO, columns: Collection[str]) -> Callable[[Mapping[str, Any]], None]:
    """Write a table's header; return a function that writes one row, as `write_table` writes them all.

    For rows that come one by one: a DataFrame of some thousands takes five times as long to make and write.
    """
    values = operator.itemgetter(*columns)

    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.6f}" if value == value else ""
        return "" if value is None else str(value)

    def write(row: Mapping[str, Any]) -> None:
        file.write(files.csv_line([cell(value) for value in values(row)]))

    file.write(files.csv_line([*columns]))
    return write


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
    return load_all([run], name)


def load_all(
    runs: Sequence[str | Path], name: str = "records", columns: Collection[str] | None = None
) -> pd.DataFrame:
    """Read a table of several folders as one, as `load` reads that of one folder.

    Args:
        columns: The columns to read of a table of TYPED; by default all.
    """
    paths = [_checked_path(Path(run), name) for run in runs]
    if name in TYPED and (table := _from_parquet(paths, columns)) is not None:
        return table
    loaded = [_load(path, name, columns) for path in paths]
    filled = [table for table in loaded if not table.empty] or loaded[:1]
    del loaded
    table = filled[0] if len(filled) == 1 else concat(filled)
    if name in TYPED:
        return _with_types(table)
    return table.fillna({column: "" for column in TEXTS if column in table})


def _checked_path(run: Path, name: str) -> Path:
    """Return a table's path; raise RunError unless it is there, with all of its lines and columns."""
    for path in (run / f"{name}.csv", run / f"{name}.csv.gz"):
        if path.exists():
            break
    else:
        raise RunError(f"{run.name} has no {name}.csv: the run was not collected")
    table_header.require_whole(path)
    if name in table_header.KNOWN:
        table_header.require_columns(path, table_header.KNOWN[name])
    return path


def _from_parquet(paths: Sequence[Path], columns: Collection[str] | None) -> pd.DataFrame | None:
    """Read tables of TYPED as one from their Parquet files; None unless all have one."""
    if any(path.suffix != ".gz" for path in paths):
        return None
    return typed.read(paths, categories=CATEGORIES, texts=TEXTS, columns=columns)


def _load(path: Path, name: str, columns: Collection[str] | None = None) -> pd.DataFrame:
    try:
        table = _read_typed(path, columns) if name in TYPED else _read_csv(path)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise RunError(f"{path.name} of {path.parent.name} cannot be read: {error}") from error
    if name == "runs":
        absent = {column: value for column, value in schema.ADDED_LATER.items() if column not in table}
        table = table.assign(**absent)
        table = table[list(schema.RUNS)]
    return table


def concat(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables of several runs; columns of categories stay so.

    Empties the list where it has categories, and drops its columns one by one: the memory holds them once.
    """

    def is_category(column: pd.Series) -> bool:
        return isinstance(column.dtype, pd.CategoricalDtype)

    if not any(is_category(table[name]) for table in tables for name in CATEGORIES if name in table):
        return pd.concat(tables, ignore_index=True)
    columns = {}
    left = [dict(table.items()) for table in tables]
    tables.clear()
    for name in list(left[0]):
        parts = [table.pop(name) for table in left]
        if any(map(is_category, parts)):
            union = pd.api.types.union_categoricals(
                [part if is_category(part) else part.astype("str").astype("category") for part in parts],
                sort_categories=True,
            )
            columns[name] = pd.Series(union, name=name)
        else:
            columns[name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns, copy=False)


def _read_csv(
    path: Path, columns: Collection[str] | None = None, text: Sequence[str] = TEXTS
) -> pd.DataFrame:
    # for a column of empty causes pandas would infer numbers
    types = dict.fromkeys(text, object)
    wanted = None if columns is None else [*columns]
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=types, usecols=wanted)


def _read_typed(path: Path, columns: Collection[str] | None) -> pd.DataFrame:
    """Read a table of TYPED from its Parquet file, if it has one; `_with_types` makes both alike."""
    if (table := _from_parquet([path], columns)) is not None:
        return table
    table = _read_csv(path, columns, text=(*TEXTS, *FLAGS))
    # declared as text, these columns would take twice as long
    ids = [name for name in (*CATEGORIES, *REQUEST_IDS) if name in table]
    numeric = [
        name for name in ids if pd.api.types.is_numeric_dtype(table[name].dtype) and table[name].notna().any()
    ]
    return table.assign(**_read_csv(path, numeric, numeric)) if numeric else table


def _with_types(table: pd.DataFrame) -> pd.DataFrame:
    known: Mapping[Any, Any] = {True: True, False: False, "True": True, "False": False}
    columns: dict[str, Any] = {}
    for name in table:
        if name in FLAGS:
            flags = table[name] if table[name].dtype == bool else table[name].map(known)
            columns[name] = flags.astype(bool) if flags.notna().all() else flags.astype(object)
        elif name in TEXTS:
            columns[name] = table[name].astype(object).fillna("")
        elif name in REQUEST_IDS:
            columns[name] = table[name].astype("str")  # no number where all are missing
        elif name in CATEGORIES:
            texts = table[name].astype("category")
            columns[name] = texts.cat.set_categories(texts.cat.categories.astype("str").sort_values())
    return table.assign(**columns)
