"""Model a table of text on a page: columns, rows, a caption, a note below."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambdist_lib.formatting import NONE, label

FOLDED_OVER = 8  # rows: a longer table opens on a click, and has a filter
MAX_ROWS = 60  # of a table on a page; the files beside it have all rows
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """numeric: right-aligned. free: text from data, of any script and direction. whole: never wrapped."""

    name: str
    numeric: bool = False
    free: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first cell of a row is its header. section: the report's section that it belongs to."""

    id: str
    section: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def is_long(self) -> bool:
        """Whether a page shows it folded."""
        return len(self.rows) > FOLDED_OVER

    @property
    def filter_from(self) -> int:
        """The number of rows from which a page offers a filter."""
        return FOLDED_OVER + 1


def plain(
    id: str,
    section: str,
    caption: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    notes: Iterable[str] = (),
) -> Table:
    """Return a table whose first column is text and whose others are numbers; each note once."""
    headers = tuple(Column(name=name, numeric=place > 0) for place, name in enumerate(columns))
    note = "; ".join(dict.fromkeys(text for text in notes if text))
    return Table(id=id, section=section, caption=caption, columns=headers, rows=tuple(rows), note=note)


def keyed(id: str, section: str, caption: str, facts: dict[str, Any]) -> Table:
    """Return facts by name as a table of two columns."""
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
    """Return a table with a column per entry of `cells`; `texts` names the columns that are no numbers."""
    columns = tuple(Column(name=name, numeric=name not in texts) for name in cells)
    content = tuple(tuple(cell(row) for cell in cells.values()) for row in rows)
    return Table(id=id, section=section, caption=caption, columns=columns, rows=content)


def marked(
    table: Table, *names: str, numeric: bool | None = None, free: bool = False, whole: bool = False
) -> Table:
    """Return the table with these columns marked as free or whole, and as numeric or not if that is given."""

    def mark(column: Column) -> Column:
        is_numeric = column.numeric if numeric is None else numeric
        return replace(column, numeric=is_numeric, free=free, whole=whole)

    columns = tuple(mark(column) if column.name in names else column for column in table.columns)
    return replace(table, columns=columns)


def cut(table: Table) -> Table:
    """Cut the table at MAX_ROWS, with a note of how many rows there are."""
    if len(table.rows) <= MAX_ROWS:
        return table
    note = f"The first {MAX_ROWS} of {len(table.rows):,} rows; the files beside this report have all."
    return replace(table, rows=table.rows[:MAX_ROWS], note=note)
