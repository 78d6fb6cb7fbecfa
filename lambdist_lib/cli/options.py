"""Map parsed options to the library's arguments, and print a result as text or JSON."""

import argparse
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from lambdist_lib.cli import screen
from lambdist_lib.cli.screen import Blocks, printable
from lambdist_lib.errors import AbsentError

COMMAND = re.compile(r"`lambdist (?P<name>[a-z]+)(?P<rest>[^`]*)`")
OF_TARGET = ("api", "deploy", "destroy", "leaks", "submit", "run", "resume", "fetch", "dead", "redrive")
SENDING = ("chunks", "rate", "request_batch", "work", "fault")


def target(options: argparse.Namespace) -> Any:
    from lambdist_lib.cloud import targets

    return targets.connect(options.target, region=options.region, profile=options.profile)


def deployed_target(options: argparse.Namespace, kind: str = "distributed") -> Any:
    """Connect to the target of a deployed stack; start no local cloud, in which there would be none.

    Raises:
        AbsentError: No local cloud runs.
    """
    from lambdist_lib.cloud import local_cloud
    from lambdist_lib.deployment import stacks

    if options.target == "local" and not local_cloud.find():
        raise AbsentError(
            f"no local cloud runs, so the stack {stacks.stack_name(kind)} is not deployed on local cloud: "
            "run `lambdist deploy --target local`"
        )
    return target(options)


def by_target_label(options: argparse.Namespace) -> Callable[[str], Any]:
    from lambdist_lib.cloud import targets

    def connect(target_label: str) -> Any:
        region = options.region or target_label.partition(" ")[2].split(" ")[0]
        name = "local" if target_label == targets.LOCAL_LABEL else "aws"
        return targets.connect(name, region="" if name == "local" else region, profile=options.profile)

    return connect


def target_and_stack(options: argparse.Namespace) -> tuple[Any, Any]:
    """Connect to the target and describe its stack with a queue."""
    from lambdist_lib.deployment import stacks

    connected = deployed_target(options)
    return connected, stacks.describe(connected, "distributed")


def values(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return options as keyword arguments of the library."""
    return {name: getattr(options, name) for name in names}


def of_file(options: argparse.Namespace) -> dict[str, Any]:
    """Return how the data file is read, as keyword arguments of the library."""
    return {"format": options.format, "columns": options.column}


def with_typed_options(text: str, options: argparse.Namespace) -> str:
    """Complete the commands that a text prints with the options without which they would go elsewhere."""
    typed = {name: getattr(options, name, "") for name in ("region", "profile")}
    of_target = "".join(f" --{name} {shlex.quote(value)}" for name, value in typed.items() if value)
    folder = (
        f" --results-dir {shlex.quote(str(options.results_dir.resolve()))}" if options.results_dir else ""
    )

    def complete(command: re.Match[str]) -> str:
        name = command["name"]
        return f"`lambdist{folder} {name}{command['rest']}{of_target if name in OF_TARGET else ''}`"

    return COMMAND.sub(complete, text)


def print_result(options: argparse.Namespace, text: str | Blocks, facts: Any) -> None:
    """Print text for people, or the same facts as JSON with `--json`.

    Args:
        text: As it is, for lines that are copied into a shell; or blocks, as `screen.render` takes them.
    """
    if options.json:
        print(printable(json.dumps(facts, indent=1, default=str)))
    elif isinstance(text, str):
        if text:
            print(printable(with_typed_options(text, options)))
    else:
        screen.show([_completed(block, options) for block in text])


def _completed(block: Any, options: argparse.Namespace) -> Any:
    """Complete the commands of a block of text, which keeps its kind."""
    return type(block)(with_typed_options(block, options)) if isinstance(block, str) else block


def as_json(facts: Any) -> str:
    """Encode facts so that no character of a result controls the terminal; JSON reads it as the same."""
    return printable(json.dumps(facts, ensure_ascii=False))
