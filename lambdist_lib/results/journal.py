"""Append each request's outcome to a journal on disk: JSON lines, one per datapoint and request.

The first line names the fields. Appended lines are handed to the operating system at once, so they
outlive this process; a thread syncs them to the disk every half second. A crash of the machine may
cost the last lines. Their datapoints are then looked up in the table, which is authoritative.
"""

import contextlib
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO

from lambdist_lib.errors import RunError
from lambdist_lib.results import files

SYNC_EVERY_S = 0.5
BLOCK_BYTES = 65_536
SETTLED = 1  # marks a settled datapoint: no row begins at byte 1
ENCODER, DECODER = json.JSONEncoder(check_circular=False), json.JSONDecoder()


class Journal:
    """Append receipts to a file; call close() or use it in a `with`.

    Raises:
        RunError: The file exists with other fields, or cannot be written.
    """

    def __init__(self, path: Path, fields: Iterable[str]) -> None:
        self._path, self._unsynced = path, threading.Event()
        self._error: OSError | None = None
        self._closing = threading.Event()
        head = json.dumps(list(fields)).encode() + b"\n"
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise self._explained(error) from error
        try:
            self._whole_bytes = _end_of_whole_lines(path)
            self._file.truncate(self._whole_bytes)
            if not self._whole_bytes:
                self._write(head)
            elif _first_line(path) != head:
                raise RunError(f"{path.parent.name}: its journal is of another version: start a new run")
        except OSError as error:
            self._file.close()
            raise self._explained(error) from error
        except RunError:
            self._file.close()
            raise
        self._syncer = threading.Thread(target=self._sync_at_intervals, name="journal", daemon=True)
        self._syncer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows, each in the order of the fields.

        Raises:
            RunError: The disk is full. Rows that were written before are complete.
        """
        if lines := list(map(ENCODER.encode, rows)):
            self._write(("\n".join(lines) + "\n").encode())
        self._require_synced()

    def close(self) -> None:
        """Sync all rows to the disk and close the file.

        Raises:
            RunError: The sync failed.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        self._syncer.join()
        self._file.close()
        self._require_synced()

    def _write(self, lines: bytes) -> None:
        """Write all lines or none: half a line would damage the next one."""
        try:
            written = self._file.write(lines)
            while written < len(lines):
                written += self._file.write(lines[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole_bytes)
            raise self._explained(error) from error
        self._whole_bytes += len(lines)
        if not self._unsynced.is_set():
            self._unsynced.set()

    def _sync_at_intervals(self) -> None:
        """Sync in a thread: a sync may take long, and requests must not wait for it."""
        closing = False
        while not closing:
            closing = self._closing.wait(SYNC_EVERY_S)
            if self._unsynced.is_set():
                self._unsynced.clear()
                try:
                    os.fsync(self._file.fileno())
                except OSError as error:
                    self._error = error

    def _require_synced(self) -> None:
        if self._error:
            failed, self._error = self._error, None
            raise self._explained(failed) from failed

    def _explained(self, error: OSError) -> RunError:
        run = self._path.parent.name
        return RunError(
            f"cannot write the journal of {run} ({error.strerror}): "
            f"free disk space, then `lambdist resume {run}`"
        )


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a journal in the order of their writing, without a torn last line.

    Raises:
        RunError: There is no journal, or a line before the last is damaged.
    """
    return (row for _, row in located(path))


def located(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows, each with the byte at which it begins, which is never 0."""
    lines = _lines(path)
    _, fields = next(lines, (0, []))
    for begin, row in lines:
        yield begin, dict(zip(fields, row, strict=True))


def _lines(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """Yield the fields and then the values of each row, with the byte at which the line begins."""
    with _opened(path) as lines:
        width = begin = 0
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            row = _row(line)
            if row is None or (width and len(row) != width):
                raise RunError(f"{path.parent.name}: line {number} of its journal is damaged")
            yield begin, row
            width, begin = len(row), begin + len(line)


def copy(path: Path, file: TextIO, *, settled: str = "") -> Sequence[int]:
    """Write the rows as CSV and return where each datapoint's last row begins.

    Args:
        settled: A verdict whose rows need not be looked up again.

    Returns:
        By n, the byte at which the last row begins; 0 without a row, SETTLED for the verdict `settled`.
    """
    last = array("Q")
    for row in copied(path, file, last):
        if row["verdict"] == settled:
            last[row["n"]] = SETTLED
    return last


def copied(path: Path, file: TextIO, last: "array[int]") -> Iterator[dict[str, Any]]:
    """Yield the rows while writing them as CSV, so that one pass serves a further reader.

    Args:
        last: An empty array of type "Q". It gets by n the byte at which a datapoint's last row begins; 0
            without a row.
    """
    lines = _lines(path)
    _, fields = next(lines, (0, []))
    file.write(files.csv_line(fields))
    for begin, values in lines:
        file.write(files.csv_line(["" if value is None else str(value) for value in values]))
        row = dict(zip(fields, values, strict=True))
        n = row["n"]
        if n >= len(last):
            last.extend([0] * (n + 1 - len(last)))
        last[n] = begin
        yield row


@contextlib.contextmanager
def rows_at(path: Path) -> Iterator[Callable[[int], dict[str, Any]]]:
    """Yield a function that returns the row that begins at a byte, as `located` gives it."""
    with _opened(path) as lines:
        fields = json.loads(lines.readline())

        def row_at(begin: int) -> dict[str, Any]:
            lines.seek(begin)
            return dict(zip(fields, _values(lines.readline()), strict=True))

        yield row_at


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise RunError(f"{path.parent.name} has no journal: nothing of this run was sent") from None


def _row(line: bytes) -> list[Any] | None:
    try:
        row = _values(line)
    except ValueError:
        return None
    return row if isinstance(row, list) else None


def _values(line: bytes) -> Any:
    """Parse a whole line as `append` writes it: json.loads looks for an encoding and spaces first."""
    text = line.decode()
    values, end = DECODER.raw_decode(text)
    if text[end:] != "\n":
        raise ValueError(f"more than one value: {text[end:]!r}")
    return values


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def _end_of_whole_lines(path: Path) -> int:
    """Return the byte after the last complete line; a crash may have left half a line after it."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK_BYTES)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
