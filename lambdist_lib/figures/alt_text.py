"""Write alt text from a summary's numbers, for readers who cannot see a figure."""

from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]
Summary = dict[str, Any]


def compose(shows: str, numbers: str, summary: Summary) -> str:
    """Join what a figure shows with its numbers, without a final period.

    Args:
        shows: What is drawn, the same for every experiment.
        numbers: The summary's numbers in words. Without them the finding stands there: it is computed, too.
        summary: What `Results.summarise` returns.
    """
    numbers = numbers or summary["finding"] or "No finding was written"
    return f"{shows} {numbers}".strip().removesuffix(".")


def fixed(shows: str) -> Callable[[Summary], str]:
    """Return the description of a figure whose numbers the summary does not have."""
    return lambda summary: compose(shows, "", summary)


def rows(summary: Summary, name: str) -> Rows:
    """Return a table of the summary; empty where the summary has a reason instead of rows."""
    table = summary["tables"].get(name)
    return table if isinstance(table, list) else []


def group(table: Rows, key: str) -> dict[str, Rows]:
    """Return rows by the value of one column, in their order."""
    groups: dict[str, Rows] = {}
    for row in table:
        groups.setdefault(row[key], []).append(row)
    return groups


def value(summary: Summary, name: str) -> float | None:
    """Return a measure's value; None where it was not measured."""
    measure = summary["measures"].get(name)
    return measure["value"] if measure else None


def interval(row: dict[str, Any]) -> str:
    """Return ` (interval LOW to HIGH)` of a row, "" without an interval."""
    unknown = row["low"] is None or row["high"] is None
    return "" if unknown else f" (interval {row['low']:.3g} to {row['high']:.3g})"


def seconds(value_s: float | None) -> str:
    """Return a time with three digits."""
    return "an unknown time" if value_s is None else f"{value_s:.3g} s"
