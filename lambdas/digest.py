"""The mail about dead datapoints: how many, why, of which runs, and what to do.

A letter is a dictionary with `run_id`, `n`, `cause`, `cause_class` and `payload`. No payload is
quoted unless the stack asks for it, nor what an exception said: that may be anybody's data.
"""

import collections
from collections.abc import Mapping
from typing import Any

from lambdist_lib.protocol import causes
from lambdist_lib.protocol.contract import CAUSE_CLASSES

KINDS_MOST, RUNS_MOST = 20, 20
EXAMPLE_MAX_CHARS = 300  # of a payload, and of a cause
SUBJECT_MAX_CHARS = 100  # of SNS


def subject(letters: list[dict[str, Any]], stack_name: str) -> str:
    return f"lambdist {stack_name}: {len(letters):,} dead"[:SUBJECT_MAX_CHARS]


def text(letters: list[dict[str, Any]], stack_name: str, *, examples: int = 0, where: str = "") -> str:
    """The mail.

    Args:
        examples: How many letters are quoted, with cause and the begin of their payload.
        where: Options with which the commands find this stack's cloud.
    """
    runs = collections.Counter(letter["run_id"] for letter in letters)
    kinds = collections.Counter(causes.kind(letter["cause"], letter["cause_class"]) for letter in letters)
    classes = {letter["cause_class"] for letter in letters}
    shown = [run_id for run_id, _ in runs.most_common(RUNS_MOST)]
    number = f"{len(letters):,} datapoint{'s' if len(letters) > 1 else ''}"
    lines = [f"{number} could not be processed by the stack {stack_name}."]
    lines += ["", "Causes:", *_counted(kinds, KINDS_MOST, "causes")]
    lines += ["", "Runs:", *_counted(runs, RUNS_MOST, "runs")]
    lines += ["", "Which they are, and why:", *(f"  lambdist dead {run_id}{where}" for run_id in shown)]
    lines += ["", "To send them again, once the reason is gone:"]
    lines += [f"  lambdist redrive {run_id}{where}" for run_id in shown]
    if len(classes) > 1:
        first = next(name for name in CAUSE_CLASSES if name in classes)
        lines += ["", f"With --cause '{first}' only those of one cause."]
    for letter in letters[:examples]:
        lines += ["", f"{letter['run_id']} {letter['n']}: {letter['cause'][:EXAMPLE_MAX_CHARS]}"]
        lines += [f"  {letter['payload'][:EXAMPLE_MAX_CHARS]}"]
    return "\n".join(lines)


def where(environ: Mapping[str, str]) -> str:
    """Options for the commands: on AWS its Region; an emulator sets its own endpoint."""
    return "" if "AWS_ENDPOINT_URL" in environ else f" --target aws --region {environ['AWS_REGION']}"


def _counted(counts: collections.Counter[str], most: int, what: str) -> list[str]:
    lines = [f"  {count:>6,}  {name}" for name, count in counts.most_common(most)]
    return lines + ([f"          and {len(counts) - most:,} more {what}"] if len(counts) > most else [])
