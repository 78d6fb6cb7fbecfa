"""Declare a command above its function: name, help, arguments.

    @command("report", "write a run or an experiment as one HTML file", argument("run", metavar="RUN"))
    def report(options): ...

`cli.parser.COMMANDS` lists the commands in the order of the help.
"""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

Call = Callable[[argparse.Namespace], int | None]

FILES, RUNS = "files", "runs"  # how a shell completes a value; without either only `choices` are offered


class Argument(NamedTuple):
    """An option or a positional argument, as `add_argument` takes it.

    complete: FILES, RUNS or "".
    """

    names: tuple[str, ...]
    keywords: dict[str, Any]
    complete: str = ""

    def add_to(self, parser: Any) -> None:
        """Add it to a parser or to a group of one."""
        keywords = dict(self.keywords)
        if "type" in keywords and isinstance(keywords.get("default"), str):
            # argparse would check a default text by the type: "" means none, and is not to be typed
            parser.set_defaults(**{self.dest: keywords["default"]})
            keywords["default"] = argparse.SUPPRESS
        action = parser.add_argument(*self.names, **keywords)
        action.complete = self.complete

    @property
    def dest(self) -> str:
        """The name of its value."""
        name: str = self.keywords.get("dest") or self.names[0].lstrip("-").replace("-", "_")
        return name


class Exclusive(NamedTuple):
    """Options of which at most one may be given."""

    arguments: tuple[Argument, ...]

    def add_to(self, parser: Any) -> None:
        """Add them to a parser as a group."""
        group = parser.add_mutually_exclusive_group()
        for member in self.arguments:
            member.add_to(group)


Declared = Argument | Exclusive


class Command(NamedTuple):
    """A command of `lambdist`: its name, its help in one line, its arguments, its function."""

    name: str
    text: str
    arguments: tuple[Declared, ...]
    call: Call

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments, and `--json`, which every command has."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        for declared in self.arguments:
            declared.add_to(parser)
        parser.set_defaults(call=self.call)


def commands_of(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of a parser's commands."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [command for group in groups for command in group.choices.values()]


def argument(*names: str, complete: str = "", **keywords: Any) -> Argument:
    """Declare an option or a positional argument; `keywords` are those of `add_argument`."""
    return Argument(names, keywords, complete)


def flag(name: str, text: str) -> Argument:
    """Declare an option without a value."""
    return Argument((name,), {"action": "store_true", "help": text})


def exclusive(*arguments: Argument) -> Exclusive:
    """Declare options of which at most one may be given."""
    return Exclusive(arguments)


def command(name: str, text: str, *arguments: Declared) -> Callable[[Call], Command]:
    """Make the decorated function a command."""
    return lambda call: Command(name, text, arguments, call)
