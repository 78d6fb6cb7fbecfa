"""Map parsed options to the library's arguments, and print a result as text or JSON."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from lambdist_lib.errors import UsageError

SENDING = ("chunks", "rate", "request_batch", "work", "fault")


def target(options: argparse.Namespace) -> Any:
    from lambdist_lib.cloud import targets

    return targets.connect(options.target, region=options.region, profile=options.profile)


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

    connected = target(options)
    return connected, stacks.describe(connected, "distributed")


def values(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return options as keyword arguments of the library."""
    return {name: getattr(options, name) for name in names}


def setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: write NAME=VALUE, such as memory_mb=256")
    return name, value


def print_result(options: argparse.Namespace, text: str, facts: Any) -> None:
    """Print text for people, or the same facts as JSON with `--json`."""
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    elif text:
        print(text)
