"""Write a report as one HTML file."""

from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.report import page as report_content
from lambdist_lib.report import source as report_source
from lambdist_lib.report.html import FILE, html
from lambdist_lib.results import files


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
    with files.writable(path, "name another file with --to"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as partial:
            partial.write_text(html(page), encoding="utf-8")
    said = {"headline": page.headline, "target": page.target, "warnings": page.warnings}
    return {"report": paths.shown(path), "bytes": path.stat().st_size, **said}


def newest() -> Path:
    """The experiment in whose runs something was written last.

    Raises:
        RunError: There is none.
    """
    written = {path: path.stat().st_mtime for path in paths.results().glob("*/runs/*/run.json")}
    if not written:
        where = paths.shown(paths.results())
        raise RunError(f"there is no experiment under {where}/ yet; `make experiment` makes one")
    return max(written, key=lambda path: written[path]).parents[2]
