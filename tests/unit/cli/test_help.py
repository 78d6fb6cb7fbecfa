"""Help texts fit a terminal of 80 columns."""

import argparse
import subprocess

import nbformat
import pytest

from lambdist_lib import paths
from lambdist_lib.cli import parser

COLUMNS = 80
PAPERMILL_INDENT = 34  # of a parameter's help in `papermill --help-notebook`


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))


def parsers():
    made = parser.build_parser()
    [commands] = [action for action in made._actions if isinstance(action, argparse._SubParsersAction)]
    return {"": made, **commands.choices}


@pytest.mark.parametrize("name", parsers())
def test_the_help_of_a_command_fits(name):
    """Of `lambdist` and of each command; argparse wraps all but the tables that we lay out."""
    assert [line for line in parsers()[name].format_help().splitlines() if len(line) > COLUMNS] == []


def test_the_help_of_make_fits():
    """One line a target."""
    told = subprocess.run(["make", "help"], cwd=paths.root(), capture_output=True, text=True, check=True)

    assert [line for line in told.stdout.splitlines() if len(line) > COLUMNS] == []


@pytest.mark.parametrize("path", sorted(paths.notebooks().glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_help_of_a_notebook_fits(path):
    """papermill indents a parameter's comment and does not wrap it."""
    cells = nbformat.read(path, as_version=4).cells
    [source] = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    comments = [line.partition("  # ")[2] for line in source.splitlines()]

    assert [comment for comment in comments if len(comment) > COLUMNS - PAPERMILL_INDENT] == []
