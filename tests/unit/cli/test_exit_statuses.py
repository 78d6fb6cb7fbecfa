"""The table of exit statuses, which the help and the README print."""

import re

import pytest

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.cli.parser import EXITS
from lambdist_lib.errors import EXIT_STATUSES


def test_the_readme_has_the_table_of_statuses():
    """One home, and two places that show it."""
    rows = re.findall(
        r"^\| (\d+) \| (.+) \|$", (paths.root() / "docs" / "commands.md").read_text(encoding="utf-8"), re.M
    )

    assert {int(status): text.replace("`", "") for status, text in rows if int(status) in EXIT_STATUSES} == {
        status: text.replace("`", "") for status, text in EXIT_STATUSES.items()
    }


def test_the_help_has_the_table_of_statuses(capsys):
    """Every command's help ends with it."""
    with pytest.raises(SystemExit):
        main.main(["submit", "--help"])

    assert EXITS in capsys.readouterr().out


@pytest.mark.parametrize("command", ["fetch", "dead", "analyse", "report", "resume", "redrive"])
def test_a_run_that_does_not_exist_has_status_8(command, monkeypatch, tmp_path, capsys):
    """A script tells a wrong id from a failed command."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))

    assert main.main([command, "no-such-run"]) == 8
    assert (
        capsys.readouterr()
        .err.rstrip()
        .splitlines()[-1]
        .startswith("lambdist: there is no run or experiment")
    )
