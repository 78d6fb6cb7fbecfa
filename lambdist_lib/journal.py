"""What was sent and answered, on disk as it happens: JSON lines, one per datapoint's request.

The first line names the fields of the others. The table is the truth and the journal a
hint: it is synced at most every half second, and a tail that a crash took only means that
those datapoints are asked for again.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

from lambdist_lib.errors import RunError

SYNC_EVERY_S = 0.5


class Journal:
    """Appends receipts to `path`; close it, or use it in a `with`."""

    def __init__(self, path: Path, fields: Iterable[str]) -> None:
        self._synced_s = time.perf_counter()
        fresh = not path.exists() or path.stat().st_size == 0
        if not fresh:
            _drop_torn_tail(path)
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._path = path
        if fresh:
            self._file.write(json.dumps(list(fields)) + "\n")
            self._sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows, each in the order of the fields.

        Raises:
            RunError: The disk takes no more; what was written before is whole.
        """
        try:
            self._file.write("".join([json.dumps(row) + "\n" for row in rows]))
            if time.perf_counter() - self._synced_s >= SYNC_EVERY_S:
                self._sync()
        except OSError as error:
            raise RunError(
                f"the journal {self._path.name} cannot be written ({error.strerror}); "
                f"make room, then `lambdist resume {self._path.parent.name}`"
            ) from error

    def close(self) -> None:
        self._sync()
        self._file.close()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced_s = time.perf_counter()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a journal in the order of their writing; a torn last line is left out.

    Raises:
        RunError: There is no journal, or a line before the last is not of one.
    """
    try:
        lines = path.open(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(f"{path.parent.name} has no journal: nothing of this run was ever sent") from None
    with lines:
        fields: list[str] | None = None
        for number, line in enumerate(lines, 1):
            if not line.endswith("\n"):
                return
            try:
                row = json.loads(line)
            except ValueError:
                raise RunError(f"{path.parent.name}: line {number} of its journal is not JSON") from None
            if fields is None:
                fields = row
            else:
                yield dict(zip(fields, row, strict=True))


def _drop_torn_tail(path: Path) -> None:
    """Cut a last line that a crash left without its end."""
    with path.open("rb+") as file:
        file.seek(0, os.SEEK_END)
        end = file.tell()
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)
