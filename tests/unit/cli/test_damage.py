"""The same damage to a result has the same answer from `analyse`, `report` and `compare`."""

import re
import shlex
import shutil
from types import SimpleNamespace

import pytest
from support import tables as frames
from support.written import written

from lambdist_lib.analysis import load_results
from lambdist_lib.cli import main
from lambdist_lib.report import html
from lambdist_lib.report import page as report_page
from lambdist_lib.report import source as report_source

COMMANDS = ("analyse", "report", "compare")


def without(column):
    return lambda text: "\n".join(
        ",".join(cell for place, cell in enumerate(line.split(",")) if place != column)
        for line in text.split("\n")
    )


DAMAGES = {
    "empty": (lambda text: "", "cannot be read, it is empty"),
    "cut": (lambda text: text[:-20], "is cut off in its last line"),
    "semicolons": (lambda text: text.replace(",", ";"), "saved by a spreadsheet, with semicolons"),
    "byte order mark": (lambda text: "\ufeff" + text, "saved by a spreadsheet, with a byte order mark"),
    "one column fewer": (without(3), "lacks the column"),
    "one column more": (lambda text: text.replace("\n", ",note\n", 1), "has the column note"),
    "a column twice": (lambda text: text.replace("\n", ",run_id\n", 1), "has the column run_id twice"),
}
FEWER = {"records": "outcome", "invocations": "request_id", "runs": "arm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An experiment of two pairs with its summary, which no test leaves damaged."""
    runs = frames.runs(2).assign(submitted=9, stored=9, dead=0, experiment_id="mine")
    home = written(tmp_path_factory.mktemp("results") / "mine", runs, facts={})
    load_results(home).summarise()
    return home


@pytest.fixture(autouse=True)
def results(folder, monkeypatch):
    """The results folder; a report reads and measures, and draws nothing."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(folder.parent))
    monkeypatch.setattr(
        report_page, "build_page", lambda source, second: (report_source.summary(source), page)[1]
    )
    monkeypatch.setattr(html, "html", lambda _: "")
    page = SimpleNamespace(headline="", target="", warnings=[])


def answers(capsys):
    """The status and the line of each command."""
    capsys.readouterr()
    told = []
    for command in COMMANDS:
        words = [command, "mine", *(["mine"] if command == "compare" else [])]
        status = main.main(words)
        told.append((status, capsys.readouterr().err.splitlines()))
    return told


def table_of(folder, name):
    return folder / "runs.csv" if name == "runs" else folder / "runs" / "run-1-distributed" / f"{name}.csv"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FEWER)
def test_a_damaged_table_is_named_alike(folder, name, damage, capsys):
    """One line with the file and the column, and status 1."""
    change, words = DAMAGES[damage]
    path = table_of(folder, name)
    content = path.read_text()
    path.write_text(change(content))
    try:
        told = answers(capsys)
    finally:
        path.write_text(content)

    assert len({str(answer) for answer in told}) == 1, told
    status, [line] = told[0]
    assert status == 1
    assert f"{name}.csv of {path.parent.name} " in line
    assert words in line
    if damage == "one column fewer":
        assert f"lacks the column {content.split(',')[3]};" in line


@pytest.mark.parametrize("missing", ["experiment.json", "runs"])
def test_an_experiment_without_a_part_is_read_from_the_other(folder, missing, capsys):
    """Without experiment.json from its runs, without runs/ from its tables: by all three alike."""
    path, aside = folder / missing, folder.parent / "aside"
    path.rename(aside)
    try:
        told = answers(capsys)
    finally:
        aside.rename(path)

    assert [status for status, _ in told] == [0, 0, 0], told


def test_an_experiment_without_both_is_not_found(folder, capsys):
    """Status 8 from all three."""
    for name in ("experiment.json", "runs"):
        (folder / name).rename(folder.parent / name)
    try:
        told = answers(capsys)
    finally:
        for name in ("experiment.json", "runs"):
            (folder.parent / name).rename(folder / name)

    assert [status for status, _ in told] == [8, 8, 8]


def test_the_next_command_names_what_was_named(folder, tmp_path, capsys):
    """A renamed copy outside the results folder, as git keeps it: without its runs."""
    copy = tmp_path / "a copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("runs"))

    status = main.main(["analyse", str(copy)])

    words = shlex.split(re.search("`lambdist (.*?)`", capsys.readouterr().out.replace("\n", " "))[1])
    assert status == 0
    assert words == ["report", str(copy)]
    assert main.main(words) == 0


def test_a_tolerance_without_an_interval_is_not_comparable(folder, capsys):
    """Two pairs have none, so the gate could never fail; without a gate the medians are shown."""
    assert main.main(["compare", "mine", "mine", "--tolerance", "5%"]) == 7
    printed = capsys.readouterr()
    assert "no interval" in printed.out
    assert "6 runs of each side" in printed.err
    assert main.main(["compare", "mine", "mine"]) == 0
