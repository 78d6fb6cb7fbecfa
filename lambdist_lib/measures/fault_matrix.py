"""Dead letters under several declared faults and batches, each beside what the law of retries expects.

A cell is what was run under the same fault plan (whatever its seed), batch and kind of batch
response; its repetitions are put together. The law knows the kinds `raise` and `permanent` on all
datapoints; a plan with another kind, or one aimed at some datapoints, has no expected rate.
"""

import math
from typing import Any

import pandas as pd

from lambdist_lib.measures import dead_letters
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import DEAD, STORED

CELL = ["fault", "batch", "partial"]
KNOWN = {"raise", "permanent"}
COLUMNS = [*CELL, "runs", "arm", "settled", "dead", "rate", "low", "high", "method", "p", "permanent", "most"]
COLUMNS += ["expected", "agrees", "filled", "expected_filled", "p_value"]


def cells(
    records: pd.DataFrame,
    runs: pd.DataFrame,
    invocations: pd.DataFrame,
    *,
    most: int = 5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """One row per cell and arm, in the order of the runs.

    Args:
        most: The queue's maximum of receives.

    Returns:
        CELL (the fault plan without its seed, messages per invocation at most, whether partial
        responses are on), `runs`, the columns of `dead_letters.against_theory`, `filled` (NaN without
        logs), `expected_filled`, the law for batches as large as they were, and `p_value`, of the
        receives against the geometric law (`dead_letters.fit`).
    """
    tables = []
    for (fault, batch, partial), of_cell in _named(runs).groupby(CELL, sort=False):
        of_runs = records[records["run_id"].isin(of_cell["run_id"])]
        p, permanent = chances(fault)
        law: dict[str, Any] = {"most": most, "batch": int(batch), "partial": bool(partial)}
        table = dead_letters.compare_with_theory(
            of_runs, p=p, permanent=permanent, confidence=confidence, **law
        )
        fit = dead_letters.goodness_of_fit(of_runs, p=p, **law) if p == p else table.assign(p_value=math.nan)
        sizes = _batches(invocations[invocations["run_id"].isin(of_cell["run_id"])])
        table = table.assign(fault=fault, runs=len(of_cell), p_value=fit["p_value"].to_numpy())
        table["filled"] = _over_messages(sizes, sizes)
        failing = _over_messages(1 - (1 - p) ** sizes, sizes)
        table["expected_filled"] = table["expected"] if partial else failing**most
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def compare_with_expected(records: pd.DataFrame, runs: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: whether each datapoint ended as the plan's draws had decided before the run.

    A stronger test than any law, and one without chance. Without partial responses datapoints do
    not end as planned, since a plan takes each as alone: what they differ by is what whole batches cost.

    Args:
        planned: `run_id`, `n`, `outcome`, `receives` (`Experiment.truth`).

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
    """The rows of a records or invocations table that belong to a cell, a row of what `cells` returns."""
    named = _named(runs)
    chosen = (named[CELL] == cell[CELL].to_list()).all(axis="columns")
    return table[table["run_id"].isin(named.loc[chosen, "run_id"])]


def cell_label(cell: pd.Series) -> str:
    """A cell for a title."""
    return f"{cell['fault']}, batches of {cell['batch']}" + (
        "" if cell["partial"] else ", no partial responses"
    )


def chances(fault: str) -> tuple[float, float]:
    """With which probability an attempt of a plan fails, and which share of datapoints is hopeless.

    NaN where the plan has another kind, or is aimed at some datapoints only.
    """
    plan = faults.parse_fault(fault)
    if any(one.kind not in KNOWN or one.among is not None for one in plan.faults):
        return math.nan, math.nan
    return plan.share("raise"), plan.share("permanent")


def sentence(table: pd.DataFrame, target: str) -> str:
    """The conclusion of what `cells` returns."""
    told = table[table["expected"].notna()]
    if told.empty:
        return f"no datapoint was run under a law that tells how many die ({target})."
    agree, settled = int(told["agrees"].sum()), int(told["settled"].sum())
    parts = [
        f"{agree} of {len(told)} combinations of fault and batch have the expected share of dead within "
        f"their 95 % interval (n = {settled:,} datapoints)"
    ]
    for partial, words in ((True, "with partial batch responses"), (False, "without them")):
        of = told[told["partial"].eq(partial).astype(bool)]
        if len(of):
            row = of.loc[of["rate"].idxmax()] if of["rate"].notna().any() else of.iloc[0]
            rate, low, high, expected = (row[name] * 100 for name in ("rate", "low", "high", "expected"))
            said = f"expected {expected:.3g} %"
            if not partial and row["expected_filled"] == row["expected_filled"]:
                said += f", {row['expected_filled'] * 100:.3g} % of batches as full as they were"
            parts.append(
                f"{words} {row['fault']} in batches of {row['batch']} killed {rate:.3g} % "
                f"({low:.3g} to {high:.3g} %; {said})"
            )
    return f"{'; '.join(parts)} ({target})."


def _batches(invocations: pd.DataFrame) -> pd.Series:
    """Messages of each of the processor's invocations that had any, as its log line counted them."""
    received = invocations.loc[invocations["function"] == "processor", "received"].astype(float)
    return received[received > 0]


def _over_messages(values: pd.Series, sizes: pd.Series) -> float:
    """Mean over messages of what their batch has: a batch counts as often as it is large."""
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
