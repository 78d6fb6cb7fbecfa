"""One self-contained HTML file of an experiment or a run, to be sent to people.

report.write("results/reference")     results/reference/report.html

It asks for nothing from anywhere: style and figures are in it, and it has no script. What it says
is `report_content`'s; how it looks is `report.html.j2`'s.
"""

import importlib.resources
from typing import Any

from lambdist_lib.report.page import Page

FILE, TEMPLATE = "report.html", "report.html.j2"
HARMLESS = "\n\t\u200c\u200d"  # the last two join what belongs together, in emoji and in Persian


def html(page: Page) -> str:
    """The page as a file; whatever came from a data file or an error is text in it, never markup."""
    import jinja2

    text = importlib.resources.files("lambdist_lib.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=printable,
    )
    return environment.from_string(text).render(page=page)


def printable(text: Any) -> Any:
    """Text whose control characters can be seen: they turn lines round, ring bells, or are no Unicode."""
    if not isinstance(text, str) or hasattr(text, "__html__") or text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in HARMLESS else ascii(one)[1:-1] for one in text)
