"""Hold figures against their goals: rows of a Markdown table, whose end tells whether all hold.

    bounds = Bounds()
    bounds.row("import of the experiment", 0.21, "<= 0.25", "s")
    sys.exit(bounds.status)

`run_all.py` names a file in ROWS, to which each row is appended, and prints all of them as one table.
"""

import json
import os
import resource
from pathlib import Path
from typing import Any, NamedTuple

ROWS = "LAMBDIST_BENCH_ROWS"  # environment variable: a file of JSON lines
NOT_MEASURED = 3  # exit status of a script that lacks a program it needs
HEADER = "| what | goal | measured | holds |\n| --- | ---: | ---: | --- |"


class Row(NamedTuple):
    """A figure with its goal, such as `<= 0.25`, or "" for one that has none.

    value: NaN where it could not be measured; then it does not hold.
    note: Follows the figure.
    """

    what: str
    value: float
    goal: str = ""
    unit: str = ""
    note: str = ""

    @property
    def holds(self) -> bool:
        sign, _, limit = self.goal.partition(" ")
        if not self.goal:
            return True
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)

    def __str__(self) -> str:
        verdict = ("yes" if self.holds else "**no**") if self.goal else ""
        unit = f" {self.unit}" if self.unit else ""
        goal = f"{self.goal}{unit}" if self.goal else ""
        note = f" ({self.note})" if self.note else ""
        return f"| {self.what} | {goal} | {shown(self.value)}{unit}{note} | {verdict} |"


class Bounds:
    """Print each row as it comes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def row(self, *values: Any, **named: Any) -> bool:
        """Print a Row of these fields; return whether it holds."""
        row = Row(*values, **named)
        if not self.rows:
            print(HEADER)
        self.rows.append(row)
        print(row, flush=True)
        if path := os.environ.get(ROWS):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return row.holds

    @property
    def status(self) -> int:
        """Exit status: 1 where a row does not hold."""
        return int(not all(row.holds for row in self.rows))


def children_cpu_s() -> float:
    """Return the CPU seconds of all children that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shown(value: float) -> str:
    """Return a figure with three digits, or all of a whole number's."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
