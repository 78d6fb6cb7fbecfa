"""Close a run for a person: one line that counts every class of its ledger, and its error."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdist_lib.errors import DeadLimitError, RejectedError, RunError, UnfinishedError
from lambdist_lib.formatting import counted, counted_were
from lambdist_lib.protocol.arms import is_local
from lambdist_lib.protocol.contract import LOST, OUTCOMES, STORED

ACCEPTED, UNKNOWN = "accepted", "unknown"  # where a run through an API of others closes
CLASSES = (STORED, ACCEPTED, *OUTCOMES[1:], UNKNOWN)
OPEN = ("unsent", "in_flight", UNKNOWN, "foreign")  # in a run's facts, what a resume settles
MAP_ENDED = "Step Functions ended the map"  # begin of `stopped` in a run whose map failed
DEAD_LIMIT = "--stop-if-dead"  # begin of `stopped` in a run that its failures ended


def closing_line(rows: Iterable[Mapping[str, Any]]) -> str:
    """Count the datapoints of runs by class: each that is not zero, and what they were submitted.

    >>> closing_line([{"submitted": 71, "stored": 61, "dead": 0, "rejected": 10}])
    '61 stored, 10 rejected of 71'
    """
    rows = list(rows)
    counts = {name: sum(row.get(name) or 0 for row in rows) for name in CLASSES}
    submitted = sum(row["submitted"] for row in rows)
    settled = ACCEPTED if any(ACCEPTED in row for row in rows) else STORED
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    rest = submitted - sum(counts.values())
    parts += [f"{rest:,} unaccounted for"] if rest else []
    return f"{', '.join(parts) or f'0 {settled}'} of {submitted:,}"


def is_finished(row: Mapping[str, Any]) -> bool:
    """Whether a resume has nothing left to do, by a run's facts."""
    is_open = any(row.get(name) for name in OPEN) or is_given_up(row)
    return row["state"] == "collected" and not is_open


def is_given_up(row: Mapping[str, Any]) -> bool:
    """Whether Step Functions ended a run's map before each of its datapoints had its tries."""
    return bool(row.get(LOST)) and str(row.get("stopped") or "").startswith(MAP_ENDED)


def is_over_dead_limit(row: Mapping[str, Any]) -> bool:
    """Whether so many datapoints of a run died that its limit ended it."""
    return str(row.get("stopped") or "").startswith(DEAD_LIMIT)


def require_finished(row: dict[str, Any]) -> None:
    """Refuse a run whose datapoints are not all settled.

    Args:
        row: A run's facts, or its row of the runs table.

    Raises:
        DeadLimitError: Too many datapoints died, and the run was ended early.
        UnfinishedError: Datapoints are in flight or unsent.
        RunError: Datapoints were lost.
    """
    run_id = row["run_id"]
    if is_over_dead_limit(row):
        can_resume = row["unsent"] and not is_local(row.get("arm", ""))
        rest = f", `lambdist resume {run_id}` sends the rest" if can_resume else ""
        raise DeadLimitError(
            f"{run_id}: {row['stopped']}; {closing_line([row])}; `lambdist dead {run_id}` tells why{rest}"
        )
    if row.get("unknown"):
        raise UnfinishedError(
            f"{run_id}: {counted(row['unknown'], 'datapoints')} got no response and may have been accepted "
            f"({row['stopped'] or 'see its receipts.csv'}); `lambdist resume {run_id}` sends them again"
        )
    if foreign := row.get("foreign"):
        shown = ", ".join(map(str, foreign[:5]))
        raise RunError(
            f"{run_id}: under this run's key the table has {counted(len(foreign), 'answers')} to other "
            f"datapoints (n = {shown}), left out here; `lambdist resume {run_id}` removes them "
            "and sends these datapoints again"
        )
    if is_given_up(row):
        raise UnfinishedError(
            f"{run_id}: {counted(row['lost'], 'datapoints')} without an outcome ({row['stopped']}); once "
            f"that is mended, `lambdist resume {run_id}` sends them again"
        )
    if row["lost"]:
        raise RunError(
            f"{run_id}: {counted_were(row['lost'], 'datapoints')} accepted and lost: see its records.csv"
        )
    if row["in_flight"]:
        raise UnfinishedError(
            f"{run_id}: {counted(row['in_flight'], 'datapoints')} still queued; "
            f"finish it with `lambdist resume {run_id}`"
        )
    if row["unsent"]:
        why = row.get("stopped") or "see its records.csv"
        raise UnfinishedError(
            f"{run_id}: {counted_were(row['unsent'], 'datapoints')} not sent ({why}); "
            f"send them with `lambdist resume {run_id}`"
        )


def require_accepted(rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse runs of which datapoints were rejected.

    Raises:
        RejectedError: Names each run and its count.
    """
    lines = [
        f"{row['run_id']}: {row['rejected']:,} of {counted_were(row['submitted'], 'datapoints')} rejected; "
        "the `error` of their lines in outputs.jsonl tells why, --allow-rejected lets them pass"
        for row in rows
        if row.get("rejected")
    ]
    if lines:
        raise RejectedError("\n".join(lines))
