"""One attempt at one datapoint, the same in both arms: process, then store.

The processor runs it once per message, the single node once per datapoint of a request;
what differs between the arms is only what happens to a datapoint that failed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lambdist_lib.contract import ADHOC, Datapoint, PermanentError, result_json

import experiment_controls
from items import Table, cause_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How it ended: `stored`, `failed` (try again) or `hopeless` (a try more cannot help).

    put_s is the duration of the write, 0 where there was none.
    """

    n: int
    ended: str
    cause: str = ""
    duplicate: bool = False
    put_s: float = 0.0


def attempt(
    datapoint: Datapoint,
    process: Callable[[str], object],
    table: Table,
    invocation: dict[str, Any],
    stamps: dict[str, Any],
) -> Attempt:
    """Process and store one datapoint; whatever it raises becomes a cause, never an exception.

    Args:
        stamps: What the way here has measured already; stored with the result.
    """
    started_at = time.time()
    try:
        result = result_json(experiment_controls.run(process, datapoint))
        fields = {
            "result": result,
            **stamps,
            "received_at": datapoint.received_at,
            "attempt": datapoint.attempt,
            "started_at": started_at,
            "finished_at": time.time(),
            **invocation,
            "put_at": time.time(),
        }
        if datapoint.run_id.startswith(ADHOC):  # no client of ours has the file that it came from
            fields["data"] = datapoint.data
        put_started_s = time.perf_counter()
        stored = table.store(datapoint.run_id, datapoint.n, fields)
        put_s = time.perf_counter() - put_started_s
        return Attempt(n=datapoint.n, ended="stored", duplicate=not stored, put_s=round(put_s, 6))
    except Exception as error:
        cause = cause_of(error)
        ended = "hopeless" if isinstance(error, PermanentError) else "failed"
    try:
        table.append_attempt(datapoint.run_id, datapoint.n, cause, invocation["request_id"])
    except Exception as error:  # the table itself may be what failed: the retry matters more than its history
        cause = f"{cause} (not recorded: {cause_of(error)})"
    return Attempt(n=datapoint.n, ended=ended, cause=cause)
