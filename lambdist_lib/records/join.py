"""Join a run's data file, receipts and items of the table to one record per datapoint."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from lambdist_lib.data.datapoints import Line
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import (
    APPLICATION,
    DEAD,
    IN_FLIGHT,
    LOST,
    NO_TRACE,
    REJECTED,
    STORED,
    UNSENT,
)
from lambdist_lib.results import schema
from lambdist_lib.submission.receipts import NOT_ACCEPTED, Receipt

FROM_RECEIPT = tuple(name for name in schema.RECORDS if name in {*Receipt._fields} - {"n", "cause"})
FROM_ITEM = (  # columns that a record takes from its item as they are
    "queued_at",
    "first_received_at",
    "started_at",
    "finished_at",
    "put_at",
    "request_id",
    "environment_id",
    "cold",
    "init_s",
    "dead_at",
)


def join(
    run_id: str,
    arm: str,
    lines: Iterable[Line],
    receipts: Iterable[dict[str, Any]],
    items: dict[int, dict[str, Any]],
    *,
    queued: int,
) -> pd.DataFrame:
    """Return one record per datapoint (`schema.RECORDS`), in input order.

    Args:
        receipts: Rows of the journal; the last one of a datapoint counts.
        found: The run's items by n.
        queued: Messages still queued at the run's end: datapoints without an outcome are then in flight.
    """
    last = {receipt["n"]: receipt for receipt in receipts}
    rows = [
        record(run_id, arm, line.n, last.get(line.n, {}), items.get(line.n, {}), queued=queued)
        for line in lines
    ]
    return pd.DataFrame(rows, columns=list(schema.RECORDS))


def record(
    run_id: str, arm: str, n: int, receipt: dict[str, Any], item: dict[str, Any], *, queued: int
) -> dict[str, Any]:
    """Return the record of one datapoint, with the names of `schema.RECORDS`.

    Args:
        receipt: The datapoint's last row of the journal; empty without one.
        item: The datapoint's item of the table; empty without one.
        queued: As for `join`.
    """
    attempts = item.get("attempts", [])
    outcome, cause = _outcome(receipt, item, ARMS[arm].client_retries, queued)
    row = {"run_id": run_id, "arm": arm, "n": n, "outcome": outcome, "cause": cause}
    row["cause_class"] = cause_class(item) if outcome == DEAD else ""
    for name in FROM_RECEIPT:
        row[name] = receipt.get(name)
    for name in FROM_ITEM:
        row[name] = item.get(name)
    row["receives"] = item.get("receives", receipt.get("tries")) if item else None
    row["failures"] = len(attempts)
    row["failure_causes"] = " | ".join(attempt["cause"] for attempt in attempts)
    row["duplicates"] = item.get("duplicates", 0)
    row["redrives"] = len(item.get("redrives", []))
    return row


def _outcome(
    receipt: dict[str, Any], item: dict[str, Any], client_retries: bool, queued: int
) -> tuple[str, str]:
    """Return a datapoint's outcome and its cause: the table decides, else the client's verdict."""
    verdict, attempts = receipt.get("verdict", ""), item.get("attempts", [])
    last_cause = attempts[-1]["cause"] if attempts else ""
    if item.get("outcome") == STORED:
        return STORED, ""
    if item.get("outcome") == DEAD:
        return DEAD, item.get("cause") or last_cause or "no trace"
    if verdict == REJECTED:
        return REJECTED, receipt["cause"]
    answered_5xx = (
        verdict == "unknown" and (receipt.get("status") or 0) >= 500
    )  # its last invocation has ended
    if client_retries and (attempts or answered_5xx):  # the client used all its tries, and it was not stored
        last_cause = last_cause if attempts else receipt["cause"]
        return DEAD, f"client: gave up after {receipt.get('tries', len(attempts))} tries: {last_cause}"
    if verdict in ("", NOT_ACCEPTED):
        return UNSENT, receipt.get("cause", "never sent")
    return (IN_FLIGHT, "still queued") if queued else (LOST, "accepted, but neither queued nor in the table")


def cause_class(item: dict[str, Any]) -> str:
    """Return the cause class of a dead datapoint: its item's, or else its last attempt's."""
    attempts = item.get("attempts", [])
    last = attempts[-1].get("class", APPLICATION) if attempts else NO_TRACE
    return item.get("cause_class") or last
