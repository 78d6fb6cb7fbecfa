"""Compare dead letters under several declared faults and batch sizes with the theory.

A cell is the runs with the same fault plan (whatever its seed), batch size and batch responses;
repetitions are pooled. The theory covers the kinds `raise` and `permanent` on all datapoints. A plan
with another kind, or one that names datapoints, has no expected rate.
"""

import math
from typing import Any

import pandas as pd

from lambdist_lib.formatting import counted
from lambdist_lib.measures import dead_letters
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import DEAD, STORED

CELL = ["fault", "batch", "partial"]
KNOWN = {"raise", "permanent"}
COLUMNS = [
    *CELL,
    "runs",
    "arm",
    "settled",
    "dead",
    "rate",
    "low",
    "high",
    "method",
    "p",
    "permanent",
    "max_receives",
]
COLUMNS += ["expected", "agrees", "filled", "expected_filled", "p_value"]


def cells(
    records: pd.DataFrame,
    runs: pd.DataFrame,
    invocations: pd.DataFrame,
    *,
    max_receives: int = 5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return one row per cell and arm, in the order of the runs.

    Args:
        max_receives: The queue's maximum of receives.

    Returns:
        CELL (the fault plan without its seed, messages per invocation at most, whether partial
        responses are on), `runs`, the columns of `dead_letters.compare_with_theory`, `filled` (mean batch
        size, NaN without logs), `expected_filled` (rate for the batch sizes that occurred), and `p_value`
        of the receives (`dead_letters.goodness_of_fit`).
    """
    tables = []
    for (fault, batch, partial), of_cell in _named(runs).groupby(CELL, sort=False):
        of_runs = records[records["run_id"].isin(of_cell["run_id"])]
        p, permanent = chances(fault)
        law: dict[str, Any] = {"max_receives": max_receives, "batch": int(batch), "partial": bool(partial)}
        table = dead_letters.compare_with_theory(
            of_runs, p=p, permanent=permanent, confidence=confidence, **law
        )
        fit = dead_letters.goodness_of_fit(of_runs, p=p, **law) if p == p else table.assign(p_value=math.nan)
        sizes = _batches(invocations[invocations["run_id"].isin(of_cell["run_id"])])
        table = table.assign(fault=fault, runs=len(of_cell), p_value=fit["p_value"].to_numpy())
        table["filled"] = _over_messages(sizes, sizes)
        failing = _over_messages(1 - (1 - p) ** sizes, sizes)
        table["expected_filled"] = table["expected"] if partial else failing**max_receives
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def compare_with_expected(records: pd.DataFrame, runs: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """Count, per cell, the datapoints that ended as the fault plan's draws determine.

    The draws are made before the run, so this test is exact. Without partial responses datapoints
    differ from the plan, which takes each alone: the difference is the cost of failing whole batches.

    Args:
        planned: `run_id`, `n`, `outcome`, `receives` (`Results.expected_outcomes`).

    Returns:
        CELL, and datapoints: `settled`, `planned_dead`, `dead`, `same_outcome` and `same_receives`.
    """
    settled = records[records["outcome"].isin([DEAD, STORED])]
    keys = ["run_id", "n"]
    both = settled.merge(planned[[*keys, "outcome", "receives"]], on=keys, suffixes=("", "_planned"))
    both = both.merge(_named(runs), on="run_id")
    both = both.assign(
        dead=both["outcome"] == DEAD,
        planned_dead=both["outcome_planned"] == DEAD,
        same_outcome=both["outcome"] == both["outcome_planned"],
        same_receives=dead_letters.receives_of(both) == both["receives_planned"],
        settled=1,
    )
    counted = ["settled", "planned_dead", "dead", "same_outcome", "same_receives"]
    return both.groupby(CELL, sort=False)[counted].sum().astype(int).reset_index()


def select_cell(table: pd.DataFrame, runs: pd.DataFrame, cell: pd.Series) -> pd.DataFrame:
    """Return the rows of a records or invocations table that belong to a cell, a row of `cells`."""
    named = _named(runs)
    chosen = (named[CELL] == cell[CELL].to_list()).all(axis="columns")
    return table[table["run_id"].isin(named.loc[chosen, "run_id"])]


def cell_label(cell: pd.Series) -> str:
    """Return a cell's conditions for a title."""
    return f"{cell['fault']}, batches of {cell['batch']}" + (
        "" if cell["partial"] else ", no partial responses"
    )


def chances(fault: str) -> tuple[float, float]:
    """Return the probability that an attempt fails, and the share of permanent failures, of a plan.

    NaN where the plan has another kind, or names datapoints.
    """
    plan = faults.parse_fault(fault)
    if any(fault.kind not in KNOWN or fault.among is not None for fault in plan.faults):
        return math.nan, math.nan
    return plan.share("raise"), plan.share("permanent")


def sentence(table: pd.DataFrame, target: str) -> str:
    """Return the conclusion from a table of `cells` as a sentence."""
    tested = table[table["expected"].notna()]
    if tested.empty:
        return f"no fault plan of these runs has an expected rate of dead datapoints ({target})."
    agree, settled = int(tested["agrees"].sum()), int(tested["settled"].sum())
    parts = [
        f"{agree} of {counted(len(tested), 'combinations')} of fault and batch "
        f"{'has' if len(tested) == 1 else 'have'} the expected share of dead within "
        f"{'its' if len(tested) == 1 else 'their'} 95 % interval (n = {counted(settled, 'datapoints')})"
    ]
    for partial, words in ((True, "with partial batch responses"), (False, "without them")):
        rows = tested[tested["partial"].eq(partial).astype(bool)]
        if len(rows):
            row = rows.loc[rows["rate"].idxmax()] if rows["rate"].notna().any() else rows.iloc[0]
            rate, low, high, expected = (row[name] * 100 for name in ("rate", "low", "high", "expected"))
            text = f"expected {expected:.3g} %"
            if not partial and row["expected_filled"] == row["expected_filled"]:
                text += f", {row['expected_filled'] * 100:.3g} % for the batch sizes that occurred"
            parts.append(
                f"{words} {row['fault']} in batches of {row['batch']} killed {rate:.3g} % "
                f"({low:.3g} to {high:.3g} %; {text})"
            )
    return f"{'; '.join(parts)} ({target})."


def _batches(invocations: pd.DataFrame) -> pd.Series:
    """Return the batch sizes of the processor's invocations, as its log lines count them."""
    received = invocations.loc[invocations["function"] == "processor", "received"].astype(float)
    return received[received > 0]


def _over_messages(values: pd.Series, sizes: pd.Series) -> float:
    """Return the mean over messages: a batch counts as often as it has messages."""
    return float((values * sizes).sum() / sizes.sum()) if len(sizes) else math.nan


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": runs["run_id"],
            "fault": [
                str(faults.parse_fault(fault)).rpartition(",seed:")[0] or "none" for fault in runs["fault"]
            ],
            "batch": runs["queue_batch"],
            "partial": runs["partial_responses"].eq(True),
        }
    )
