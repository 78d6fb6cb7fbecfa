"""The mail about dead datapoints: their number, causes and runs, and the commands to run next.

A letter is a dictionary with `run_id`, `n`, `cause`, `cause_class` and `payload`. The mail quotes
no payload and no exception message unless the stack asks for examples: both may hold private data.
"""

import collections
from collections.abc import Mapping
from typing import Any

from lambdist_lib.protocol import causes
from lambdist_lib.protocol.contract import CAUSE_CLASSES

MAX_KINDS, MAX_RUNS = 20, 20
EXAMPLE_MAX_CHARS = 300  # of a quoted payload or cause
SUBJECT_MAX_CHARS = 100  # SNS's limit


def subject(letters: list[dict[str, Any]], stack_name: str) -> str:
    return f"lambdist {stack_name}: {len(letters):,} dead"[:SUBJECT_MAX_CHARS]


def text(letters: list[dict[str, Any]], stack_name: str, *, examples: int = 0, where: str = "") -> str:
    """Write the mail.

    Args:
        examples: Number of letters to quote, with cause and the beginning of their payload.
        where: Command-line options that name this stack's target.
    """
    runs = collections.Counter(letter["run_id"] for letter in letters)
    kinds = collections.Counter(causes.kind(letter["cause"], letter["cause_class"]) for letter in letters)
    classes = {letter["cause_class"] for letter in letters}
    shown = [run_id for run_id, _ in runs.most_common(MAX_RUNS)]
    number = f"{len(letters):,} datapoint{'s' if len(letters) > 1 else ''}"
    lines = [f"{number} could not be processed by the stack {stack_name}."]
    lines += ["", "Causes:", *_counted(kinds, MAX_KINDS, "causes")]
    lines += ["", "Runs:", *_counted(runs, MAX_RUNS, "runs")]
    lines += [
        "",
        "To list them with causes:",
        *(f"  lambdist dead {run_id}{where}" for run_id in shown),
    ]
    lines += ["", "To send them again, once the cause is fixed:"]
    lines += [f"  lambdist redrive {run_id}{where}" for run_id in shown]
    if len(classes) > 1:
        first = next(name for name in CAUSE_CLASSES if name in classes)
        lines += ["", f"Add --cause '{first}' to send only those of one cause."]
    for letter in letters[:examples]:
        lines += ["", f"{letter['run_id']} {letter['n']}: {letter['cause'][:EXAMPLE_MAX_CHARS]}"]
        lines += [f"  {letter['payload'][:EXAMPLE_MAX_CHARS]}"]
    return "\n".join(lines)


def where(environ: Mapping[str, str]) -> str:
    """Return the options that name the target: on AWS its Region; an emulator sets an endpoint."""
    return "" if "AWS_ENDPOINT_URL" in environ else f" --target aws --region {environ['AWS_REGION']}"


def _counted(counts: collections.Counter[str], limit: int, what: str) -> list[str]:
    lines = [f"  {count:>6,}  {name}" for name, count in counts.most_common(limit)]
    hidden = len(counts) - limit
    return lines + ([f"          and {hidden:,} more {what}"] if hidden > 0 else [])
