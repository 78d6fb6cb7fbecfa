"""Tabulate examples of datapoints without a result: how they ended, and why."""

import re
from collections.abc import Iterable
from pathlib import Path

from lambdist_lib.report.table_model import Column, Table
from lambdist_lib.results import outputs

MAX_EXAMPLES, MAX_KINDS = 3, 12
MAX_CHARS = 200  # of a datapoint and of a message
ACCOUNT = re.compile(r"(arn:[\w-]*:[\w-]*:[\w-]*:)\d{12}(?=:)")  # the AWS account in an error message


def table(run_folders: Iterable[Path]) -> Table:
    """Return the first examples of each kind of failure, from the runs' `outputs.jsonl`."""
    counts: dict[str, int] = {}
    rows = []
    for folder in run_folders:
        for answer in outputs.outputs(folder):
            if "error" not in answer:
                continue
            outcome, _, cause = answer["error"].partition(": ")
            kind = f"{outcome}: {cause.partition(':')[0]}" if outcome == "dead" else outcome
            counts[kind] = counts.get(kind, 0) + 1
            if counts[kind] <= MAX_EXAMPLES and len(counts) <= MAX_KINDS:
                data = "(not readable)" if answer["data"] is None else answer["data"]
                rows.append((kind, folder.name, f"{answer['n']:,}", shortened(data), shortened(cause)))
    total = ", ".join(f"{count:,} {kind}" for kind, count in list(counts.items())[:MAX_KINDS])
    return Table(
        id="examples",
        section="failures",
        caption="Datapoints without a result: the first of each kind",
        columns=(
            Column(name="ended as"),
            Column(name="run"),
            Column(name="line", numeric=True),
            Column(name="datapoint", free=True),
            Column(name="why", free=True),
        ),
        rows=tuple(sorted(rows, key=lambda row: list(counts).index(row[0]))),
        note=f"Lines are counted from 0. In all: {total}." if counts else "",
    )


def shortened(text: str) -> str:
    """Cut a long text, and remove AWS account numbers."""
    text = ACCOUNT.sub(r"\1…", text)
    return text[:MAX_CHARS] + "…" * (len(text) > MAX_CHARS)
