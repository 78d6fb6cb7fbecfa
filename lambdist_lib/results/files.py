"""Write files whole or not at all."""

import contextlib
import errno
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from lambdist_lib import paths
from lambdist_lib.errors import RunError

GZIP_OVER_BYTES = 5_000_000  # a table of a run that is larger is packed


DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a crash in the middle leaves what was there before.

    Raises:
        RunError: The disk does not take it.
    """
    with writable(path, "type the same again"), whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that has its own name only once it is whole."""
    partial = path.with_suffix(".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def table(folder: Path, name: str) -> Iterator[TextIO]:
    """Where to write `<name>.csv` of a folder, row by row; packed at the end where it is large."""
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
    (plain if is_large else packed).unlink(missing_ok=True)  # and with it an earlier sitting's


@contextlib.contextmanager
def writable(path: Path, what_then: str) -> Iterator[None]:
    """Explain what a disk says that takes no more."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        what = f"{paths.shown(path)} cannot be written ({error.strerror})"
        raise RunError(f"{what}; make room, then {what_then}") from error
