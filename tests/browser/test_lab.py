"""The main notebook in JupyterLab: watched, stopped, continued, and run to its end."""

import itertools
import json
import re
import time

import pytest
from support.executed import code_cells, outputs, plain, require_clean

from lambdist_lib import paths
from lambdist_lib.results import tables

PARAMETERS = {"extra_arms": "", "chunks": 2, "pairs": 2, "failing_datapoints": 1, "work": "io:200ms"}
WAIT_S = 240.0  # far more than it takes; it is over sooner when all is well
STOP_S = 3.0  # a person sees it stop within one; a loaded machine's browser takes its time
LIVE = ".jp-OutputArea-output:has(th:text-is('in flight'))"
STOP = ".jp-NotebookPanel-toolbar [data-command='notebook:interrupt-kernel']"
OUTPUTS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === "code").flatMap(cell => cell.model.outputs.toJSON())
    .map(one => one.text || (one.traceback || []).join() || one.data["text/plain"]).join("\\n")"""
numbers = itertools.count()


@pytest.fixture
def notebook(opened, tmp_path):
    """The main notebook with few datapoints, each of which takes a while."""
    data = tmp_path / "ten.txt"
    data.write_text("".join(f"word-{n}\n" for n in range(10)))
    name = f"lab-{next(numbers)}"
    page, path = opened(
        paths.notebooks() / "experiment.ipynb", data=str(data), experiment_id=name, **PARAMETERS
    )
    return page, path, paths.results() / name


def command(page, name, source=""):
    """Run a command of JupyterLab's, on the cell that has this in its source; returns at once."""
    page.evaluate(
        """([name, source]) => {
            const notebook = jupyterapp.shell.currentWidget.content;
            const cell = notebook.widgets.findIndex(one => one.model.sharedModel.source.includes(source));
            notebook.activeCellIndex = cell;
            jupyterapp.commands.execute(name);
        }""",
        [name, source],
    )


def scroll_to(page, source):
    """As a person does who wants to see how far it is: what is out of view is not drawn."""
    page.evaluate(
        """source => {
            const notebook = jupyterapp.shell.currentWidget.content;
            const cell = notebook.widgets.findIndex(one => one.model.sharedModel.source.includes(source));
            return notebook.scrollToItem(cell, "center");
        }""",
        source,
    )


def shown(page, text, timeout_s=WAIT_S):
    """Wait until an output has this text, in view or not: JupyterLab draws what is far away later."""
    deadline_s = time.monotonic() + timeout_s
    while text not in (told := page.evaluate(OUTPUTS)):
        assert time.monotonic() < deadline_s, f"no output says {text!r}, but these:\n{told}"
        time.sleep(0.1)


def states(page, until):
    """What the live output tells, one state after the other, until one of them says `until`."""
    seen, deadline_s = [], time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        told = page.locator(LIVE).all_text_contents()
        seen += [text for text in told if text not in seen[-1:]]
        if any(until in text for text in told):
            return seen
        time.sleep(0.02)
    pytest.fail(f"nothing says {until!r}; last: {seen[-1:]}")


def test_the_main_notebook_is_run_stopped_and_finished(notebook, tmp_path):
    """Live counts change in place; stop ends a run at once; the next cell explains; running again goes on."""
    page, path, results = notebook

    command(page, "notebook:run-all-cells")
    scroll_to(page, "run_pairs(")
    seen = states(page, until="pair 1 of 2")
    assert len({text.partition("(")[2] for text in seen}) > 5
    assert any("single_node, sending" in text and "stored" in text for text in seen)

    began_s = time.monotonic()
    page.click(STOP)
    shown(page, "Stopped at pair", STOP_S)
    assert time.monotonic() - began_s < STOP_S
    page.screenshot(path=tmp_path / "stopped.png")

    command(page, "notebook:run-cell", ".ledger()")
    shown(page, "UnfinishedError: warm pairs: stopped at pair")
    assert "Traceback" not in page.inner_text(".jp-NotebookPanel")

    command(page, "notebook:run-cell", "run_pairs(")
    shown(page, "warm pairs: 3 pairs done")
    command(page, "notebook:run-all-below", ".ledger()")
    shown(page, "Both stacks and the artifact bucket are deleted")
    page.evaluate("async () => { await jupyterapp.shell.currentWidget.context.save(); }")

    saved = json.loads(path.read_text(encoding="utf-8"))
    figures = sum("".join(cell["source"]).count("figures.show(") for cell in code_cells(saved))
    require_clean(saved, phases=["deploy", "cold runs", "warm pairs", "destroy"], figures=figures)
    assert not any("error" in output["output_type"] for output in outputs(saved))
    assert [text for text in map(plain, outputs(saved)) if re.search(r"\d in flight", text)] == []
    resumed = list(tables.load(results, "runs")["resumed"])
    assert resumed.count(True) == 1 and resumed.count(False) >= 5  # a pair that others disturbed is repeated
