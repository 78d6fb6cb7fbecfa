"""One self-contained HTML file of an experiment or a run, to be sent to people.

report.write("results/reference")     results/reference/report.html

It asks for nothing from anywhere: style and figures are in it, and it has no script. What it says
is `report_content`'s; how it looks is `report.html.j2`'s.
"""

import importlib.resources
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.report import page as report_content
from lambdist_lib.report import source as report_source
from lambdist_lib.report.page import Page
from lambdist_lib.results import folders

FILE, TEMPLATE = "report.html", "report.html.j2"
HARMLESS = "\n\t\u200c\u200d"  # the last two join what belongs together, in emoji and in Persian


def write(where: str = "", to: Path | None = None) -> dict[str, Any]:
    """Make the report of an experiment or a run; returns its path, bytes, headline, target and warnings.

    Args:
        where: Id or folder; "" for the newest experiment.
        to: File to write; by default report.html in the folder of what it is of.

    Raises:
        RunError: There is no such thing, a file of it is missing or damaged, or the disk is full.
    """
    source = report_source.find(where or str(newest()))
    page = report_content.page(source)
    path = to or source.home / FILE
    with folders.writable(path, "name another file with --to"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with folders.whole(path) as partial:
            partial.write_text(html(page), encoding="utf-8")
    said = {"headline": page.headline, "target": page.target, "warnings": page.warnings}
    return {"report": paths.shown(path), "bytes": path.stat().st_size, **said}


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


def newest() -> Path:
    """The experiment in whose runs something was written last.

    Raises:
        RunError: There is none.
    """
    written = {path: path.stat().st_mtime for path in paths.RESULTS.glob("*/runs/*/run.json")}
    if not written:
        where = paths.shown(paths.RESULTS)
        raise RunError(f"there is no experiment under {where}/ yet; `make experiment` makes one")
    return max(written, key=lambda path: written[path]).parents[2]
