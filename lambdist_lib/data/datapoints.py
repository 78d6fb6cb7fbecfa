r"""The lines of a data file as datapoints, one at a time: files and lines of any size in constant memory.

    file       text in UTF-8, with or without a byte order mark, plain or gzipped
    line       ends with LF or CRLF, the last one perhaps with neither; all lines count, from 0
    blank      a line of nothing but white space: skipped and counted, its number stays unused
    datapoint  any other line as it stands, spaces at both ends included
    rejected   a datapoint against the rule of `contract.py`: comes with the reason, is never sent

A CR without LF is a control character: a file with the line ends of old Macs is one rejected line.

    >>> words = from_iterable(["Hello", "two\nlines"])
    >>> [(line.n, line.reason) for line in words]
    [(0, ''), (1, 'has the unprintable character U+000A at 3')]
"""

import codecs
import contextlib
import difflib
import gzip
import hashlib
import itertools
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

from lambdist_lib import paths
from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.protocol import contract

BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"  # no UTF-8 text begins with it
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank: a datapoint, or with a `reason` why it is none.

    n is its 0-based number in the file. data is without its line end, and cut where it
    is too long.
    """

    n: int
    data: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoints:
    """What a data file holds; iterate it for its lines, as often as you like.

    submitted counts the lines that are not blank, rejected those of them that break the
    rule. sha256 is of the bytes as they lie in the file, unpacked where it is gzipped.
    """

    name: str
    sha256: str
    submitted: int
    rejected: int
    blank: int
    lines: Callable[[], Iterator[Line]] = field(repr=False)

    def __iter__(self) -> Iterator[Line]:
        return self.lines()

    @property
    def next_n(self) -> int:
        """The number that a further line would have."""
        return self.submitted + self.blank


def read(path: str | Path, *, max_chars: int = contract.DATAPOINT_MAX_CHARS, pattern: str = "") -> Datapoints:
    """A data file, read through once before anything is sent.

    Args:
        path: Plain or gzipped text, looked for in the working directory, then in the project's
            folder. For standard input, `spool` it first.
        max_chars, pattern: The datapoint rule, as the stack has it (`contract.reason_against`).

    Raises:
        DataFileError: There is no such file, it holds no datapoint, or it is not UTF-8 text.
            Also later, from the iteration: the file changed after it was read.
        UsageError: The pattern is no regular expression.

    Example:
        >>> points = read("data/nasty.txt", max_chars=20)
        >>> points.submitted, points.rejected, points.blank
        (55, 26, 8)
        >>> next(line.reason for line in points if line.reason)
        'has 23 characters, at most 20 are taken'
    """
    path = _found(path)
    name, state = paths.shown(path), _state(path)

    def unchanged_lines() -> Iterator[Line]:
        require_unchanged()
        yield from lines(path, max_chars=max_chars, pattern=pattern)
        require_unchanged()

    def require_unchanged() -> None:
        if _state(path) != state:
            raise DataFileError(f"{name} changed after it was first read; start again with the file as it is")

    with _opened(path) as stream:
        sha256, all_lines = _digest(stream)
    submitted, rejected = _count(unchanged_lines())
    if not submitted:
        reason = "all its lines are blank" if all_lines else "it is empty"
        raise DataFileError(f"{name} has no datapoints: {reason}")
    return Datapoints(
        name=name,
        sha256=sha256,
        submitted=submitted,
        rejected=rejected,
        blank=all_lines - submitted,
        lines=unchanged_lines,
    )


def lines(
    path: str | Path, *, max_chars: int = contract.DATAPOINT_MAX_CHARS, pattern: str = ""
) -> Iterator[Line]:
    """The lines of a data file from its first on, without reading it through before.

    Raises:
        DataFileError: As `read`, but what is wrong with a line only when the line is reached.
    """
    return _lines(_found(path), max_chars, _checked(pattern))


def from_iterable(
    items: Iterable[str],
    *,
    max_chars: int = contract.DATAPOINT_MAX_CHARS,
    pattern: str = "",
    name: str = "list",
) -> Datapoints:
    """Strings from a script, kept in memory: every item is one datapoint, none is skipped as blank.

    Its sha256 is that of a file with one item a line.

    Raises:
        DataFileError: There are no items.
        UsageError: One string in place of a list, or the pattern is no regular expression.
    """
    if isinstance(items, str | bytes | Path):
        raise UsageError(f"{str(items)[:40]!r} is not a list of datapoints; for a file, read() it")
    kept, pattern = tuple(items), _checked(pattern)
    if not kept:
        raise DataFileError(f"{name} has no datapoints: it is empty")

    def judged() -> Iterator[Line]:
        for n, item in enumerate(kept):
            reason = contract.reason_against(item, max_chars=max_chars, pattern=pattern)
            yield Line(n, str(item)[:max_chars], reason or "")

    digest = hashlib.sha256()
    for item in kept:
        digest.update(f"{item}\n".encode(errors="surrogatepass"))
    submitted, rejected = _count(judged())
    return Datapoints(
        name=name, sha256=digest.hexdigest(), submitted=submitted, rejected=rejected, blank=0, lines=judged
    )


def with_more(points: Datapoints, items: Sequence[str]) -> Datapoints:
    """The same datapoints and then `items`, numbered on; name and sha256 stay those of the file."""
    more = [Line(n, item, contract.reason_against(item) or "") for n, item in enumerate(items, points.next_n)]
    submitted, rejected = _count(more)
    return replace(
        points,
        submitted=points.submitted + submitted,
        rejected=points.rejected + rejected,
        lines=lambda: itertools.chain(points, more),
    )


def spool(stream: BinaryIO, path: Path) -> Path:
    """Copy a stream that can be read only once, such as `sys.stdin.buffer`, to a file; returns the path."""
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, BLOCK_BYTES)
    return path


def _lines(path: Path, max_chars: int, pattern: str) -> Iterator[Line]:
    longest_bytes = 4 * max_chars + 2  # of a datapoint in UTF-8, with CRLF
    with _opened(path) as stream:
        if stream.read(3) != codecs.BOM_UTF8:
            stream.seek(0)
        for n in itertools.count():
            raw = stream.readline(longest_bytes)
            if not raw:
                return
            before_bytes = stream.tell() - len(raw)
            try:
                if len(raw) == longest_bytes and raw[-1:] != b"\n":
                    data, chars = _measured(raw, stream, max_chars)
                else:
                    data = _without_end(raw).decode()
                    chars = 0 if data.isspace() else len(data)
            except UnicodeDecodeError as error:
                raise _not_text(path, n, before_bytes + error.start, raw) from None
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
    """The beginning of a line longer than a datapoint can be, and its length, without keeping the rest.

    A blank line has the length 0, as it would if it were short.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, chars, blank, seen_bytes, tail = "", 0, True, 0, b""
    while True:
        pending_bytes = len(decoder.getstate()[0])
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:  # say where in the line, not where in the piece
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
    """SHA-256 and number of lines, blank ones included."""
    digest, ends, last = hashlib.sha256(), 0, b"\n"
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
        ends, last = ends + block.count(b"\n"), block[-1:]
    return digest.hexdigest(), ends + (last != b"\n")


