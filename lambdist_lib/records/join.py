"""Table + receipts + logs -> one row per datapoint, one row per invocation, and the answers.

records.outputs("results/my-experiment/runs/d-1")      each datapoint's answer, in input order
records.load("results/my-experiment/runs/d-1")         the table of `columns.RECORDS`
"""

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
from lambdist_lib.submission.receipts import NOT_ACCEPTED

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
    found: dict[int, dict[str, Any]],
    *,
    queued: int,
) -> pd.DataFrame:
    """One row per datapoint (`columns.RECORDS`), in input order.

    Args:
        receipts: Rows of the journal; of several for one datapoint the last counts.
        found: The run's items.
        queued: Messages still queued at the run's end: what has no outcome is then in flight.
    """
    last = {receipt["n"]: receipt for receipt in receipts}
    rows = []
    for line in lines:
        receipt, item = last.get(line.n, {}), found.get(line.n, {})
        attempts = item.get("attempts", [])
        outcome, cause = _outcome(receipt, item, ARMS[arm].client_retries, queued)
        row = {"run_id": run_id, "arm": arm, "n": line.n, "outcome": outcome, "cause": cause}
        row["cause_class"] = cause_class(item) if outcome == DEAD else ""
        row |= {name: receipt.get(name) for name in schema.RECORDS if name in receipt and name not in row}
        row |= {name: item.get(name) for name in FROM_ITEM}
        row["receives"] = item.get("receives", receipt.get("tries")) if item else None
        row["failures"] = len(attempts)
        row["failure_causes"] = " | ".join(attempt["cause"] for attempt in attempts)
        row["duplicates"] = item.get("duplicates", 0)
        row["redrives"] = len(item.get("redrives", []))
        rows.append(row)
    return pd.DataFrame(rows, columns=list(schema.RECORDS))


def _outcome(
    receipt: dict[str, Any], item: dict[str, Any], client_retries: bool, queued: int
) -> tuple[str, str]:
    """A datapoint's place in the ledger: the table decides, the client's verdict where it is silent."""
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
    if client_retries and (attempts or answered_5xx):  # tried as often as the client may, and never stored
        last_cause = last_cause if attempts else receipt["cause"]
        return DEAD, f"client: gave up after {receipt.get('tries', len(attempts))} tries: {last_cause}"
    if verdict in ("", NOT_ACCEPTED):
        return UNSENT, receipt.get("cause", "never sent")
    return (IN_FLIGHT, "still queued") if queued else (LOST, "accepted, but neither queued nor in the table")


def cause_class(item: dict[str, Any]) -> str:
    """Of a dead datapoint: what its item says; without a dead-letter handler its last attempt says it."""
    attempts = item.get("attempts", [])
    last = attempts[-1].get("class", APPLICATION) if attempts else NO_TRACE
    return item.get("cause_class") or last
