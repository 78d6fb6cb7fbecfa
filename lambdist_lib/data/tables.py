"""Read tables and JSON lines, row by row: CSV, TSV, Parquet and JSONL, plain or packed.

    for row in rows("pages.csv.gz", columns=["url"]): ...          "https://..."
    for row in rows("pages.csv", columns=["url", "lang"]): ...     {"url": "https://...", "lang": "en"}

A row is the value of one column, or a dict of several; without columns a dict of all, and of JSONL
whatever the line holds. Values of CSV and TSV are strings as they stand; quoted fields may hold line
ends. Memory is that of one row, for Parquet of one batch.
"""

import bz2
import contextlib
import csv
import functools
import gzip
import io
import itertools
import json
import lzma
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from lambdist_lib import paths
from lambdist_lib.data import encodings
from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.extras import needed

LINES, JSONL, CSV, TSV, PARQUET = FORMATS = ("lines", "jsonl", "csv", "tsv", "parquet")
SUFFIXES = {".jsonl": JSONL, ".ndjson": JSONL, ".csv": CSV, ".tsv": TSV, ".tab": TSV, ".parquet": PARQUET}
PACKED = (".gz", ".bz2", ".xz", ".zst")
FIELD_MAX_CHARS = 1 << 20  # of a CSV field; csv's own limit is 128 KiB
BATCH_ROWS = 4096
HEADER_LINES, SEPARATORS = 6, (",", "\t", ";")  # looked at for a header


def guess_format(name: str | Path) -> str:
    """Return the format that a file's name stands for; "lines" for any unknown ending.

    >>> guess_format("pages.csv.gz"), guess_format("words.txt")
    ('csv', 'lines')
    """
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    while suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1], LINES) if suffixes else LINES


def checked_format(name: str) -> str:
    """Return a format's name.

    Raises:
        UsageError: It is not one of `FORMATS`.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}: write one of {', '.join(FORMATS)}")
    return name


def likely_header(path: str | Path) -> str:
    """Return the first line of a text file if it looks like the header of a table; "" otherwise.

    That is a line of names, above lines with as many fields of which one column holds numbers only.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError, csv.Error):
        with paths.find(path).open(encoding="utf-8-sig", newline="") as file:
            lines = [line.rstrip("\r\n") for line in itertools.islice(file, HEADER_LINES)]
        for separator in SEPARATORS:
            table = list(csv.reader(lines, delimiter=separator))
            if len(table) > 2 and len(table[0]) > 1 and _is_header(table[0], table[1:]):
                return lines[0]
    return ""


def _is_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    if len(set(names)) < len(names) or any(not name.strip() or _is_number(name) for name in names):
        return False
    columns = list(zip(*rows, strict=False))
    return {len(row) for row in rows} == {len(names)} and any(all(map(_is_number, c)) for c in columns)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_packed(name: str | Path) -> bool:
    """Return whether a file's name says that it is compressed, other than by gzip in its lines."""
    return Path(name).suffix.lower() in PACKED


def rows(path: str | Path, *, format: str = "", columns: Sequence[str] = ()) -> Iterator[Any]:
    """Yield the rows of a file.

    Args:
        format: One of `FORMATS`; guessed from the name if empty.
        columns: Of the row; one gives its value alone.

    Raises:
        DataFileError: The file does not exist, is damaged, is not UTF-8, or lacks a column.
        UsageError: Columns are chosen of a file of lines, or the format is unknown.
        MissingExtraError: Parquet needs pyarrow, and .zst zstandard.
    """
    path = paths.find(path)
    format = checked_format(format or guess_format(path))
    if format == LINES and columns:
        raise UsageError(f"{path.name} is read as lines, which have no columns: add --format csv or the like")
    try:
        for n, row in enumerate(_rows(path, format)):
            yield _chosen(row, columns, path, n)
    except UnicodeDecodeError as error:
        raise DataFileError(f"{paths.shown(path)} {_not_text(path, error)}") from None
    except (OSError, EOFError, csv.Error, lzma.LZMAError) as error:
        raise DataFileError(f"{paths.shown(path)} cannot be read as {format}: {error}") from error


def _rows(path: Path, format: str) -> Iterator[Any]:
    if format == PARQUET:
        yield from _parquet(path)
        return
    with _opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        if format in (CSV, TSV):
            csv.field_size_limit(FIELD_MAX_CHARS)
            reader = csv.DictReader(text, delimiter="," if format == CSV else "\t", strict=True)
            _require_distinct(reader.fieldnames or (), path)
            for row in reader:
                if None in row or None in row.values():
                    raise DataFileError(
                        f"{paths.shown(path)} has another number of fields than its header at line "
                        f"{reader.line_num}"
                    )
                yield row
        elif format == JSONL:
            yield from _json_lines(text, path)
        else:
            yield from (line.rstrip("\r\n") for line in text)


def _require_distinct(names: Sequence[str], path: Path) -> None:
    """Raise DataFileError for a header that names two columns alike: a row would keep one of them."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataFileError(f"{paths.shown(path)} has two columns {name!r}: rename one of them")


def _not_text(path: Path, error: UnicodeDecodeError) -> str:
    """Return what a table is instead of UTF-8 text, and the command that converts it."""
    with path.open("rb") as file:
        head = file.read(encodings.HEAD_BYTES)
    is_gzipped = path.suffix.lower() == ".gz"
    if not is_packed(path):
        if head.startswith(encodings.GZIP_MAGIC):
            return "is a gzipped file: give it a name that ends with .gz"
        if packed := encodings.packed_as(head, path):
            return packed
    line = error.object[error.start : error.start + 100]
    encoding, command = encodings.conversion(path, line, is_first=error.start == 0, is_gzipped=is_gzipped)
    return f"is not UTF-8 text ({error.reason}); if it is {encoding}: `{command}`"


def _json_lines(text: IO[str], path: Path) -> Iterator[Any]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataFileError(f"{paths.shown(path)} is not JSON at line {number}: {error}") from None


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    with needed("files", "reading Parquet"):
        import pyarrow.parquet
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DataFileError(f"{paths.shown(path)} cannot be read as {PARQUET}: {error}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked as its name says."""
    openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    suffix = path.suffix.lower()
    if suffix == ".zst":
        with needed("files", "reading .zst"):
            import zstandard
        try:
            with zstandard.open(path, mode="rb") as stream:
                yield stream
        except zstandard.ZstdError as error:
            raise DataFileError(f"{paths.shown(path)} cannot be unpacked: {error}") from error
        return
    with openers.get(suffix, functools.partial(open, mode="rb"))(path) as stream:
        yield stream


def _chosen(row: Any, columns: Sequence[str], path: Path, n: int) -> Any:
    if not columns:
        return row
    if not isinstance(row, dict):
        raise DataFileError(f"{paths.shown(path)}: row {n} is not an object, so it has no columns")
    if missing := [name for name in columns if name not in row]:
        known = ", ".join(map(str, row))
        raise DataFileError(f"{paths.shown(path)}: row {n} has no column {missing[0]!r}; it has {known}")
    return row[columns[0]] if len(columns) == 1 else {name: row[name] for name in columns}
