"""Compute every measure of an experiment: the content of `summary.json`.

    {"target", "meaningful", "finding", "cost", "confidence", "ledger": [...],
     "tables": {"stages": [...], ...},
     "measures": {"speedup": {"value", "low", "high", "n", "of", "unit", "target", "note"}, ...}}

A measure without a prefix is of the distributed arm if there is one; those of other arms begin with the
arm's name: `makespan_s` and `single_node_makespan_s`. Times are of the warm runs, or of those `as found`
where none was declared warm; those of cold runs begin with `cold_`. A measure that is not known is null,
and its note has the reason. `flat` returns the numbers alone, with the names for `--fail-if`.

A sweep has no times over all levels together: its measures are `speedup_chunks_20` and
`makespan_chunks_20_s` for each level, and its tables `by_level` and `laws`.
"""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from lambdist_lib.costs import metering
from lambdist_lib.costs.metering import NO_COSTS, Costs
from lambdist_lib.errors import RunError
from lambdist_lib.measures import (
    cold_starts,
    dead_letters,
    finding,
    ledger,
    scaling,
    speedup,
    stages,
    summary_sections,
    sweep,
)
from lambdist_lib.measures.intervals import Measure
from lambdist_lib.measures.summary_sections import Data

MEANINGFUL_LOCALLY = (
    "counts, orders and ratios; all Lambdas share this machine's cores, so memory has no effect, and cold "
    "starts and the ramp of pollers are not AWS's"
)
MEANINGFUL_ON_AWS = "all of it, for this region at that time"
SUFFIXES = {"": "value", "_low": "low", "_high": "high"}  # of names in `flat`: the part of the measure

# what `build` reads of the records and of the invocations, the metering of their costs included
RECORDS = tuple(dict.fromkeys((
    "arm", *stages.STAMPS, *metering.COUNTED, "answered_at", "environment_id", "entry_cold", "cold", "cause",
    "failure_causes", "duplicates",
)))  # fmt: skip
INVOCATIONS = ("run_id", "function", "environment_id", "cold", "init_s", "received", "stored", "failed",
               "permanent", "duration_s")  # fmt: skip

SECTIONS = (
    summary_sections.measure_counts,
    summary_sections.measure_speedups,
    summary_sections.measure_times,
    summary_sections.measure_latencies,
    summary_sections.measure_concurrency,
    summary_sections.measure_dead_letters,
    summary_sections.measure_cold_starts,
    summary_sections.measure_costs,
)
SWEEP_SECTIONS = (
    summary_sections.measure_counts,
    summary_sections.measure_levels,
    summary_sections.measure_dead_letters,
    summary_sections.measure_cold_starts,
    summary_sections.measure_costs,
)


def build(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    *,
    target: str,
    confidence: float = 0.95,
    costs: Costs = NO_COSTS,
    allow_incomplete: bool = False,
) -> dict[str, Any]:
    """Compute every measure of an experiment.

    Args:
        runs, records, invocations: Tables of one experiment (`results.schema`); of the last two
            the columns RECORDS and INVOCATIONS are enough.
        target: The target's label, `local cloud` or AWS and its region.
        costs: The metered usage and its costs (`metering.costs`).
        allow_incomplete: Measure although the ledger is open; the target of every measure then says so.

    Raises:
        RunError: The ledger is open, or records are missing, and `allow_incomplete` is False.
    """
    counts = ledger.count(records)
    runs, target = _closed_or_marked(runs, counts, target, allow_incomplete=allow_incomplete)
    data = Data(runs, records, invocations, confidence, sweep.varied_factor(runs), costs)
    measures: dict[str, Measure] = {}
    for section in SWEEP_SECTIONS if data.factor else SECTIONS:
        measures |= section(data)
    content = {
        "target": target,
        "meaningful": MEANINGFUL_ON_AWS if target.startswith("AWS") else MEANINGFUL_LOCALLY,
        "finding": _or_why(lambda: _finding(data, target)),
        "cost": metering.sentence(costs.table, target),
        "confidence": confidence,
        "ledger": counts,
        "measures": {name: {**value, "target": target} for name, value in measures.items()},
        "tables": _tables(data),
    }
    return dict(json_safe(content))


def _closed_or_marked(
    runs: pd.DataFrame, counts: pd.DataFrame, target: str, *, allow_incomplete: bool
) -> tuple[pd.DataFrame, str]:
    """Return runs with a closed ledger and their target; an open one is refused, or told by both."""
    if allow_incomplete:
        note = "" if ledger.OPEN in target else ledger.incomplete_note(runs, counts)
        return ledger.mark_incomplete(runs, counts), target + note
    ledger.require_balanced(runs)
    ledger.require_balanced(counts)
    ledger.require_complete(counts, runs)
    return runs, target


def flat(summary: dict[str, Any]) -> dict[str, float]:
    """Return the numbers by name, with the intervals' ends as `_low` and `_high`; NaN for null."""
    return {
        f"{name}{suffix}": math.nan if measure[part] is None else float(measure[part])
        for name, measure in summary["measures"].items()
        for suffix, part in SUFFIXES.items()
    }


def _finding(data: Data, target: str) -> str:
    if factor := data.factor:
        by_level = speedup.by_level(data.runs, factor, confidence=data.confidence)
        return speedup.conclusion_by_level(by_level, target, factor=factor)
    return finding.finding(data.runs, target, confidence=data.confidence)


def _tables(data: Data) -> dict[str, Any]:
    factor = data.factor
    of_times = (
        {
            "by_level": lambda: speedup.by_level(data.runs, factor, confidence=data.confidence),
            "laws": lambda: scaling.table(scaling.fits(sweep.by_level(data.runs, factor=factor))),
        }
        if factor
        else {"speedup": lambda: speedup.table(data.runs, confidence=data.confidence).reset_index()}
    )
    return {
        **{name: _or_why(table) for name, table in of_times.items()},
        "stages": stages.summary(data.records),
        "cold_starts": cold_starts.by_run(data.invocations, data.runs),
        "dead_by_cause": dead_letters.by_cause(data.records),
        "receives": dead_letters.receive_counts(data.records),
        "cost": data.costs.table,
    }


def _or_why(measure: Callable[[], Any]) -> Any:
    try:
        return measure()
    except RunError as error:
        return f"not measured: {error}"


def json_safe(content: Any) -> Any:
    """Convert tables to lists of rows, numpy's numbers to Python's, and NaN and infinity to None."""
    if isinstance(content, pd.DataFrame):
        return json_safe(content.to_dict("records"))
    if isinstance(content, dict):
        return {str(name): json_safe(value) for name, value in content.items()}
    if isinstance(content, list):
        return [json_safe(value) for value in content]
    if hasattr(content, "item"):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
