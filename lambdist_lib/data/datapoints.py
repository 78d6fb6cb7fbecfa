r"""Datapoints and their validity: the lines of a data file or the strings of a script.

    file       text in UTF-8, with or without a byte order mark, plain or gzipped
    line       ends with LF or CRLF, the last one perhaps with neither; all lines count, from 0
    blank      a line of white space only: skipped and counted, its number stays unused
    datapoint  any other line unchanged, including spaces at both ends
    rejected   a datapoint that breaks the rule of `protocol.contract`: has a reason, is not sent

A CR without LF is a control character. A file with the line ends of old Macs is refused.

    >>> words = from_iterable(["Hello", "two\nlines"])
    >>> [(line.n, line.reason) for line in words]
    [(0, ''), (1, 'has the unprintable character U+000A at 3')]
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lambdist_lib.errors import DataFileError, UsageError
from lambdist_lib.protocol import contract


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank.

    n: 0-based line number in the file.
    data: The line without its end; truncated if it is too long.
    reason: Why it is not a valid datapoint; "" if it is.
    """

    n: int
    data: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoints:
    """The content of a data file; iterate it for its lines, any number of times.

    submitted: Number of lines that are not blank.
    rejected: Number of those that break the datapoint rule.
    sha256: Of the file's bytes; of the unpacked bytes of a gzipped file.
    path: Of the file, absolute; "" without a file.
    """

    name: str
    sha256: str
    submitted: int
    rejected: int
    blank: int
    lines: Callable[[], Iterator[Line]] = field(repr=False)
    path: str = field(default="", repr=False)

    def __iter__(self) -> Iterator[Line]:
        return self.lines()

    @property
    def next_n(self) -> int:
        """Return the number of the next line."""
        return self.submitted + self.blank


def from_iterable(
    items: Iterable[str],
    *,
    max_chars: int = contract.DATAPOINT_MAX_CHARS,
    pattern: str = "",
    name: str = "list",
) -> Datapoints:
    """Make datapoints of strings; each item is one, and none counts as blank.

    The sha256 is that of a file with one item per line. The strings stay in memory.

    Raises:
        DataFileError: There are no items.
        UsageError: The items are a single string, or the pattern is not a regular expression.
    """
    if isinstance(items, str | bytes | Path):
        raise UsageError(
            f"{str(items)[:40]!r} is not a list of datapoints: pass a list, "
            "or read a file with read_datapoints()"
        )
    kept, pattern = tuple(items), valid_pattern(pattern)
    if not kept:
        raise DataFileError(f"{name} has no datapoints: it is empty")

    def checked_lines() -> Iterator[Line]:
        for n, item in enumerate(kept):
            reason = contract.reason_against(item, max_chars=max_chars, pattern=pattern)
            yield Line(n, str(item)[:max_chars], reason or "")

    submitted, rejected = count_lines(checked_lines())
    return Datapoints(
        name=name,
        sha256=_digest(kept),
        submitted=submitted,
        rejected=rejected,
        blank=0,
        lines=checked_lines,
    )


def first(points: Datapoints, count: int) -> Datapoints:
    """Keep the first `count` datapoints, or all of fewer; name and sha256 stay those of the file."""
    submitted = rejected = next_n = 0
    for line in itertools.islice(points, count):
        submitted, rejected, next_n = submitted + 1, rejected + (line.reason != ""), line.n + 1
    return replace(
        points,
        submitted=submitted,
        rejected=rejected,
        blank=next_n - submitted,
        lines=lambda: itertools.islice(points, count),
    )


def with_more(points: Datapoints, items: Sequence[str]) -> Datapoints:
    """Append `items` to datapoints, numbered on; name and sha256 stay those of the file."""
    more = [Line(n, item, contract.reason_against(item) or "") for n, item in enumerate(items, points.next_n)]
    submitted, rejected = count_lines(more)
    return replace(
        points,
        submitted=points.submitted + submitted,
        rejected=points.rejected + rejected,
        lines=lambda: itertools.chain(points, more),
    )


def count_lines(lines: Iterable[Line]) -> tuple[int, int]:
    """Count lines: all of them, and the rejected ones."""
    submitted = rejected = 0
    for line in lines:
        submitted += 1
        rejected += line.reason != ""
    return submitted, rejected


def valid_pattern(pattern: str) -> str:
    """Return a pattern that compiles.

    Raises:
        UsageError: It is not a regular expression.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"the pattern {pattern!r} is not a regular expression: {error}") from None
    return pattern


def _digest(items: Iterable[str]) -> str:
    """Return the SHA-256 of a file with one item per line."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(f"{item}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()
