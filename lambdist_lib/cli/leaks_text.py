"""Lay out the resources that runs left for a terminal: a row for each, the longest cell last."""

from datetime import UTC, datetime

from lambdist_lib.cli.screen import Blocks
from lambdist_lib.deployment import tags
from lambdist_lib.deployment.leaks import STACK, LeakedResource
from lambdist_lib.formatting import NONE, counted, duration
from lambdist_lib.report.table_model import marked, plain

COLUMNS = ("state", "kind", "age", "expires in", "name")


def as_blocks(rows: list[LeakedResource], summary: str, now: datetime | None = None) -> Blocks:
    """Return the table of resources and the sentence with the next command.

    Args:
        now: By default the time of this call; ages are counted from it.
    """
    if not rows:
        return [summary]
    now = now or datetime.now(UTC)
    cells = [
        (row.state, row.resource.kind, _since(row.resource.created, now), _left(row, now), row.resource.name)
        for row in rows
    ]
    table = plain("leaks", "leaks", counted(len(rows), "resources"), COLUMNS, cells)
    return [marked(marked(table, COLUMNS[1], COLUMNS[4], numeric=False), *COLUMNS[:4:2], whole=True), summary]


def _since(moment: str, now: datetime) -> str:
    left_s = tags.seconds_left(moment, now)
    return NONE if left_s is None else duration(max(-left_s, 0), rough=True)


def _left(row: LeakedResource, now: datetime) -> str:
    """Return how long a stack stays live; `-` for one that has expired, and for other resources."""
    left_s = tags.seconds_left(row.resource.expires, now) if row.resource.kind == STACK else None
    return duration(left_s, rough=True) if left_s and left_s > 0 else NONE
