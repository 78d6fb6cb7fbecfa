"""Datapoints of collected runs that have no answer: in which ways, how many, and examples of each."""

import re
from collections.abc import Iterable
from pathlib import Path

from lambdist_lib.report.table_model import Column, Table
from lambdist_lib.results import outputs

MOST_EXAMPLES, MOST_WAYS = 3, 12
SHOWN_CHARS = 200  # of a datapoint and of a message
ACCOUNT = re.compile(r"(arn:[\w-]*:[\w-]*:[\w-]*:)\d{12}(?=:)")  # of AWS, in an error's words


def table(homes: Iterable[Path]) -> Table:
    """Examples from the runs' `outputs.jsonl`, by how they ended and the first word of why."""
    seen: dict[str, int] = {}
    rows = []
    for home in homes:
        for answer in outputs.outputs(home):
            if "error" not in answer:
                continue
            outcome, _, cause = answer["error"].partition(": ")
            way = f"{outcome}: {cause.partition(':')[0]}" if outcome == "dead" else outcome
            seen[way] = seen.get(way, 0) + 1
            if seen[way] <= MOST_EXAMPLES and len(seen) <= MOST_WAYS:
                data = "(not readable)" if answer["data"] is None else answer["data"]
                rows.append((way, home.name, f"{answer['n']:,}", shown(data), shown(cause)))
    counts = ", ".join(f"{count:,} {way}" for way, count in list(seen.items())[:MOST_WAYS])
    return Table(
        id="examples",
        section="failures",
        caption="Datapoints without an answer: the first of each way",
        columns=(
            Column(name="ended as"),
            Column(name="run"),
            Column(name="line", numeric=True),
            Column(name="datapoint", free=True),
            Column(name="why", free=True),
        ),
        rows=tuple(sorted(rows, key=lambda row: list(seen).index(row[0]))),
        note=f"Lines are counted from 0. In all: {counts}." if counts else "",
    )


def shown(text: str) -> str:
    """Cut where it is long, without the number of anybody's AWS account."""
    text = ACCOUNT.sub(r"\1…", text)
    return text[:SHOWN_CHARS] + "…" * (len(text) > SHOWN_CHARS)
