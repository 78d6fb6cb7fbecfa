"""The commands of README.md as they stand there, typed one after another on the local cloud."""

import shlex

import pytest
from support import documented
from support import tables as frames
from support.written import written

from lambdist_lib import paths
from lambdist_lib.cli import main


@pytest.fixture
def compared():
    """Two experiments that differ in memory alone, for the command that compares."""
    for name, memory_mb in (("before", 512), ("after", 1024)):
        runs = frames.runs(6, memory_mb=memory_mb).assign(submitted=9, stored=9, dead=0, experiment_id=name)
        written(paths.results() / name, runs, facts={"memory_mb": memory_mb})


def test_the_commands_of_the_readme_do_what_it_says(both, compared, capsys, monkeypatch):
    """Each ends with status 0, and prints something."""
    monkeypatch.chdir(paths.root())
    for command in documented.TYPED:
        status = main.main(shlex.split(command)[1:])

        told = capsys.readouterr()
        assert (status, bool(told.out)) == (0, True), f"{command}\n{told.err}"
    assert (paths.results() / "mine" / "report.html").exists()
