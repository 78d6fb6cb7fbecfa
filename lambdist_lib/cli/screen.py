"""Show paragraphs and tables on a terminal: wrapped to its width, with colours where it has them.

rich lays the tables out: it knows how wide each character is, and wraps cells where a table is too wide.
Into a file or a pipe go plain text, tables of 80 columns (or COLUMNS), and paragraphs that are not wrapped.
A command in backticks stays on one line, so that it can be copied; `Verbatim` lines are never wrapped.
"""

import io
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from lambdist_lib.formatting import GLUE, glued, wrapped_to

if TYPE_CHECKING:
    from lambdist_lib.report.table_model import Table

Blocks = Sequence["str | Table"]


class Verbatim(str):
    """Lines to copy, such as a command or a path."""


CONTROLS = re.compile(  # beside TAB and newline: C0, C1, line separators, bidirectional overrides, surrogates
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
STYLES = (  # of a verdict's words, the first that begins a cell
    (re.compile(r".*, no interval$"), ""),
    (re.compile(r"[\d.,]+ times faster|faster|Yes: "), "green"),
    (re.compile(r"[\d.,]+ times slower|slower|No: "), "red"),
    (re.compile(r"no clear difference|no difference|no interval"), "yellow"),
)
GAP = 2  # cells between two columns
FIRST_MAX_CELLS = 28  # of a first column that is not wrapped
LONG_WORD = 20  # cells; a longer word, such as a path, may be broken
RED, BOLD, PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"


def printable(text: str) -> str:
    """Escape what would control a terminal: a result or an API's message may hold anything."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def width() -> int:
    """Return the columns of the terminal (COLUMNS, if set); 80 without a terminal."""
    return max(shutil.get_terminal_size().columns, 40)


def has_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours, and NO_COLOR does not forbid them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def error_line(text: str) -> str:
    """Return an error's line for stderr; on a terminal wrapped, with its first word in red."""
    line = f"lambdist: {printable(text)}"
    if sys.stderr.isatty():
        line = "\n".join(map(wrapped, line.split("\n")))
    return line.replace("lambdist:", f"{RED}lambdist:{PLAIN}", 1) if has_colours(sys.stderr) else line


def wrapped(line: str) -> str:
    """Wrap a line between words to the terminal's width."""
    return wrapped_to(width(), line)


def show(blocks: Blocks) -> None:
    """Print paragraphs and tables on stdout, with an empty line before and after a table."""
    print(render(blocks, columns=width(), colours=has_colours(sys.stdout), wrap=sys.stdout.isatty()), end="")


def render(blocks: Blocks, *, columns: int, colours: bool, wrap: bool = True) -> str:
    """Return paragraphs and tables as text.

    Args:
        wrap: Also wrap the paragraphs, between words.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=io.StringIO(), width=columns, color_system="standard" if colours else None,
        force_terminal=colours, legacy_windows=False, highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    for place, block in enumerate(blocks):
        before = blocks[place - 1] if place else None
        if place and not (isinstance(block, str) and isinstance(before, str)):
            console.print()
        if isinstance(block, Verbatim):
            console.file.write(f"{printable(block)}\n")
            continue
        if isinstance(block, str):
            console.print(_paragraph(printable(block)), soft_wrap=not wrap)
            continue
        console.print(Text(printable(block.caption), style="bold"))
        for place, part in enumerate(parts(block, columns)):
            if place:
                console.print()
            console.print(_table(part, columns))
        if block.note:
            console.print(printable(block.note), style="dim")
    text: str = console.file.getvalue().replace(GLUE, " ")  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _paragraph(text: str) -> Any:
    from rich.text import Text

    head, colon, rest = text.partition(": ")
    paragraph = Text(glued(text))  # as long as the text
    for pattern, style in STYLES:
        if colon and style and pattern.match(rest):
            paragraph.stylize(f"bold {style}", len(head) + 2, len(head) + 2 + len(rest.split(" (")[0]))
    return paragraph


def parts(table: "Table", columns: int) -> "list[Table]":
    """Split a table whose numbers do not fit beside each other: each part repeats the first column."""
    needed = [_least_cells(table, place) for place in range(len(table.columns))]
    split: list[list[int]] = [[]]
    for place in range(1, len(table.columns)):
        in_line = [0, *split[-1], place]
        if split[-1] and sum(needed[other] + GAP for other in in_line) - GAP > columns:
            split.append([])
        split[-1].append(place)
    return [
        replace(
            table,
            columns=tuple(table.columns[place] for place in (0, *places)),
            rows=tuple(tuple(row[place] for place in (0, *places)) for row in table.rows),
        )
        for places in split
    ]


def _least_cells(table: "Table", place: int) -> int:
    """Return the width below which a number is broken, or the longest word of the header or of a text."""
    from rich.cells import cell_len

    column, natural = table.columns[place], _natural_cells(table, place)
    if column.whole or (not place and natural <= FIRST_MAX_CELLS):
        return natural
    if column.numeric:
        return max(_in_two_lines(column.name), *(cell_len(_shown(row[place])) for row in table.rows), 0)
    words = max(map(cell_len, _shown(column.name).split()), default=0)
    of_texts = max((cell_len(word) for row in table.rows for word in _shown(row[place]).split()), default=0)
    return min(max(words, of_texts), LONG_WORD)


def _in_two_lines(name: str) -> int:
    """Return the least width at which a header takes two lines."""
    from rich.cells import cell_len

    words = _shown(name).split()
    heads = (max(cell_len(" ".join(words[:k])), cell_len(" ".join(words[k:]))) for k in range(len(words)))
    return min(heads, default=0)


def _natural_cells(table: "Table", place: int) -> int:
    """Return the width of a column of which nothing is wrapped."""
    from rich.cells import cell_len

    texts = (table.columns[place].name, *(row[place] for row in table.rows))
    return max(cell_len(_shown(text)) for text in texts)


def _shown(text: str) -> str:
    return glued(printable(text))


def _table(table: "Table", columns: int) -> Any:
    """Lay out a table: where it is too wide, first the headers of numbers are wrapped, then texts."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style=""
    )
    natural = [_natural_cells(table, place) + GAP for place in range(len(table.columns))]
    is_wide = sum(natural) - GAP > columns
    for place, column in enumerate(table.columns):
        drawn.add_column(
            Text(_shown(column.name)), justify="right" if column.numeric else "left",
            no_wrap=column.whole and not column.numeric, overflow="fold",
            width=_least_cells(table, place) if is_wide and column.numeric else None,
        )  # fmt: skip
    for row in table.rows:
        drawn.add_row(*(Text(_shown(cell), style=_style(cell)) for cell in row))
    return drawn


def _style(cell: str) -> str:
    return next((style for pattern, style in STYLES if pattern.match(cell)), "")
