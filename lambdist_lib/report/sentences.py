"""State in sentences what a report's tables leave to the reader: the ledger, failures, unequal costs."""

import re
from typing import Any

import pandas as pd

from lambdist_lib.formatting import counted, label, number, spaced
from lambdist_lib.protocol import faults

UNEQUAL = 0.25  # of the larger of a predicted and a metered amount
NOTABLE = 0.02  # of an arm's bill; smaller lines move nothing
SEPARATOR = re.compile(r"; (?![^(]*\))")
ENDS = ("stored", "dead", "rejected")  # where a datapoint may end for good
PARTS = re.compile(r"(?<=[.)]) (?=Beware: |Of \d+ ways |On AWS, |From cold |With the faults )")  # a new line


def accounted(runs: pd.DataFrame) -> str:
    """Return whether each datapoint has ended, with the counts of all runs together.

    Args:
        runs: Columns of `schema.RUNS`.
    """
    submitted = int(runs["submitted"].sum())
    ends = {name: int(runs[name].sum()) for name in ENDS}
    known = sum(ends.values())
    if known == submitted:
        counts = ", ".join(f"{number:,} {name}" for name, number in ends.items() if number)
        return f"Yes: {known:,} of {submitted:,} ({counts}). {on_purpose(runs)}".strip()
    rest = {name: int(runs[name].sum()) for name in ("unsent", "in_flight", "lost")}
    counts = ", ".join(f"{number:,} {label(name)}" for name, number in rest.items() if number)
    return f"No: {known:,} of {submitted:,} ended; {counts or f'{submitted - known:,} have no outcome'}."


def on_purpose(runs: pd.DataFrame) -> str:
    """Return how many of the dead were made to fail on purpose; "" where none was."""
    failing = [
        len(faults.parse_fault(str(run.fault)).always_failing(int(run.submitted)))
        for run in runs.itertuples()
    ]
    dead = int(runs["dead"].sum())
    if not sum(failing) or not dead:
        return ""
    many = f"{counted(max(failing), 'datapoints')} of each run {'is' if max(failing) == 1 else 'are'}"
    rest = dead - sum(failing)
    others = f", the other {rest:,} for other causes" if rest > 0 else ""
    return (
        f"{many} made to fail on purpose: these are {min(sum(failing), dead):,} of the {dead:,} dead{others}."
    )


def parts(finding: str) -> list[str]:
    """Split a finding into its parts, such as the conclusion about AWS, with names as tables have them."""
    return PARTS.split(spaced(finding))


def message(row: dict[str, Any]) -> str:
    """Return the message of a row of `dead_by_cause` without the cause, which has its own column."""
    return str(row["example"]).removeprefix(f"{row['cause']}: ")


def enumeration(text: str) -> tuple[str, list[str]]:
    """Split a text into its lead and what it lists after a colon; no list for a text of one or two parts.

    Items are separated by semicolons; those in parentheses separate nothing.
    """
    lead, _, rest = text.partition(": ")
    items = SEPARATOR.split(rest.removesuffix("."))
    return (f"{lead}:", items) if len(items) > 2 else (text, [])


def unequal_costs(rows: list[dict[str, Any]]) -> str:
    """Name the lines of the bill whose predicted and metered amounts differ; "" where all agree.

    Args:
        rows: Of the summary's table `cost`.
    """
    texts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        lines = [row for row in rows if row["arm"] == arm and row["what"] and _amounts(row)]
        bill_usd = max(sum(_amounts(row)[1] for row in lines), 0.0)
        for row in lines:
            predicted, metered = _amounts(row)
            largest = max(predicted, metered)
            if largest > NOTABLE * bill_usd and abs(predicted - metered) > UNEQUAL * largest:
                texts.append(
                    f"{row['service']} {row['what']} of {label(arm)} ({number(predicted)} predicted, "
                    f"{number(metered)} metered)"
                )
    if not texts:
        return ""
    return f"Prediction and meter differ by more than a quarter in: {'; '.join(texts)}."


def _amounts(row: dict[str, Any]) -> tuple[float, float]:
    return float(row["usd_predicted"] or 0.0), float(row["usd_metered"] or 0.0)
