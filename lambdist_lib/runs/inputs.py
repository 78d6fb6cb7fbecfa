"""Find what a run sends: a file of lines as it is, a table or an iterable as a file of datapoints.

    source of data                     datapoint for a function         for a processing.py
    lines                              the line, a string               the line
    one column of a table              the value, any JSON type         the value; JSON if not a string
    several columns, or a JSONL row    a dict                           its JSON text
    an iterable                        the item (`data.items`)          a string; nothing else

`n` of a datapoint is the number of its row, from 0.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import files, items, tables
from lambdist_lib.data.datapoints import Line
from lambdist_lib.data.files import lines
from lambdist_lib.deployment import callables
from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.progress import Log, to_stderr
from lambdist_lib.results import folders

S3 = "s3://"
SEVERAL_LINES = "choose a second column too, such as --column id,text, and it receives both as JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where datapoints come from, and what reads them.

    data: File, `-`, `s3://bucket/key` or iterable. format, columns: of a file (`data.tables`).
    for_function: a function receives them, else a processing.py.
    """

    data: str | Path | Iterable[object]
    format: str = ""
    columns: Sequence[str] = ()
    for_function: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.columns, str):
            raise UsageError(f"columns is one string: pass a list, such as [{self.columns!r}]")
        if not self.is_file and (self.format or self.columns):
            raise UsageError("format and columns are for files; pick the columns of a DataFrame before")
        if self.columns and self.read_as == tables.LINES:
            raise UsageError(
                f"{self.data} is read as lines, which have no columns: add --format csv or the like"
            )

    @property
    def is_file(self) -> bool:
        return isinstance(self.data, str | Path)

    @property
    def is_remote(self) -> bool:
        return self.is_file and str(self.data).startswith(S3)

    @property
    def read_as(self) -> str:
        """The format, said or guessed; JSON lines that a processing.py takes whole are lines."""
        known = tables.checked_format(self.format or tables.guess_format(str(self.data)))
        return tables.LINES if known == tables.JSONL and not (self.columns or self.for_function) else known

    @property
    def is_plain(self) -> bool:
        """Whether the file itself is read by every command, as lines of text."""
        name = str(self.data)
        packed = tables.is_packed(name) and not name.endswith(".gz")
        return self.is_file and self.read_as == tables.LINES and not packed and not self.is_remote

    @property
    def encoding(self) -> str:
        """How datapoints are encoded in their file: "json" or "text" (`RunInfo.encoding`)."""
        if not self.is_file:
            return "json" if self.for_function else "text"
        if self.read_as == tables.LINES:
            return "text"
        return "json" if self.for_function or len(self.columns) != 1 else "text"

    @property
    def for_json(self) -> bool:
        """Whether the function receives decoded JSON instead of the string."""
        return self.for_function and self.encoding == "json"

    def file(
        self, experiment: Path, *, max_chars: int, target: Target | None = None, log: Log = to_stderr
    ) -> str | Path:
        """Return the file of datapoints; what is not plain lines is written into the experiment's folder.

        Raises:
            DataFileError: The file does not exist, is damaged or lacks a column.
            UsageError: A row cannot be a datapoint; names it.
        """
        if self.is_plain:
            assert isinstance(self.data, str | Path)
            path = folders.data_file(self.data, experiment)
            if note := self.header_note(path):
                log(note)
            return path
        try:
            path = folders.items_file(
                self.rows(target),
                experiment,
                max_chars=max_chars,
                encode=self._encode,
                as_json=self.encoding == "json",
            )
        except UsageError as error:
            raise self._named(error) from None
        if self.is_file:
            chosen = f", column {', '.join(self.columns)}" if self.columns else ""
            header = " with a header line" if self.read_as in (tables.CSV, tables.TSV) else ""
            log(f"{self.data}: read as {self.read_as}{header}{chosen}")
        return path

    def for_code(self, code: Iterable[str]) -> "Source":
        """Return the source as the code of a deployed stack takes it.

        Raises:
            UsageError: A function runs there whose items are JSON, and the file is lines of text.
        """
        if not (function := callables.takes_json(code)):
            return self
        source = replace(self, for_function=True)
        if source.encoding != "json":
            raise UsageError(
                f"nothing was sent: {self.data} is read as lines of text, and the stack runs the function "
                f"{function} of a notebook or script, which takes JSON; `lambdist deploy` puts processing.py "
                "back, --format jsonl sends each line as a JSON item"
            )
        return source

    def require_datapoints(self) -> None:
        """Raise DataFileError for a file that is missing, packed or empty, before anything else is asked.

        Reads the file's beginning; standard input and S3 are read later.
        """
        if self.is_file and not self.is_remote and self.data != "-":
            next(iter(self.lines()), None)

    def header_note(self, path: str | Path) -> str:
        """Say that the first line of a file of lines looks like a header, or ""."""
        if not self.is_plain or not (header := tables.likely_header(path)):
            return ""
        return (
            f"{self.data}: the first line looks like a header ({header[:60]}), and is sent as a "
            "datapoint; --format csv leaves it out"
        )

    def rows(self, target: Target | None = None) -> Iterator[Any]:
        """Yield the items, or the rows of the file."""
        if not isinstance(self.data, str | Path):
            yield from _some(items.each(self.data), "data has no datapoints: it is empty")
            return
        reason = "no row follows its header" if self.read_as in (tables.CSV, tables.TSV) else "it is empty"
        with _local(str(self.data), target) as path:
            rows = tables.rows(path, format=self.read_as, columns=self.columns)
            yield from _some(rows, f"{self.data} has no datapoints: {reason}")

    def lines(self) -> Iterator[Line]:
        """Yield the datapoints, without a file of them."""
        if isinstance(self.data, str) and self.data == "-":
            with _local(self.data, None) as path:
                yield from lines(path)
        elif self.is_plain:
            assert isinstance(self.data, str | Path)
            yield from lines(self.data)
        else:
            for n, row in enumerate(self.rows()):
                try:
                    yield Line(n, self._encode(row))
                except UsageError as error:
                    raise self._named(UsageError(f"item {n} cannot be sent: {error}")) from None

    def _named(self, error: UsageError) -> UsageError:
        """Return an item's error with the file's name, if there is one; a DataFileError has it."""
        return UsageError(f"{self.data}: {error}") if self.is_file and type(error) is UsageError else error

    def _encode(self, row: object) -> str:
        if self.encoding == "json":
            return items.encode(row)
        if self.is_file and isinstance(row, str) and not row.strip():
            return ""  # a blank line: skipped and counted
        if not self.is_file:
            return items.as_text(row)
        return items.as_text(row, remedy=SEVERAL_LINES) if isinstance(row, str) else items.encode(row)


