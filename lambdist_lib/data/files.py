"""Read data files of any size in constant memory: plain or gzipped text, one datapoint per line."""

import codecs
import contextlib
import difflib
import functools
import gzip
import hashlib
import itertools
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from lambdist_lib import paths
from lambdist_lib.data import encodings
from lambdist_lib.data.datapoints import Datapoints, Line, count_lines, valid_pattern
from lambdist_lib.errors import DataFileError
from lambdist_lib.protocol import contract

BLOCK_BYTES = 1 << 20


def read(path: str | Path, *, max_chars: int = contract.DATAPOINT_MAX_CHARS, pattern: str = "") -> Datapoints:
    """Read a data file through once to count, check and hash its lines.

    Args:
        path: Plain or gzipped text, looked for in the working directory, then in the project's
            folder. For standard input, `spool` it first.
        max_chars, pattern: The datapoint rule, as the stack has it (`contract.reason_against`).

    Raises:
        DataFileError: The file does not exist, has no datapoint or is not UTF-8 text; or, during an
            iteration, it has changed since.
        UsageError: The pattern is not a regular expression.

    Example:
        >>> points = read("data/nasty.txt", max_chars=20)
        >>> points.submitted, points.rejected, points.blank
        (55, 26, 8)
        >>> next(line.reason for line in points if line.reason)
        'has 23 characters, at most 20 are taken'
    """
    path, checked_pattern = _find(path), valid_pattern(pattern)
    unchanged_lines = functools.partial(_unchanged_lines, path, _state(path), max_chars, checked_pattern)
    with _opened(path) as (stream, _):
        sha256, all_lines = _digest(stream)
    submitted, rejected = count_lines(unchanged_lines())
    if not submitted:
        raise _without_datapoints(path)
    return Datapoints(
        name=paths.shown(path),
        sha256=sha256,
        submitted=submitted,
        rejected=rejected,
        blank=all_lines - submitted,
        lines=unchanged_lines,
        path=str(Path(path).resolve()),
    )


def _unchanged_lines(
    path: Path, state: tuple[int, int] | None, max_chars: int, pattern: str
) -> Iterator[Line]:
    """Yield the lines of a file in this state; raise DataFileError once it has another."""
    _require_state(path, state)
    yield from _lines(path, max_chars, pattern)
    _require_state(path, state)


def _require_state(path: Path, state: tuple[int, int] | None) -> None:
    if _state(path) != state:
        raise DataFileError(f"{paths.shown(path)} changed after it was first read: run the command again")


def lines(
    path: str | Path, *, max_chars: int = contract.DATAPOINT_MAX_CHARS, pattern: str = ""
) -> Iterator[Line]:
    """Read the lines of a data file one by one, without a first pass.

    Raises:
        DataFileError: As for `read`, but a damaged line only when it is reached.
    """
    path, pattern = _find(path), valid_pattern(pattern)
    is_empty = True
    for line in _lines(path, max_chars, pattern):
        is_empty = False
        yield line
    if is_empty:
        raise _without_datapoints(path)


def _without_datapoints(path: Path) -> DataFileError:
    with _opened(path) as (stream, _):
        reason = "all its lines are blank" if stream.read(1) else "it is empty"
    return DataFileError(f"{paths.shown(path)} has no datapoints: {reason}")


def require_file(path: str | Path) -> None:
    """Raise DataFileError if there is no such data file; the message names the nearest ones."""
    _find(path)


def spool(stream: BinaryIO, path: Path) -> Path:
    """Copy a stream such as `sys.stdin.buffer` to a file that can be read again; returns its path."""
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, BLOCK_BYTES)
    return path


def _lines(path: Path, max_chars: int, pattern: str) -> Iterator[Line]:
    longest_bytes = 4 * max_chars + 2  # of a datapoint in UTF-8, with CRLF
    with _opened(path) as (stream, is_gzipped):
        if stream.read(3) != codecs.BOM_UTF8:
            stream.seek(0)
        for n in itertools.count():
            raw = stream.readline(longest_bytes)
            if not raw:
                return
            if n == 0 and b"\r" in raw and raw[-1:] != b"\n" and not _has_line_end(stream):
                why = encodings.old_line_ends(path, is_gzipped=is_gzipped)
                raise DataFileError(f"{paths.shown(path)} {why}")
            before_bytes = stream.tell() - len(raw)
            try:
                if len(raw) == longest_bytes and raw[-1:] != b"\n":
                    data, chars = _measured(raw, stream, max_chars)
                else:
                    data = _without_end(raw).decode()
                    chars = 0 if data.isspace() else len(data)
            except UnicodeDecodeError as error:
                if encodings.is_binary(raw, is_first=n == 0):
                    raise DataFileError(
                        f"{paths.shown(path)} is not text, but binary: write datapoints as text, one a line"
                    ) from None
                encoding, command = encodings.conversion(path, raw, is_first=n == 0, is_gzipped=is_gzipped)
                where = f"at line {n + 1}, byte {before_bytes + error.start} of the file"
                raise DataFileError(
                    f"{paths.shown(path)} is not UTF-8 text {where}; if it is {encoding}: `{command}`"
                ) from None
            if chars > max_chars:
                reason = f"has {chars:,} characters, at most {max_chars:,} are taken"
                yield Line(n, data[:max_chars], reason)
            elif chars:
                yield Line(n, data, contract.reason_against(data, max_chars=max_chars, pattern=pattern) or "")


