"""The command line: its commands in the order of the help, and its parser.

A new command is one decorated function in a `*_commands` module (`cli.declaration`) and one entry in
COMMANDS. argparse keeps `lambdist --help` at a tenth of a second; rich draws tables (`cli.screen`) and
argcomplete completes words (`cli.completion`) where a command needs them.
"""

import argparse
import re
import sys
from typing import Any, NoReturn

from lambdist_lib.cli import (
    analysis_commands,
    completion,
    deploy_commands,
    plan_command,
    run_commands,
    value_types,
)
from lambdist_lib.cli.declaration import commands_of
from lambdist_lib.errors import EXIT_STATUSES, UsageError
from lambdist_lib.formatting import did_you_mean

COMMANDS = (
    deploy_commands.init,
    run_commands.try_,
    deploy_commands.deploy,
    deploy_commands.api,
    deploy_commands.leaks,
    deploy_commands.destroy,
    deploy_commands.package,
    deploy_commands.cloud,
    run_commands.submit,
    analysis_commands.run,
    run_commands.resume,
    run_commands.fetch,
    run_commands.dead,
    run_commands.redrive,
    analysis_commands.analyse,
    analysis_commands.compare,
    analysis_commands.report,
    analysis_commands.gallery,
    analysis_commands.notebook,
    plan_command.plan,
    completion.completion,
)
EXITS = "exit status:\n" + "".join(f"  {status:<4} {text}\n" for status, text in EXIT_STATUSES.items())
TOUR = f"""\
a first tour:
  lambdist try data/words.txt -n 5             process() here, without a cloud
  lambdist deploy                              both stacks on a local cloud
  lambdist submit data/words.txt --chunks 20   send a file, get its answers
  lambdist fetch RUN                           the answers again, in input order
  lambdist destroy                             delete the stacks again
  lambdist run data/words.txt --repetitions 6  does the fan-out pay? all in one
  lambdist cloud stop                          nothing is left
  lambdist plan --datapoints 1e9 --request-batch 100  a larger job on AWS

A checkout of lambdist has its results in results/ and the local cloud's state
in .lambdist/; an installed lambdist has them in ./results and in your user's
state folder. --results-dir (or LAMBDIST_RESULTS) and LAMBDIST_STATE name
others. `lambdist resume` finishes an interrupted run.
Progress and errors go to stderr, answers to stdout; --json prints JSON there.
Tables have colours on a terminal, unless NO_COLOR is set.

{EXITS}"""


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata  # takes 20 ms

        parser.exit(message=f"lambdist {importlib.metadata.version('lambdist-lib')}\n")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the word that was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; an argument that the parser does not know is an error right here."""
        first = str(next(iter(sys.argv[1:] if args is None else args), "")).partition("=")[0]
        if first in self._options_of_commands() - self._option_string_actions.keys():
            self.error(self._unknown([first]))  # or its value would be taken for the command
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Raise the message as a UsageError of one line, which ends in the command for help."""
        text = re.sub(r"^argument (\S+): (?=is |has )", r"\1 ", message)
        text = re.sub(r"^argument (\S+): ", r"\1: ", text)
        text = re.sub(r"^the following arguments are required: ", "missing argument: ", text)
        text = re.sub(r": not allowed with argument (\S+)$", r" and \1 exclude each other", text)
        raise UsageError(f"{text}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the closest choice; argparse's own text depends on the version of Python."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        hint = did_you_mean(str(value), known)
        if isinstance(action, argparse._SubParsersAction):
            raise UsageError(f"unknown command {value!r}{hint}; see `{self.prog} --help`")
        raise argparse.ArgumentError(action, f"is {value!r}{hint}; write one of {', '.join(known)}")

    def _options_of_commands(self) -> set[str]:
        return {name for command in commands_of(self) for name in command._option_string_actions}

    def _unknown(self, words: list[str]) -> str:
        names = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not names:
            return f"one argument too many: {words[0]!r}"
        if names[0] in self._options_of_commands():
            return f"{names[0]} is an option of a command: write it after the command's name"
        return f"unknown option {names[0]}{did_you_mean(names[0], self._option_string_actions)}"


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser; parsed options have the command's function as `call`.

    Raises (on parsing):
        UsageError: A command, an option or a value is invalid.
    """
    style: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = Parser(
        prog="lambdist",
        description="Does fanning a file out over AWS Lambdas pay? Deploy, measure, compare.",
        epilog=TOUR,
        **style,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--results-dir", type=value_types.folder, metavar="FOLDER", help="of all results (default: results)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        description = f"{command.text[0].upper()}{command.text[1:]}."
        command.add_to(
            commands.add_parser(
                command.name, help=command.text, description=description, epilog=EXITS, **style
            )
        )
    return parser
