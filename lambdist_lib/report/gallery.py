"""results/README.md: what the committed experiments found, a sentence and a picture each, newest first.

gallery.write()     after a reference experiment was run again; a test holds the page up to date
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import count, moment
from lambdist_lib.results import files as results_files
from lambdist_lib.results import tables

KEPT = "reference*"  # which experiments git keeps
HEAD = """\
# Results

What was found so far, newest first: each an experiment that was really run ({stamps}), with its figures, its
numbers and the notebook that made it. `lambdist report results/reference` makes one HTML file of one,
to be read offline and sent. This page is made by `lambdist gallery`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A committed experiment. at: when its last run began, seconds since the epoch."""

    home: Path
    summary: dict[str, Any]
    title: str
    at: float
    made_of: str


def write() -> dict[str, Any]:
    """The page of the results folder; returns its path and the experiments on it, in their order."""
    found = results(paths.results())
    path = paths.results() / "README.md"
    with results_files.writable(path, "type the same again"):
        path.write_text(text(found), encoding="utf-8")
    return {"gallery": paths.shown(path), "results": [one.home.name for one in found]}


def results(folder: Path) -> list[Result]:
    """Those that git keeps, newest first.

    Raises:
        RunError: There is none, or one is without a summary.
    """
    found = [_result(home) for home in sorted(folder.glob(KEPT)) if home.is_dir()]
    if not found:
        raise RunError(f"{paths.shown(folder)}/ has no folder {KEPT}; `make experiment` makes results")
    return sorted(found, key=lambda one: one.at, reverse=True)


def text(found: list[Result]) -> str:
    """The page, in GitHub's Markdown; links are relative to the results folder."""
    targets = ", ".join(dict.fromkeys(one.summary["target"] for one in found))
    return "\n".join([HEAD.format(stamps=targets), *(_part(one) for one in found)])


def _part(one: Result) -> str:
    from lambdist_lib.figures import alternatives, catalogue

    name, files = one.home.name, {path.stem: path.name for path in one.home.glob("*.png")}
    lines = [
        f"## {one.title}",
        "",
        f"**{one.summary['target']}**, {one.made_of}",
        "",
        one.summary["finding"],
        "",
    ]
    if files:
        first = catalogue.in_order(files)[0]
        alt = alternatives.of(first, one.summary).alt
        lines += [f"![{alt.replace('[', '(').replace(']', ')')}]({name}/{files[first]})", ""]
    beside = [file for file in ("notebook.ipynb", "summary.json", "runs.csv") if (one.home / file).exists()]
    links = " · ".join(f"[{file}]({name}/{file})" for file in beside)
    further = [f"[{title}]({name}/{files[stem]})" for stem, title in _titles(files, one.summary)[1:]]
    lines += [f"{links} · further figures: {', '.join(further)}" if further else links, ""]
    return "\n".join(lines)


def _titles(files: dict[str, str], summary: dict[str, Any]) -> list[tuple[str, str]]:
    from lambdist_lib.figures import alternatives, catalogue

    return [(name, alternatives.of(name, summary).title.lower()) for name in catalogue.in_order(files)]


def _result(home: Path) -> Result:
    summary = _json(home / "summary.json")
    notebook = _json(home / "notebook.ipynb") if (home / "notebook.ipynb").exists() else {}
    title = _title(notebook) if notebook else _as_part(home)
    known = {"target": "no target", "finding": "", "tables": {}, "measures": {}, **summary}
    if not (home / "runs.csv").exists():
        ended = notebook.get("metadata", {}).get("papermill", {}).get("end_time", "")
        at = datetime.fromisoformat(ended).timestamp() if ended else 0.0
        return Result(home=home, summary=known, title=title, at=at, made_of=_day(at))
    runs = tables.load(home, "runs")
    at = float(runs["started_at"].max())
    made_of = f"{len(runs)} runs of {count(runs['submitted'].max())} datapoints, {_day(at)}"
    return Result(home=home, summary=known, title=title, at=at, made_of=made_of)


def _title(notebook: dict[str, Any]) -> str:
    return "".join(notebook["cells"][0]["source"]).partition("\n")[0].lstrip("# ")


def _as_part(home: Path) -> str:
    """The title of a notebook's further experiment, whose folder is named after its first one's."""
    for first in sorted(home.parent.glob(KEPT), reverse=True):
        if home.name.startswith(f"{first.name}-") and (first / "notebook.ipynb").exists():
            return f"{_title(_json(first / 'notebook.ipynb'))} ({home.name.removeprefix(f'{first.name}-')})"
    return home.name


def _day(at: float) -> str:
    return moment(at).partition(" ")[0]


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise RunError(f"{paths.shown(path)} is missing or damaged; run that experiment again") from None