def _without_end(raw: bytes) -> bytes:
    if raw.endswith(b"\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith(b"\n") else raw


def _measured(raw: bytes, stream: BinaryIO, max_chars: int) -> tuple[str, int]:
    """Return the beginning and the length of an overlong line without keeping the rest.

    A blank line has the length 0, like a short one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, chars, blank, seen_bytes, tail = "", 0, True, 0, b""
    while True:
        pending_bytes = len(decoder.getstate()[0])
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:  # relative to the line, not to the piece
            error.start += seen_bytes - pending_bytes
            raise
        start, chars, blank = start or text[:max_chars], chars + len(text), blank and not text.strip()
        seen_bytes, tail = seen_bytes + len(raw), (tail + raw)[-2:]
        if not raw or raw.endswith(b"\n"):
            break
        raw = stream.readline(BLOCK_BYTES)
    end_chars = len(tail) - len(_without_end(tail))
    return ("", 0) if blank else (start, chars - end_chars)


def _digest(stream: BinaryIO) -> tuple[str, int]:
    """Return the SHA-256 and the number of lines, including blank ones."""
    digest, ends, last = hashlib.sha256(), 0, b"\n"
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
        ends, last = ends + block.count(b"\n"), block[-1:]
    return digest.hexdigest(), ends + (last != b"\n")


def _has_line_end(stream: BinaryIO) -> bool:
    """Return whether a line ends with LF from here on; the position stays."""
    before_bytes = stream.tell()
    has_newline = any(b"\n" in block for block in iter(lambda: stream.read(BLOCK_BYTES), b""))
    stream.seek(before_bytes)
    return has_newline


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Open a file, unpacked if it is gzipped, and tell whether it is; system errors become DataFileError."""
    try:
        with path.open("rb") as file:
            is_gzipped = file.read(2) == encodings.GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if is_gzipped else contextlib.nullcontext(file) as stream:
                text = cast(BinaryIO, stream)
                _require_text(path, text, is_gzipped)
                yield text, is_gzipped
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataFileError(
            f"{paths.shown(path)} is a damaged gzip file ({error}): download or create it again"
        ) from error
    except OSError as error:
        raise DataFileError(f"cannot read {paths.shown(path)}: {error.strerror}") from error


def _require_text(path: Path, stream: BinaryIO, is_gzipped: bool) -> None:
    """Raise DataFileError if the first bytes are those of a packed file, or of text in UTF-16 or UTF-32."""
    head = stream.read(encodings.HEAD_BYTES)
    stream.seek(0)
    if head.startswith(encodings.GZIP_MAGIC):
        raise DataFileError(f"{paths.shown(path)} {encodings.gzipped_twice(path)}")
    packed = encodings.packed_as(head, path, is_gzipped=is_gzipped)
    if why := packed or encodings.unmarked(head, path, is_gzipped=is_gzipped):
        raise DataFileError(f"{paths.shown(path)} {why}")


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _find(path: str | Path) -> Path:
    given, path = Path(path), paths.find(path)
    if path.is_file():
        return path
    if path.is_dir():
        raise DataFileError(f"{given} is a folder: name a file{_list_files(path)}")
    if path.exists():  # such as bash's <(command)
        raise DataFileError(
            f"{given} can be read only once, as it is not a regular file: pipe it in, with - as the file"
        )
    for folder in (given.parent, Path("data"), paths.data()):
        near = difflib.get_close_matches(given.name, _names(folder), n=3)
        if near:
            names = " or ".join(paths.shown(folder / name) for name in near)
            raise DataFileError(f"no data file {given}; did you mean {names}?")
    raise DataFileError(f"no data file {given}{_list_files(paths.data())}")


def _list_files(folder: Path) -> str:
    names = [name for name in _names(folder) if name.endswith((".txt", ".gz"))][:10]
    return f"; {paths.shown(folder)} has {', '.join(names)}" if names else ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []
