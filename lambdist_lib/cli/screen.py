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
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from lambdist_lib.report.table_model import Table

Blocks = Sequence["str | Table"]


class Verbatim(str):
    """Lines to copy, such as a command or a path."""


COMMAND = re.compile(r"`[^`\n]+`")
GLUE = "\ue000"  # for a space at which no line may break: rich breaks at a no-break space, too

CONTROLS = re.compile(  # beside TAB and newline: C0, C1, line separators, bidirectional overrides, surrogates
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
STYLES = (  # of a verdict's words, the first that begins a cell
    (re.compile(r".*, no interval$"), ""),
    (re.compile(r"[\d.,]+ times faster|faster|Yes: "), "green"),
    (re.compile(r"[\d.,]+ times slower|slower|No: "), "red"),
    (re.compile(r"no clear difference|no difference|no interval"), "yellow"),
)
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
    """Wrap a line between words to the terminal's width, with commands and long words whole."""
    lines = textwrap.wrap(
        _glued(line), width(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(GLUE, " ")


def _glued(text: str) -> str:
    """Keep each command in backticks in one piece."""
    return COMMAND.sub(lambda command: command[0].replace(" ", GLUE), text)


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
            console.print(_paragraph(_glued(printable(block))), soft_wrap=not wrap)
            continue
        console.print(Text(printable(block.caption), style="bold"))
        console.print(_table(block))
        if block.note:
            console.print(printable(block.note), style="dim")
    text: str = console.file.getvalue().replace(GLUE, " ")  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _paragraph(text: str) -> Any:
    from rich.text import Text

    head, colon, rest = text.partition(": ")
    paragraph = Text(text)
    for pattern, style in STYLES:
        if colon and style and pattern.match(rest):
            paragraph.stylize(f"bold {style}", len(head) + 2, len(head) + 2 + len(rest.split(" (")[0]))
    return paragraph


def _table(table: "Table") -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style=""
    )
    for column in table.columns:
        drawn.add_column(
            Text(printable(column.name)), justify="right" if column.numeric else "left",
            no_wrap=column.whole, overflow="fold",
        )  # fmt: skip
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell), style=_style(cell)) for cell in row))
    return drawn


def _style(cell: str) -> str:
    return next((style for pattern, style in STYLES if pattern.match(cell)), "")
