"""Write a report of an experiment or a run as one HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdist_lib import paths
from lambdist_lib.errors import NotFoundError
from lambdist_lib.report import second_process

if TYPE_CHECKING:
    from lambdist_lib.analysis import Results


def write_report(where: "str | Path | Results" = "", output: Path | None = None) -> dict[str, Any]:
    """Write the report of an experiment or a run as one HTML file.

    Args:
        where: Id or folder, or a `Results`; "" for the newest experiment.
        output: File to write; by default report.html in the folder of the experiment or run.

    Returns:
        `report` (the file), `bytes`, `headline`, `target` and `warnings`.

    Raises:
        RunError: There is no such experiment or run, a file is missing or damaged, or the disk is full.
    """
    name = str((where if isinstance(where, str | Path) else where.folder) or newest())
    with second_process.started(name) as second:
        # imported here, as the second process imports meanwhile
        from lambdist_lib.report import source as report_source
        from lambdist_lib.report.html import FILE, html
        from lambdist_lib.report.page import build_page
        from lambdist_lib.results import files

        source = report_source.find(name)
        page = build_page(source, second)
    path = output or source.folder / FILE
    with files.writable(path, "name another file with --output"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as partial:
            partial.write_text(html(page), encoding="utf-8")
    return {
        "report": paths.shown(path),
        "bytes": path.stat().st_size,
        "headline": page.headline,
        "target": page.target,
        "warnings": page.warnings,
    }


def newest() -> Path:
    """Return the folder of the experiment whose runs were written to last.

    Raises:
        NotFoundError: There is no experiment.
    """
    written = {path: path.stat().st_mtime for path in paths.results().glob("*/runs/*/run.json")}
    if not written:
        where = paths.shown(paths.results())
        raise NotFoundError(f"no experiment under {where}/: run one with `lambdist run` or `make experiment`")
    return max(written, key=lambda path: written[path]).parents[2]
