"""Receipts, items, and the records that they join to."""

from lambdist_lib.data.datapoints import Line
from lambdist_lib.records import join

STORED = {"n": 0, "outcome": "stored", "result": '"r"', "put_at": 12.5, "receives": 1}


def receipt(verdict, n=0, **fields):
    """One receipt as a run's folder has it."""
    return {"n": n, "verdict": verdict, "cause": "", "tries": 1, "status": 200, **fields}


def joined(receipts, items, *, arm="distributed", queued=0, lines=1):
    """The records of `lines` datapoints."""
    found = {item["n"]: item for item in items}
    return join.join("run", arm, [Line(n, f"d{n}") for n in range(lines)], receipts, found, queued=queued)
