"""The outputs in docs/commands.md are those of the commands."""

import re
import shlex

import pytest
from support import screens

from lambdist_lib.cli.parser import COMMANDS, build_parser

BLOCKS = screens.blocks()


@pytest.fixture(scope="module")
def folder():
    with screens.results() as name:
        yield name


@pytest.mark.parametrize("command", screens.HERE)
def test_an_output_of_the_page_is_current(command, folder):
    """`python tests/support/screens.py` writes it again. Of a plan the words count, not the numbers."""
    shape = words if " plan " in command else str

    assert shape(screens.output_of(command, folder)) == shape(BLOCKS[command])


def words(text):
    """A text without its numbers and line ends."""
    return " ".join(re.sub(r"[\d.,]+", "#", text).split())


def test_every_command_has_an_output_on_the_page():
    """A new command comes with what it prints."""
    assert {command.name for command in COMMANDS} <= {shlex.split(line)[1] for line in BLOCKS}


@pytest.mark.parametrize("command", [line for line in BLOCKS if line not in screens.HERE])
def test_the_command_line_takes_a_command_of_the_page(command):
    """Those that need a cloud; their words are looked at by hand."""
    assert callable(build_parser().parse_args(shlex.split(command)[1:]).call)


def test_an_output_fits_a_terminal():
    """80 columns; JSON and errors are lines of their own, for programs and logs."""
    wide = [
        line
        for output in BLOCKS.values()
        for line in output.splitlines()
        if len(line) > 80 and not line.startswith(("{", "lambdist: "))
    ]

    assert wide == []
