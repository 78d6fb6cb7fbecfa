"""Every notebook as a person first runs it: papermill, no parameters, a folder of their own."""

import pytest
from support.executed import code_cells, outputs, plain, read

from lambdist_lib import paths

MAIN = "experiment"
EVERY = sorted(path.stem for path in paths.notebooks().glob("*.ipynb"))
TAKES_MINUTES = [pytest.param(name, marks=pytest.mark.unchanged) for name in EVERY if name != MAIN]


@pytest.mark.parametrize("name", [MAIN, *TAKES_MINUTES])
def test_a_notebook_runs_whole_when_nothing_is_changed(run, tmp_path, name):
    """The defaults are as they are delivered, and the folder's name is longer than an id may be."""
    folder = tmp_path / "Experiments on fanning files out over Lambdas, November (copy)"
    folder.mkdir()

    done = run("papermill", paths.notebooks() / f"{name}.ipynb", "out.ipynb", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    notebook = read(folder / "out.ipynb")
    assert all(cell["metadata"]["papermill"]["status"] == "completed" for cell in code_cells(notebook))
    findings = [text for text in map(plain, outputs(notebook)) if "**Finding.**" in text]
    assert len(findings) == 2
    assert findings[0] == findings[1]
    assert "local cloud" in findings[0]
