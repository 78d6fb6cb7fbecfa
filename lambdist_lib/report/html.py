"""Render a page as one self-contained HTML file: style, script and figures inside, no network."""

import base64
import hashlib
import importlib.resources
from typing import Any

from lambdist_lib.formatting import escape_unprintable, spaced, unbroken
from lambdist_lib.report import sentences
from lambdist_lib.report.page import Page
from lambdist_lib.report.pictures import stylesheet

FILE, TEMPLATE, SCRIPT = "report.html", "report.html.j2", "report.js"


def html(page: Page) -> str:
    """Render the page; text from data files and errors is escaped, never markup."""
    import jinja2

    script = _resource(SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()  # the one script allowed
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {"unbroken": unbroken, "spaced": spaced, "enumeration": sentences.enumeration}
    template = environment.from_string(_resource(TEMPLATE))
    return template.render(page=page, script=script, digest=digest, colours=stylesheet())


def _resource(name: str) -> str:
    return importlib.resources.files("lambdist_lib.report").joinpath(name).read_text(encoding="utf-8")


def _printable(value: Any) -> Any:
    return escape_unprintable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
