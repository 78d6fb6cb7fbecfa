"""Style of code and notebooks; `make lint` runs this file alone."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from support import scan

from lambdist_lib import paths

# what git knows: papermill's outputs lie wherever a person wants them, also beside the notebooks
TRACKED = scan.tracked(paths.root()) if (paths.root() / ".git").exists() else []
SOURCES = [
    path
    for path in TRACKED
    if path.suffix in (".py", ".ipynb") and paths.root() / "results" not in path.parents
]
NOTEBOOKS = [path for path in SOURCES if path.parent == paths.notebooks()]
CELL_MAX_LINES = 15
WITH_FUNCTION = {"from_a_cell"}  # a reader's own function is what it is about


@pytest.mark.skipif(not TRACKED, reason="not a git checkout: nothing says which files are committed")
@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing(arguments):
    """`ruff check --fix` and `ruff format` mend most of what it finds."""
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", *SOURCES]
    ruff = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True)

    if ruff.returncode:
        pytest.fail(ruff.stdout + ruff.stderr, pytrace=False)


def test_mypy_finds_nothing():
    """Types are complete; the cache lies in the environment: 15 s at first, then one."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", Path(sys.prefix) / ".mypy_cache"]
    mypy = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True)

    if mypy.returncode:
        pytest.fail(mypy.stdout + mypy.stderr, pytrace=False)


def code_cells(notebook):
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_written(notebook):
    """Valid, without outputs or counts, for any Python kernel."""
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)

    assert content.metadata.kernelspec.name == "python3"
    assert set(content.metadata) <= {"kernelspec", "language_info"}
    assert [cell.source for cell in code_cells(notebook) if cell.outputs or cell.execution_count] == []
    assert [cell.source for cell in content.cells if set(cell.metadata) - {"tags"}] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_calls_the_library_and_defines_nothing(notebook):
    """Cells are short and call the library: a function needs a test, so it belongs there."""
    for cell in code_cells(notebook):
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if notebook.stem not in WITH_FUNCTION:
            assert not any(isinstance(node, defined) for node in ast.walk(ast.parse(cell.source))), (
                cell.source
            )
        if "parameters" not in cell.metadata.get("tags", []):
            assert len(cell.source.splitlines()) <= CELL_MAX_LINES, cell.source


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebooks_parameters_say_what_they_mean(notebook):
    """One cell of literals, each `name: type = default  # meaning`, as papermill's help reads it."""
    [cell] = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]

    for line in cell.source.splitlines():
        [statement] = ast.parse(line).body
        assert isinstance(statement, ast.AnnAssign), line
        ast.literal_eval(statement.value)
        assert "  # " in line, line