def _count(judged: Iterable[Line]) -> tuple[int, int]:
    submitted = rejected = 0
    for line in judged:
        submitted += 1
        rejected += line.reason != ""
    return submitted, rejected


def _checked(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"the pattern {pattern!r} is no regular expression: {error}") from None
    return pattern


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked where it is gzipped; what the system says against it becomes ours."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if packed else contextlib.nullcontext(file) as stream:
                yield cast(BinaryIO, stream)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataFileError(f"{paths.shown(path)} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise DataFileError(f"{paths.shown(path)} cannot be read: {error.strerror}") from error


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _found(path: str | Path) -> Path:
    asked = Path(path)
    for path in (asked, paths.ROOT / asked):
        if path.is_file():
            return path
        if path.is_dir():
            raise DataFileError(f"{asked} is a folder; name a file{_offered(path)}")
        if path.exists():  # such as bash's <(command)
            raise DataFileError(f"{asked} can be read only once, being no regular file; pipe it in, as -")
    for folder in (asked.parent, paths.DATA):
        near = difflib.get_close_matches(asked.name, _names(folder), n=3)
        if near:
            names = " or ".join(paths.shown(folder / name) for name in near)
            raise DataFileError(f"no data file {asked}; did you mean {names}?")
    raise DataFileError(f"no data file {asked}{_offered(paths.DATA)}")


def _offered(folder: Path) -> str:
    names = [name for name in _names(folder) if name.endswith((".txt", ".gz"))][:10]
    return f"; {paths.shown(folder)} has {', '.join(names)}" if names else ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []


def _not_text(path: Path, n: int, offset_bytes: int, raw: bytes) -> DataFileError:
    utf16 = n == 0 and raw.startswith(UTF16_MARKS)
    encoding = "UTF-16" if utf16 else "LATIN1"
    return DataFileError(
        f"{paths.shown(path)} is not UTF-8 text at line {n + 1}, byte {offset_bytes} of the file; "
        f"if it is {encoding}: iconv -f {encoding} -t UTF-8 {path.name} > new.txt"
    )
