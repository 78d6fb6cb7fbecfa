"""What is printed: commands that work as they stand, and no character that controls a terminal."""

import argparse
import json
from pathlib import Path

import pytest

from lambdist_lib.cli import options as cli_options
from lambdist_lib.cli.parser import build_parser


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["resume", "x"], "`lambdist resume x-d` finishes it"),
        (["--results-dir", "/my results", "resume", "x"],
         "`lambdist --results-dir '/my results' resume x-d` finishes it"),
        (["resume", "x", "--profile", "me", "--region", "eu-west-1"],
         "`lambdist resume x-d --region eu-west-1 --profile me` finishes it"),
    ],
)  # fmt: skip
def test_a_printed_command_has_the_options_that_were_typed(arguments, expected):
    """Without them it would look into another folder or at another account."""
    options = build_parser().parse_args(arguments)

    text = cli_options.with_typed_options("`lambdist resume x-d` finishes it", options)

    assert text == expected
    build_parser().parse_args(_words(text))


def test_a_command_without_a_target_takes_no_region():
    """`lambdist analyse` reads a folder."""
    options = build_parser().parse_args(["resume", "x", "--region", "eu-west-1"])

    assert cli_options.with_typed_options("see `lambdist analyse x`", options) == "see `lambdist analyse x`"


@pytest.mark.parametrize(
    "character", ["\x1b", "\x9b", "\x07", "\x7f", "\r", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_no_character_of_a_result_controls_the_terminal(character, capsys):
    """As text and as JSON, which reads it as the same result."""
    options = argparse.Namespace(json=False, results_dir=None)

    cli_options.print_result(options, f"a{character}[2Jb\nc\td", None)
    text = capsys.readouterr().out
    line = cli_options.as_json({"result": f"é{character}"})

    assert character not in text + line
    assert text.endswith("b\nc\td\n")
    assert json.loads(line) == {"result": f"é{character}"}


def _words(text):
    import shlex

    return shlex.split(text.split("`")[1])[1:]


def test_results_dir_is_printed_from_the_root(tmp_path, monkeypatch):
    """The command works from every folder."""
    monkeypatch.chdir(tmp_path)
    options = argparse.Namespace(results_dir=Path("here"))

    assert str(tmp_path / "here") in cli_options.with_typed_options("`lambdist fetch x`", options)
