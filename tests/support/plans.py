"""The command plan, as it is typed."""

from lambdist_lib.cli import main


def plan_of(capsys, *typed):
    """The exit status of `lambdist plan`, and what it prints."""
    status = main.main(["plan", *typed])
    return status, capsys.readouterr()
