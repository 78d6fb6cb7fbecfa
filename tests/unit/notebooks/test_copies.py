"""A person runs copies of the notebooks, so a run changes nothing in git."""

import os

from lambdist_lib.notebooks.copies import copy_notebooks


def test_a_copy_that_was_run_stays(tmp_path):
    """Once its original is newer, it is kept under another name."""
    originals, folder = tmp_path / "notebooks", tmp_path / "notebooks" / "copies"
    originals.mkdir()
    original = originals / "a.ipynb"
    original.write_text("first")
    assert copy_notebooks(originals, folder) == [folder / "a.ipynb"]

    (folder / "a.ipynb").write_text("run")
    assert copy_notebooks(originals, folder) == []
    assert (folder / "a.ipynb").read_text() == "run"

    original.write_text("second")
    os.utime(original, (2e9, 2e9))
    assert copy_notebooks(originals, folder) == [folder / "a.ipynb"]
    assert (folder / "a.ipynb").read_text() == "second"
    assert (folder / "a.old.ipynb").read_text() == "run"
