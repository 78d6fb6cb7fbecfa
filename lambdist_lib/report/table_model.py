"""Tables of text as a page has them: columns, rows, a caption, a note below."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambdist_lib.formatting import NONE, label

MOST_ROWS = 60  # of a table in a page; the files beside it have all
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """numeric: aligned at the right. free: text that somebody else wrote, of any script and direction.
    whole: never cut into lines."""

    name: str
    numeric: bool = False
    free: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first cell of a row is its header. section: the heading of a report that it stands under."""

    id: str
    section: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def plain(
    id: str,
    section: str,
    caption: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    notes: Iterable[str] = (),
) -> Table:
    """A table of texts, numbers in all columns but the first; each note once, below."""
    made = tuple(Column(name=name, numeric=place > 0) for place, name in enumerate(columns))
    told = "; ".join(dict.fromkeys(note for note in notes if note))
    return Table(id=id, section=section, caption=caption, columns=made, rows=tuple(rows), note=told)


def keyed(id: str, section: str, caption: str, facts: dict[str, Any]) -> Table:
    """Facts by name, as a table of two columns."""
    rows = tuple((label(name), _fact(value)) for name, value in facts.items())
    columns = (Column(name="what"), Column(name="value", free=True))
    return Table(id=id, section=section, caption=caption, columns=columns, rows=rows)


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value) or NONE


def of_rows(
    id: str,
    section: str,
    caption: str,
    rows: Iterable[Row],
    cells: dict[str, Callable[[dict[str, Any]], str]],
    texts: tuple[str, ...] = (),
) -> Table:
    columns = tuple(Column(name=name, numeric=name not in texts) for name in cells)
    made = tuple(tuple(cell(row) for cell in cells.values()) for row in rows)
    return Table(id=id, section=section, caption=caption, columns=columns, rows=made)


def marked(table: Table, *names: str, free: bool = False, whole: bool = False) -> Table:
    """The table with these columns marked so."""
    columns = tuple(
        replace(one, free=free, whole=whole) if one.name in names else one for one in table.columns
    )
    return replace(table, columns=columns)


def cut(table: Table) -> Table:
    """At most MOST_ROWS of it, and a note of how many there are."""
    if len(table.rows) <= MOST_ROWS:
        return table
    note = f"The first {MOST_ROWS} of {len(table.rows):,} rows; the files beside this report have all."
    return replace(table, rows=table.rows[:MOST_ROWS], note=note)
