"""Write results/README.md: verdict, figure and conditions of each committed experiment, newest first.

`lambdist gallery` writes it after a reference experiment ran again; a test checks that it is up to date.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted, moment
from lambdist_lib.measures.finding import conditions
from lambdist_lib.measures.summary_sections import HEADLINE
from lambdist_lib.measures.sweep import varied_factor
from lambdist_lib.report import sentences, verdict
from lambdist_lib.results import files as results_files
from lambdist_lib.results import tables
from lambdist_lib.results.files import read_json

KEPT = "reference*"  # which experiments git keeps
HEAD = """\
# Results

What was measured so far, newest first. Each experiment really ran ({targets}); its folder has the figures,
the numbers and the notebook. `lambdist report results/reference` makes one offline HTML file of one of them.
`lambdist gallery` writes this page.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedResult:
    """A committed experiment. at: when its last run began, seconds since the epoch. extent: how much ran."""

    folder: Path
    summary: dict[str, Any]
    title: str
    at: float
    extent: str


def write_gallery() -> dict[str, Any]:
    """Write the page of the results folder.

    Returns:
        `gallery` (the file) and `results`, the experiments' names in the page's order.
    """
    committed = committed_results(paths.results())
    path = paths.results() / "README.md"
    with results_files.writable(path, "run the same command again"):
        path.write_text(text(committed), encoding="utf-8")
    return {"gallery": paths.shown(path), "results": [result.folder.name for result in committed]}


def committed_results(folder: Path) -> list[CommittedResult]:
    """Read the experiments that git keeps, newest first.

    Raises:
        RunError: There is no such experiment, or one has no summary.
    """
    results = [_read(path) for path in sorted(folder.glob(KEPT)) if path.is_dir()]
    if not results:
        prefix = KEPT.removesuffix("*")
        raise RunError(
            f"{paths.shown(folder)}/ has no experiment whose name begins with {prefix}: "
            f"`lambdist run FILE --id {prefix}` makes one"
        )
    titles = Counter(result.title for result in results)
    results = [
        replace(result, title=f"{result.title} ({_data_file(result)})")
        if titles[result.title] > 1
        else result
        for result in results
    ]
    return sorted(results, key=lambda result: result.at, reverse=True)


def text(results: list[CommittedResult]) -> str:
    """Return the page in GitHub's Markdown; links are relative to the results folder."""
    targets = ", ".join(dict.fromkeys(result.summary["target"] for result in results))
    return "\n".join([HEAD.format(targets=targets), *(_section(result) for result in results)])


def _section(result: CommittedResult) -> str:
    from lambdist_lib.figures import catalogue

    name, images = result.folder.name, {path.stem: path.name for path in result.folder.glob("*.png")}
    lines = [
        f"## {result.title}",
        "",
        verdict.sentences(result.summary),
        "",
    ]
    order = catalogue.in_order(images)
    if order:
        _, alt = catalogue.describe(order[0], result.summary)
        lines += [f"![{alt.replace('[', '(').replace(']', ')')}]({name}/{images[order[0]]})", ""]
    lines += [f"**{result.summary['target']}**: {result.extent}", ""]
    if verdict.cards(result.summary):
        whole = [
            "<details><summary>The finding in full</summary>",
            "",
            "\n\n".join(sentences.parts(result.summary["finding"])),
            "",
            "</details>",
        ]
        lines += [*whole, ""]
    present = [
        file for file in ("notebook.ipynb", "summary.json", "runs.csv") if (result.folder / file).exists()
    ]
    links = " · ".join(f"[{file}]({name}/{file})" for file in present)
    titles = {stem: catalogue.find(stem).title for stem in order[1:]}
    further = [f"[{title[0].lower()}{title[1:]}]({name}/{images[stem]})" for stem, title in titles.items()]
    lines += [f"{links} · further figures: {', '.join(further)}" if further else links, ""]
    return "\n".join(lines)


def _read(folder: Path) -> CommittedResult:
    summary = read_json(folder / "summary.json")
    notebook = read_json(folder / "notebook.ipynb") if (folder / "notebook.ipynb").exists() else {}
    title = _title(notebook) if notebook else _title_of_second(folder)
    known = {"target": "no target", "finding": "", "tables": {}, "measures": {}, **summary}
    if not (folder / "runs.csv").exists():
        ended = notebook.get("metadata", {}).get("papermill", {}).get("end_time", "")
        at = datetime.fromisoformat(ended).timestamp() if ended else 0.0
        return CommittedResult(folder=folder, summary=known, title=title, at=at, extent=_day(at))
    runs = tables.load(folder, "runs")
    at = float(runs["started_at"].max())
    fan_out = runs[runs["arm"] == HEADLINE]
    what = (
        conditions(fan_out, HEADLINE)
        if len(fan_out) and not varied_factor(runs)
        else counted(int(runs["submitted"].max()), "datapoints")
    )
    extent = f"{counted(len(runs), 'runs')} of {what}; {_day(at)}"
    return CommittedResult(folder=folder, summary=known, title=title, at=at, extent=extent)


def _data_file(result: CommittedResult) -> str:
    """Return the data file's name, which tells two runs of one notebook apart."""
    path = result.folder / "experiment.json"
    facts = read_json(path) if path.exists() else {}
    return Path(str(facts.get("data", result.folder))).name


def _title(notebook: dict[str, Any]) -> str:
    return "".join(notebook["cells"][0]["source"]).partition("\n")[0].lstrip("# ")


def _title_of_second(folder: Path) -> str:
    """Return the title of a notebook's second experiment, whose folder is named after the first one's."""
    for first in sorted(folder.parent.glob(KEPT), reverse=True):
        if folder.name.startswith(f"{first.name}-") and (first / "notebook.ipynb").exists():
            title = _title(read_json(first / "notebook.ipynb"))
            return f"{title} ({folder.name.removeprefix(f'{first.name}-')})"
    return folder.name


def _day(at: float) -> str:
    return moment(at).partition(" ")[0]
