"""Parameters of notebooks match their parameters cell; papermill itself accepts anything."""

import nbformat
import pytest

from lambdist_lib.errors import ParameterError, UsageError
from lambdist_lib.notebooks import parameters as notebooks_parameters
from lambdist_lib.notebooks import runner

CELL = """\
chunks: int = 20  # most senders at once
rate: float = 1.0  # per second
data: str = "words.txt"  # file
keep: bool = False  # or not
levels: list = [1, 2]  # of the sweep
free = None  # of any type
"""


def injected(**parameters):
    """A kernel's globals as papermill's cell has left them."""
    source = (
        notebooks_parameters.INJECTED
        + "\n"
        + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    )
    return {"In": ["", CELL, source, "session.begin(globals())"], **parameters}


def test_declared_parameters_of_their_type_pass():
    """A whole number is a float, too; without an annotation any value is taken."""
    notebooks_parameters.check_parameters(
        injected(chunks=5, rate=2, data="", keep=True, levels=[3], free="x")
    )
    notebooks_parameters.check_parameters(injected(rate=0.5, free=1))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("chnks", 5, r"unknown parameter chnks \(did you mean chunks\?\); known: chunks, rate, data"),
        ("zzz", 5, r"unknown parameter zzz; known: chunks"),
        ("chunks", "abc", "parameter chunks is 'abc'; it must be int"),
        ("chunks", 1000.0, r"parameter chunks is 1000\.0; it must be int"),
        ("chunks", True, "parameter chunks is True; it must be int"),
        ("rate", False, "parameter rate is False; it must be float"),
        ("keep", 1, "parameter keep is 1; it must be bool"),
        ("keep", "true", "parameter keep is 'true'; it must be bool"),
        ("data", None, "parameter data is None; it must be str"),
        ("levels", "[1, 2]", r"parameter levels is '\[1, 2\]'; it must be list"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_in_the_error(name, value, message):
    """With a similar name where there is one, and the expected type."""
    with pytest.raises(ParameterError, match=message):
        notebooks_parameters.check_parameters(injected(**{name: value}))


def test_without_injection_nothing_is_checked():
    """In JupyterLab a user edits the cell itself; outside a notebook there are no cells."""
    notebooks_parameters.check_parameters({"In": ["", CELL, "chunks = 'abc'"], "chunks": "abc"})
    notebooks_parameters.check_parameters({})


@pytest.fixture
def notebook(tmp_path):
    def write(*cells):
        content = nbformat.v4.new_notebook(cells=list(cells))
        content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(content, tmp_path / "notebook.ipynb")
        return tmp_path / "notebook.ipynb"

    return write


def parameters_cell(source):
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})


def test_the_runner_refuses_before_anything_runs(notebook, tmp_path):
    """No output is written, and no kernel started."""
    path = notebook(parameters_cell(CELL), nbformat.v4.new_code_cell("1 / 0"))

    with pytest.raises(ParameterError, match="did you mean chunks"):
        runner.run(path, tmp_path / "new" / "out.ipynb", {"chnks": 5})

    assert not (tmp_path / "new").exists()


def test_a_notebook_needs_a_parameters_cell(notebook, tmp_path):
    """Without one papermill would inject parameters at the top, where they are overwritten."""
    path = notebook(nbformat.v4.new_code_cell("chunks = 1"))

    with pytest.raises(ParameterError, match="has no cell tagged parameters"):
        runner.run(path, tmp_path / "out.ipynb", {})


def test_a_missing_notebook_is_a_usage_error(tmp_path):
    """The error names the folder with notebooks."""
    with pytest.raises(UsageError, match=r"no notebook .*: name one of those in .*notebooks/"):
        runner.run_notebook(tmp_path / "nowhere.ipynb", None, {})


def test_levels_are_numbers_or_words():
    """Commas and spaces separate them; a sweep without levels is an error."""
    assert notebooks_parameters.parse_levels("1, 2 10") == [1, 2, 10]
    assert notebooks_parameters.parse_levels("none io:20ms") == ["none", "io:20ms"]
    with pytest.raises(ParameterError):
        notebooks_parameters.parse_levels(" ")


def test_a_fault_matrix_runs_each_plan_at_each_batch():
    """Cells with the same stacks are adjacent; whole batches run at the largest batch only."""
    cells = notebooks_parameters.parse_fault_matrix("raise:0.5 raise:0.7", "1 10", "raise:0.1")

    assert [(cell["queue_batch"], cell["fault"]) for cell in cells] == [
        (1, "raise:0.5"), (1, "raise:0.7"), (10, "raise:0.5"), (10, "raise:0.7"), (10, "raise:0.1"),
    ]  # fmt: skip
    assert [cell.get("partial_responses", True) for cell in cells] == [True] * 4 + [False]


def test_only_the_sample_data_is_cut():
    """A short experiment by default; with more senders all of it, and always all of a user's own file."""
    assert notebooks_parameters.first_datapoints(-1, "data/words.txt", 6) == 36
    assert notebooks_parameters.first_datapoints(-1, "data/words.txt", 100) == 600
    assert notebooks_parameters.first_datapoints(-1, "mine/words.txt", 6) == 0
    assert notebooks_parameters.first_datapoints(7, "mine/words.txt", 6) == 7


def test_only_the_sample_data_gets_failing_datapoints():
    """With a user's own file the default is zero."""
    assert notebooks_parameters.failing_datapoints(-1, "data/words.txt") == 1
    assert notebooks_parameters.failing_datapoints(-1, "mine/words.txt") == 0
    assert notebooks_parameters.failing_datapoints(3, "mine/words.txt") == 3
