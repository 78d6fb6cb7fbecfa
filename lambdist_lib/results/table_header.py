"""Check that tables are whole by their first line and their last byte, without reading them.

`analyse`, `report` and `compare` read different tables. They check all tables of a result first, so the same
damage has the same answer.
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from lambdist_lib.errors import RunError
from lambdist_lib.results import schema

KNOWN: dict[str, Mapping[str, object]] = {
    "records": schema.RECORDS,
    "invocations": schema.INVOCATIONS,
    "runs": schema.RUNS,
}
RESTORE = "restore the file, or leave the run out"
MARK = "\ufeff"  # byte order mark, which spreadsheets write
SHOWN = 3  # names of columns in a message


def require_sound(folders: Iterable[Path]) -> None:
    """Check every table in these folders; missing ones are for the caller to decide.

    Raises:
        RunError: A table is damaged; the message names its first wrong column.
    """
    for folder in folders:
        for name, columns in KNOWN.items():
            for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz"):
                if path.exists():
                    require_whole(path)
                    require_columns(path, columns)
                    break


def require_whole(path: Path) -> None:
    """Raise RunError for a table whose last line was cut off: its row would count, with values missing."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        if size and path.suffix == ".csv" and file.read() != b"\n":
            raise RunError(f"{_named(path)} is cut off in its last line: {RESTORE}")


def require_columns(path: Path, columns: Mapping[str, object]) -> None:
    """Raise RunError unless the first line names these columns; of `runs` later ones may be absent.

    Args:
        path: A table, plain or gzipped.
    """
    header = _first_line(path)
    if not header.strip():
        raise RunError(f"{_named(path)} cannot be read, it is empty: {RESTORE}")
    semicolons = ";" in header and "," not in header
    if semicolons or header.startswith(MARK):
        trace = "semicolons between its columns" if semicolons else "a byte order mark"
        raise RunError(f"{_named(path)} was saved by a spreadsheet, with {trace}: {RESTORE}")
    _require_names(path, header.rstrip("\r\n").split(","), columns)


def _require_names(path: Path, names: list[str], columns: Mapping[str, object]) -> None:
    is_optional = columns is schema.RUNS
    optional = schema.ADDED_LATER if is_optional else {}
    missing = [name for name in columns if name not in names and name not in optional]
    unknown = [name for name in names if name not in columns]
    if missing or unknown:
        parts = [
            f"lacks {_columns(missing)}" if missing else "",
            f"has {_columns(unknown)}" if unknown else "",
        ]
        wrong = " and ".join(filter(None, parts))
        raise RunError(f"{_named(path)} is of another version, or damaged: it {wrong}; {RESTORE}")
    if repeated := [name for name in columns if names.count(name) > 1]:
        raise RunError(f"{_named(path)} is damaged: it has the column {repeated[0]} twice; {RESTORE}")
    if not is_optional and names != list(columns):
        first = next(name for name, known in zip(names, columns, strict=True) if name != known)
        raise RunError(f"{_named(path)} has its columns in another order, from {first} on: {RESTORE}")


def _columns(names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"the column{'s' * (len(names) > 1)} {', '.join(names[:SHOWN])}{rest}"


def _first_line(path: Path) -> str:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8", newline="") as file
        ):
            return file.readline()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise RunError(f"{_named(path)} cannot be read: {error}; {RESTORE}") from error


def _named(path: Path) -> str:
    return f"{path.name} of {path.parent.name}"
