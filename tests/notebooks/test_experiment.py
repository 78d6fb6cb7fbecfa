"""The main notebook, run headless with valid and invalid parameters, and what papermill tells of it."""

import ast
import re

import pytest
from support.executed import code_cells, given, has_finding, outputs, plain, read, require_clean

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.results import schema, tables

NOTEBOOK = paths.notebooks() / "experiment.ipynb"
COMMITTED = sorted(paths.notebooks().glob("*.ipynb"))
TINY = {"chunks": 4, "pairs": 1, "failing_datapoints": 1, "work": "none"}
PHASES = ["deploy", "cold runs", "warm pairs", "destroy"]
FIGURES = 7


def test_lambdist_notebook_runs_it_into_the_experiments_folder(run, ten_words):
    """The executed notebook lies beside its results and figures; finding and report are printed."""
    parameters = given(experiment_id="by-lambdist", data=ten_words, **TINY)

    done = run("lambdist", "notebook", NOTEBOOK, *parameters)

    assert done.returncode == 0, done.stderr
    assert not re.search("Warning|Traceback", done.stderr)
    results = paths.results() / "by-lambdist"
    notebook = read(results / "notebook.ipynb")
    require_clean(notebook, phases=PHASES, figures=FIGURES)
    runs = tables.load(results, "runs")
    assert list(runs.columns) == list(schema.RUNS)
    assert list(runs["temperature"]) == ["cold"] * 3 + ["warm"] * 3
    assert set(runs["stored"]) == {10}
    assert len(set(runs["arm"])) == 3
    assert set(runs["dead"]) == {1}
    assert {path.name for path in results.glob("*.png")} == {
        "speedup.png", "timeline.png", "latency.png", "cold_starts.png", "dead_letters.png",
        "costs.png", "outlook.png",
    }  # fmt: skip
    assert has_finding(plain(outputs(notebook)[0]), results)
    assert has_finding(done.stdout, results)
    assert re.search(r"^report: .*report\.html$", done.stdout, re.MULTILINE)
    page = (results / "report.html").read_text(encoding="utf-8")
    command = f"lambdist notebook notebooks/experiment.ipynb -p chunks 4 -p data {paths.shown(ten_words)} -p"
    assert command in page


def test_papermill_fails_on_a_wrong_parameter(run, tmp_path):
    """papermill alone takes any name and any type with status 0; the notebook itself refuses."""
    out = tmp_path / "out.ipynb"

    done = run("papermill", NOTEBOOK.name, out, "-p", "chunks", "abc", cwd=NOTEBOOK.parent)

    assert done.returncode == 1
    assert re.search(r"parameter chunks is 'abc'; it must be int", done.stderr)
    assert [output["ename"] for output in outputs(read(out)) if "ename" in output] == ["ParameterError"]
    ran = [cell for cell in code_cells(read(out)) if cell["metadata"]["papermill"]["status"] == "completed"]
    assert len(ran) == 2  # the two cells of parameters: nothing was deployed


def test_lambdist_notebook_refuses_a_wrong_parameter_in_one_line(tmp_path, capsys):
    """Before a kernel starts, and without an output."""
    out = tmp_path / "out.ipynb"

    status = main.main(["notebook", str(NOTEBOOK), str(out), "-p", "chnks", "5"])

    assert status == 2
    assert capsys.readouterr().err.startswith("lambdist: unknown parameter chnks (did you mean chunks?)")
    assert not out.exists()


def test_papermill_tells_the_parameters(run):
    """`papermill --help-notebook` lists each parameter with its type, default and meaning."""
    done = run("papermill", "--help-notebook", NOTEBOOK)

    assert done.returncode == 0
    assert re.search(r"chunks: int \(default 6\)\s+most senders at once", done.stdout)
    assert re.search(r"keep_stacks: bool \(default False\)", done.stdout)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_a_parameters_cell_is_literals_with_a_meaning_each(path):
    """papermill shows the comments as help, and injects after the cell: a derived value would be stale."""
    [cell] = [cell for cell in code_cells(read(path)) if "parameters" in cell["metadata"].get("tags", [])]
    source = "".join(cell["source"])
    for line, node in zip(source.splitlines(), ast.parse(source).body, strict=True):
        assert re.fullmatch(r"\w+: \w+ = .+  # .+", line), line
        ast.literal_eval(node.value)
        assert "=" not in line.partition("=")[2].partition("  #")[0]  # papermill would not see its default
