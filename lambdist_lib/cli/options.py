"""What was asked for, as the library names it; and the answer, in words or as JSON."""

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


def queued(options: argparse.Namespace) -> tuple[Any, Any]:
    """The target, and its stack with a queue."""
    from lambdist_lib.deployment import stacks

    found = target(options)
    return found, stacks.describe(found, "distributed")


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Options as the library names them."""
    return {name: getattr(options, name) for name in names}


def setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: write NAME=VALUE, such as memory_mb=256")
    return name, value


def tell(options: argparse.Namespace, text: str, facts: Any) -> None:
    """Words for people, or the same facts as JSON."""
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    elif text:
        print(text)