def _some(rows: Iterable[Any], otherwise: str) -> Iterator[Any]:
    """Yield the rows; raise DataFileError for no rows at all."""
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
    if is_empty:
        raise DataFileError(otherwise)


@contextlib.contextmanager
def _local(data: str, target: Target | None) -> Iterator[Path]:
    """The file itself, or a copy of standard input or of the S3 object that is gone afterwards."""
    if data == "-":
        with tempfile.TemporaryDirectory() as folder:
            yield files.spool(sys.stdin.buffer, Path(folder) / "standard-input")
        return
    if not data.startswith(S3):
        path = paths.find(data)
        if not path.is_file():
            raise DataFileError(f"no data file {data}")
        yield path
        return
    bucket, _, key = data.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise UsageError(f"invalid data {data!r}: write s3://BUCKET/KEY")
    if target is None:
        raise UsageError(f"only a run or submit reads S3, not {data}: copy it with `aws s3 cp {data} .`")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / key.rpartition("/")[2]
        from botocore.exceptions import ClientError

        try:
            target.client("s3").download_file(bucket, key, str(path))  # needs s3:GetObject
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchBucket", "NoSuchKey"):
                raise DataFileError(f"no object {data} on {target.label}: check bucket and key") from error
            raise DataFileError(f"{data} cannot be read on {target.label}: {error}") from error
        yield path
