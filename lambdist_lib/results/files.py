"""Write files as a whole or not at all, and read JSON."""

import contextlib
import csv
import errno
import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from lambdist_lib import paths
from lambdist_lib.errors import RunError

GZIP_OVER_BYTES = 5_000_000  # a larger table is gzipped
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file; a crash meanwhile leaves the file as it was.

    Raises:
        RunError: The disk is full, or the file cannot be written.
    """
    with writable(path, "run the command again"), whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def read_json(path: Path, remedy: str = "run again") -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        remedy: What to do where the file is missing or damaged; the end of the error's message.

    Raises:
        RunError: The file is missing, or it does not hold a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{paths.shown(path)} is missing: {remedy}") from None
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise RunError(f"{paths.shown(path)} is damaged: {remedy}")
    return content


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file gets its own name once it is complete."""
    partial = path.with_suffix(".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a path at which to make a private folder; it gets its own name once it is complete.

    Where another process was faster, that one's folder stays.
    """
    paths.make_private(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        partial = Path(scratch) / folder.name
        yield partial
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():
                raise


@contextlib.contextmanager
def table(folder: Path, name: str) -> Iterator[TextIO]:
    """Yield a file for the rows of `<name>.csv` in a folder; a large table is gzipped at the end."""
    plain, packed = folder / f"{name}.csv", folder / f"{name}.csv.gz"
    with whole(plain) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file
    is_large = plain.stat().st_size > GZIP_OVER_BYTES
    if is_large:
        with (
            plain.open("rb") as text,
            whole(packed) as partial,
            partial.open("wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, mtime=0) as pack,
        ):
            shutil.copyfileobj(text, pack)
    (plain if is_large else packed).unlink(missing_ok=True)  # a former one of the other form


def csv_line(cells: Sequence[str]) -> str:
    """Return a line of CSV, as csv.writer writes it; that looks at each character, for 30 times as long."""
    line = ",".join(cells)
    is_plain = line.count(",") == len(cells) - 1 and not any(mark in line for mark in '"\n\r')
    if line and is_plain:
        return f"{line}\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


@contextlib.contextmanager
def writable(path: Path, command: str) -> Iterator[None]:
    """Turn errors of the disk into a RunError that names the command to run afterwards."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        reason = f"cannot write {paths.shown(path)} ({error.strerror})"
        raise RunError(f"{reason}: free disk space, then {command}") from error
