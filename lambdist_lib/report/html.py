"""Render a page as one self-contained HTML file: style and figures inside, no script, no network."""

import importlib.resources
import re
from typing import Any

from lambdist_lib.report.page import Page

FILE, TEMPLATE = "report.html", "report.html.j2"
HARMLESS = "\n\t\u00a0\u200c\u200d"  # no-break space; the last two join characters, in emoji and in Persian
BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:s|ms|min|h|days|%|USD|MB|KB|GB|times|pairs|runs|datapoints)\b|%)")


def html(page: Page) -> str:
    """Render the page; text from data files and errors is escaped, never markup."""
    import jinja2

    text = importlib.resources.files("lambdist_lib.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=printable,
    )
    environment.filters["unbroken"] = unbroken
    return environment.from_string(text).render(page=page)


def unbroken(text: str) -> str:
    """Keep each number and its unit on one line."""
    return BEFORE_UNIT.sub("\u00a0", text)


def printable(value: Any) -> Any:
    """Spell control characters visibly: they could reverse a line or be invalid Unicode."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(
        character if character.isprintable() or character in HARMLESS else ascii(character)[1:-1]
        for character in value
    )
