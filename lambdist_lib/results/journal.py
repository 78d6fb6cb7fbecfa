"""What was sent and answered, on disk as it happens: JSON lines, one per datapoint's request.

The first line names the fields of the others. The table is the truth and the journal a
hint: what is appended is the system's at once and outlives this process; a thread syncs it
to the disk every half second, also while nothing comes. A tail that a crash of the machine
took only means that those datapoints are asked for again.
"""

import contextlib
import csv
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO

from lambdist_lib.errors import RunError

SYNC_EVERY_S = 0.5
BLOCK_BYTES = 65_536
SETTLED = 1  # a place in a journal at which no row begins
ENCODER = json.JSONEncoder()


class Journal:
    """Appends receipts to `path`; close it, or use it in a `with`.

    Raises:
        RunError: It is there already with other fields, or cannot be written.
    """

    def __init__(self, path: Path, fields: Iterable[str]) -> None:
        self._path, self._unsynced = path, threading.Event()
        self._error: OSError | None = None
        self._closing = threading.Event()
        head = json.dumps(list(fields)).encode() + b"\n"
        with self._explained():
            self._file = path.open("ab", buffering=0)
        try:
            with self._explained():
                self._whole_bytes = _end_of_whole_lines(path)
                self._file.truncate(self._whole_bytes)
            if not self._whole_bytes:
                self._write(head)
            elif _first_line(path) != head:
                raise RunError(f"{path.parent.name}: its journal is of another version; start a new run")
        except RunError:
            self._file.close()
            raise
        self._syncer = threading.Thread(target=self._sync_now_and_then, name="journal", daemon=True)
        self._syncer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows, each in the order of the fields.

        Raises:
            RunError: The disk takes no more; what was written before is whole.
        """
        if text := "".join([ENCODER.encode(row) + "\n" for row in rows]):
            self._write(text.encode())
        self._require_synced()

    def close(self) -> None:
        """On disk with all of it.

        Raises:
            RunError: The disk did not take it.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        self._syncer.join()
        self._file.close()
        self._require_synced()

    def _write(self, lines: bytes) -> None:
        """All of it or nothing: half a line would spoil what is appended later."""
        with self._explained():
            try:
                left = memoryview(lines)
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._whole_bytes)
                raise
        self._whole_bytes += len(lines)
        self._unsynced.set()

    def _sync_now_and_then(self) -> None:
        """Runs in a thread: a sync may take long, and the answers of others are not to wait for it."""
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
            with self._explained():
                raise failed

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            run = self._path.parent.name
            raise RunError(
                f"the journal of {run} cannot be written ({error.strerror}); "
                f"make room, then `lambdist resume {run}`"
            ) from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a journal in the order of their writing; a torn last line is left out.

    Raises:
        RunError: There is no journal, or a line before the last is not of one.
    """
    return (row for _, row in located(path))


def located(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `read`, each row with the byte of the file at which it begins, which is never 0."""
    with _opened(path) as lines:
        fields: list[str] = []
        begin = 0
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            row = _row(line)
            if row is None or (fields and len(row) != len(fields)):
                raise RunError(f"{path.parent.name}: line {number} of its journal is damaged")
            if fields:
                yield begin, dict(zip(fields, row, strict=True))
            fields, begin = fields or row, begin + len(line)


def copy(path: Path, file: TextIO, *, settled: str = "") -> Sequence[int]:
    """Write the rows as CSV; returns where the last one of each datapoint begins, by n, 0 for none.

    Args:
        settled: A verdict after which nobody will look up the row: its place is SETTLED.
    """
    with _opened(path) as lines:
        fields = _row(lines.readline()) or []
    last, writer = array("Q"), csv.DictWriter(file, fields, lineterminator="\n")
    writer.writeheader()
    for begin, row in located(path):
        writer.writerow(row)
        last.extend([0] * (row["n"] + 1 - len(last)))
        last[row["n"]] = SETTLED if row["verdict"] == settled else begin
    return last


@contextlib.contextmanager
def rows_at(path: Path) -> Iterator[Callable[[int], dict[str, Any]]]:
    """A function that gives the row that begins at a byte: one of those that `located` named."""
    with _opened(path) as lines:
        fields = json.loads(lines.readline())

        def row_at(begin: int) -> dict[str, Any]:
            lines.seek(begin)
            return dict(zip(fields, json.loads(lines.readline()), strict=True))

        yield row_at


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise RunError(f"{path.parent.name} has no journal: nothing of this run was ever sent") from None


def _row(line: bytes) -> list[Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, list) else None


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def _end_of_whole_lines(path: Path) -> int:
    """Where the last whole line ends: after it comes what a crash left without its end."""
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
