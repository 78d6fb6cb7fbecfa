"""Check the levels of a sweep and the cells of a matrix, and reduce senders that would have nothing to do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.errors import UsageError
from lambdist_lib.formatting import counted, did_you_mean
from lambdist_lib.measures.sweep import FACTORS
from lambdist_lib.protocol import faults
from lambdist_lib.runs import argument_checks
from lambdist_lib.runs.conditions import CHECKS, Conditions


def max_senders(points: Datapoints, request_batch: int) -> int:
    """Return how many senders a file can keep busy: one for each request, at least one."""
    return max(1, math.ceil((points.submitted - points.rejected) / request_batch))


def reduce_senders(conditions: Conditions, points: Datapoints) -> tuple[Conditions, str]:
    """Reduce `chunks` to what the file can keep busy; return a note if that is less."""
    width = max_senders(points, conditions.request_batch)
    if conditions.chunks <= width:
        return conditions, ""
    note = (
        f"chunks is {conditions.chunks:,}, but {counted(points.submitted, 'datapoints')} in requests of "
        f"{conditions.request_batch} keep at most {counted(width, 'senders')} busy: chunks is now {width:,}"
    )
    return replace(conditions, chunks=width), note


def check_levels(factor: str, levels: Any) -> list[Any]:
    """Check the levels of a factor.

    Args:
        levels: A list, or one level.

    Returns:
        The levels in their order.

    Raises:
        UsageError: The factor is unknown, or a level is invalid, repeated or not different from another.
    """
    argument_checks.require_known("factor", [factor], tuple(FACTORS))
    is_one = isinstance(levels, str) if factor == "work" else not hasattr(levels, "__iter__")
    checked = []
    for level in argument_checks.several("levels", [levels] if is_one else levels, f"values of {factor}"):
        try:
            checked.append(CHECKS[factor](factor, level))
        except UsageError as error:
            raise UsageError(f"levels: {error}") from None
    _require_distinct(factor, checked)
    return checked


def reduce_levels(levels: list[Any], width: int) -> tuple[list[Any], str]:
    """Reduce levels of `chunks` to what the file can keep busy; return a note if some are more."""
    if max(levels) <= width:
        return levels, ""
    named = ", ".join(f"{level:,}" for level in levels if level > width)
    note = f"chunks of {named}: the file keeps at most {counted(width, 'senders')} busy, so that is the level"
    return list(dict.fromkeys(min(level, width) for level in levels)), note


def check_cells(cells: Any) -> list[dict[str, Any]]:
    """Check the cells of a matrix: each changes conditions, to values that are possible.

    Raises:
        UsageError: There are no cells, or one is not a mapping of conditions.
    """
    if isinstance(cells, str | Mapping) or not isinstance(cells, Sequence) or not cells:
        raise UsageError(f"cells is {cells!r}; write a list of dicts, such as [{{'fault': 'raise:0.1'}}]")
    checked = []
    for k, cell in enumerate(cells):
        if not isinstance(cell, Mapping):
            raise UsageError(
                f"cells[{k}] is {cell!r}; write a dict of conditions, such as {{'queue_batch': 2}}"
            )
        if unknown := [name for name in cell if name not in CHECKS]:
            raise UsageError(
                f"cells[{k}] has an unknown condition {unknown[0]!r}{did_you_mean(unknown[0], CHECKS)}; "
                f"known: {', '.join(CHECKS)}"
            )
        checked.append({name: CHECKS[name](name, value) for name, value in cell.items()})
    return checked


def _require_distinct(factor: str, levels: Sequence[Any]) -> None:
    """Refuse levels that one sweep cannot tell apart or put in order."""
    if factor == "processors" and 0 in levels:
        raise UsageError("levels: processors is 0, which stands for another number; write that number")
    if factor != "work":
        return
    declared = [faults.parse_work(level) for level in levels]
    if len(kinds := {work.kind for work in declared} - {"none"}) > 1:
        raise UsageError(f"levels has work of kinds {' and '.join(sorted(kinds))}; write levels of one kind")
    argument_checks.several("levels", map(str, declared), "declared work")
