"""The catalogue of figures: one entry reaches the report, the gallery and the notebooks."""

import json
import shutil

import pytest
from matplotlib.figure import Figure as Canvas
from support import tables as frames
from support.pages import Page
from support.written import written

from lambdist_lib.analysis import load_results
from lambdist_lib.errors import UsageError
from lambdist_lib.figures import catalogue, display
from lambdist_lib.figures.alt_text import compose
from lambdist_lib.report import gallery
from lambdist_lib.report.page import SECTIONS
from lambdist_lib.report.write import write_report


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The folder that `experiment` copies."""
    runs = frames.runs(6).assign(submitted=40, stored=38, dead=2)
    return written(tmp_path_factory.mktemp("original") / "reference-new", runs, dead=(3, 4), facts={})


@pytest.fixture
def experiment(original, tmp_path):
    """An experiment of six pairs, in which two datapoints of each run died."""
    return shutil.copytree(original, tmp_path / original.name)


def draw_new(inputs, *, level=1):
    canvas = Canvas()
    ax = canvas.subplots()
    ax.plot([0, len(inputs.runs)], [0, level])
    ax.set_title(f"New: n = {len(inputs.runs)} runs, {inputs.target_label}", loc="left")
    return canvas


def describe_new(summary):
    return compose("A new line of length", str(len(summary["ledger"])), summary)


@pytest.fixture
def new_figure(monkeypatch):
    """One function that draws, one that describes, one entry: all that a new figure takes."""
    figure = catalogue.Figure("new", "Something new", "times", draw_new, describe_new)
    drawn = (each for each in catalogue.FIGURES if each.name == "speedup")  # all of them take seconds
    monkeypatch.setattr(catalogue, "FIGURES", (figure, *drawn))
    return figure


def test_a_new_entry_reaches_the_report(experiment, new_figure):
    """It is drawn from the runs, under its caption, with its alt text."""
    write_report(experiment)
    page = Page((experiment / "report.html").read_text(encoding="utf-8"))

    assert "Something new local cloud" in page.text("figcaption")
    assert "A new line of length 12. Target: local cloud." in page.alt_texts()


def test_a_new_entry_reaches_a_notebook_and_the_gallery(experiment, new_figure):
    """`show` saves its file beside the runs, and the gallery shows and describes it."""
    results = load_results(experiment)
    results.summarise()

    display.show("new", results, level=2)

    [result] = gallery.committed_results(experiment.parent)
    assert (experiment / "new.png").read_bytes().startswith(b"\x89PNG")
    assert "![A new line of length 12. Target: local cloud.](reference-new/new.png)" in gallery.text([result])


def test_entries_are_unique_and_have_a_section():
    names = [figure.name for figure in catalogue.FIGURES]

    assert len(set(names)) == len(names)
    assert {figure.section for figure in catalogue.FIGURES} <= set(SECTIONS)


def test_alt_text_without_numbers_is_the_finding():
    """Every figure of a summary without tables is described by its finding, and names the target."""
    summary = {"target": "local cloud", "finding": "faster.", "tables": {}, "measures": {}}

    for figure in catalogue.FIGURES:
        target_label, alt = catalogue.describe(figure.name, summary)
        assert alt.endswith(f"Target: {target_label}.")
        assert len(alt) > len("faster. Target: local cloud.")
    assert catalogue.describe("of_a_user", summary)[1] == "faster. Target: local cloud."


def test_a_figure_that_needs_options_is_not_drawn_without_them(experiment):
    """The report draws what the runs alone allow; figures of plans and of the fault matrix need more."""
    images = catalogue.draw_all(display.inputs_of(load_results(experiment)))

    assert list(images) == [figure.name for figure in catalogue.FIGURES if figure.name in images]
    assert {
        "speedup", "outlook", "timeline", "latency", "concurrency", "cold_starts", "dead_letters", "costs",
    } <= set(images)  # fmt: skip
    assert not {
        "sizes", "arm_map", "ways", "theory", "speedup_by_level", "scaling", "receives", "front", "held_out",
    } & set(images)  # fmt: skip


def test_an_unknown_figure_is_a_usage_error(experiment):
    with pytest.raises(UsageError, match=r"unknown figure 'specdup'; known: sizes, arm_map, speedup"):
        display.show("specdup", experiment)


def test_show_names_a_figure_that_the_runs_do_not_have(experiment, capsys):
    """A sweep's figure of runs under equal conditions is one line, and no file."""
    display.show("speedup_by_level", experiment)

    assert capsys.readouterr().out == (
        "no figure of speedup by level: these runs have nothing to show in it\n"
    )
    assert not (experiment / "speedup_by_level.png").exists()


def test_show_displays_a_png_with_alt_text(experiment, monkeypatch):
    """In a notebook the image has the titles of its axes as alt text: what, how many, and where."""
    import IPython
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", shown.append)

    display.show("timeline", experiment)

    [image] = shown
    assert image.alt.startswith("Every datapoint on its way: distributed, run-1-distributed")
    assert image.alt.endswith("local cloud")


def test_files_of_a_folder_come_after_the_catalogue():
    assert catalogue.in_order(["zebra", "costs", "apple", "speedup"]) == [
        "speedup", "costs", "apple", "zebra",
    ]  # fmt: skip


def test_a_summary_is_json_after_describing(experiment):
    """Describing a figure changes nothing in the summary."""
    summary = load_results(experiment).summarise()
    before = json.dumps(summary, default=str)

    for figure in catalogue.FIGURES:
        catalogue.describe(figure.name, summary)

    assert json.dumps(summary, default=str) == before
