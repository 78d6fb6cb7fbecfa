"""Account for every datapoint: submitted = rejected + unsent + stored + dead + in_flight + lost.

A run that lost datapoints is not a fast run, so the ledger is checked before anything is timed. To analyse
an open ledger all the same, call `mark_incomplete`: the target's label, which is part of every title and
sentence, then says that the ledger is open.
"""

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.protocol.contract import IN_FLIGHT, LOST, OUTCOMES, UNSENT


def count(records: pd.DataFrame) -> pd.DataFrame:
    """Count the outcomes, one row per run: `run_id`, `arm`, `submitted` and a column per outcome.

    `submitted` counts rows and the outcomes count known values, so that a row without a known outcome
    makes the run unbalanced, and not one datapoint smaller.
    """
    places, run_ids = pd.factorize(records["run_id"])
    codes, names = pd.factorize(records["outcome"])
    columns = {name: column for column, name in enumerate(OUTCOMES)}
    outcomes = np.array([*(columns.get(name, -1) for name in names), -1])[codes]
    counted = (places >= 0) & (outcomes >= 0)
    numbers = np.bincount(
        places[counted] * len(OUTCOMES) + outcomes[counted], minlength=len(run_ids) * len(OUTCOMES)
    ).reshape(len(run_ids), len(OUTCOMES))
    first = ~pd.Series(places).duplicated().to_numpy() & (places >= 0)
    return pd.DataFrame(
        {
            "run_id": list(run_ids),
            "arm": list(records["arm"][first]),
            "submitted": np.bincount(places[places >= 0], minlength=len(run_ids)),
            **dict(zip(OUTCOMES, numbers.T, strict=True)),
        }
    )


OPEN = "LEDGER OPEN"


def mark_incomplete(runs: pd.DataFrame, counts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the runs with a note in `target` where the ledger is open; they are then not refused.

    Args:
        counts: What `count` returns for the runs' records, if these are measured, too.
    """
    note = incomplete_note(runs, counts)
    if is_accepted(runs).any():
        return runs
    return runs.assign(target=runs["target"].astype(str) + note) if note else runs


def incomplete_note(runs: pd.DataFrame, counts: pd.DataFrame | None = None) -> str:
    """Return what is missing, as a suffix for a target's label; "" where the ledger is closed.

    Missing datapoints are the larger number of the runs table and of the records; missing records are
    counted, too.
    """
    tables = [runs] if counts is None else [runs, counts]
    missing = [
        f"{number:,.0f} {name.replace('_', ' ')}"
        for name in (IN_FLIGHT, LOST, UNSENT)
        if (number := max(table[name].sum() for table in tables))
    ]
    rest = max(
        (table["submitted"] - table[list(OUTCOMES)].sum(axis="columns")).abs().sum() for table in tables
    )
    missing += [f"{rest:,.0f} unaccounted for"] if rest else []
    wrong = 0 if counts is None else (_rows_of(runs, counts) - runs["submitted"]).abs().sum()
    missing += [f"{wrong:,.0f} records missing or too many"] if wrong else []
    return f", {OPEN}: {' and '.join(missing)} of {runs['submitted'].sum():,.0f}" if missing else ""


def require_balanced(counts: pd.DataFrame) -> None:
    """Refuse runs with datapoints in flight, lost or not accounted for.

    Args:
        counts: What `count` returns, or a runs table.

    Raises:
        RunError: Names each such run, what is missing, and the next command.
    """
    if (accepted := is_accepted(counts)).any():
        counts = counts[~accepted]
    unaccounted = counts["submitted"] - counts[list(OUTCOMES)].sum(axis="columns")
    unbalanced = (counts[[IN_FLIGHT, LOST]] > 0).any(axis="columns") | (unaccounted != 0)
    complaints = []
    for row, rest in zip(counts[unbalanced].to_dict("records"), unaccounted[unbalanced], strict=True):
        missing = [
            f"{row[name]:,.0f} {name.replace('_', ' ')}" for name in (IN_FLIGHT, LOST) if row[name] > 0
        ]
        if missing:
            complaints.append(
                f"run {row['run_id']}: {' and '.join(missing)} of {row['submitted']:,.0f} datapoints: "
                f"finish it with `lambdist resume {row['run_id']}`"
            )
        else:  # also with NaN, a count that is missing
            complaints.append(
                f"run {row['run_id']}: its outcomes do not add up to its {row['submitted']:,.0f} datapoints "
                f"({rest:+,.0f} unaccounted for): count again with `lambdist analyse {row['run_id']}`"
            )
    if complaints:
        raise RunError("\n".join(complaints))


def require_complete(counts: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Refuse records that do not match the runs: a truncated file balances, with fewer datapoints.

    Args:
        counts: What `count` returns.

    Raises:
        RunError: Names each run whose records are missing, cut off or too many.
    """
    rows_of = _rows_of(runs, counts)
    wrong = rows_of != runs["submitted"]
    if wrong.any():
        texts = [
            f"{run_id} has {rows:,.0f} of {submitted:,.0f}"
            for run_id, rows, submitted in zip(
                runs.loc[wrong, "run_id"], rows_of[wrong], runs.loc[wrong, "submitted"], strict=True
            )
        ]
        raise RunError(
            f"records are missing: {', '.join(texts)} datapoints; their records.csv is cut off or of "
            "another run: restore it, or leave the run out"
        )


def _rows_of(runs: pd.DataFrame, counts: pd.DataFrame) -> pd.Series:
    return runs["run_id"].map(counts.set_index("run_id")["submitted"]).fillna(0)


def is_accepted(runs: pd.DataFrame) -> pd.Series:
    """Return whether `mark_incomplete` accepted each row."""
    if "target" not in runs:
        return pd.Series(False, index=runs.index)
    return runs["target"].astype(str).str.contains(OPEN, regex=False)
