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
