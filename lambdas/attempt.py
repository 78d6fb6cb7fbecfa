"""One attempt at one datapoint, the same in both arms: process, then store.

The processor runs it once per message, the single node once per datapoint of a request;
what differs between the arms is only what happens to a datapoint that failed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambdist_lib.protocol.contract import ADHOC, APPLICATION, TIMEOUT, Datapoint, PermanentError, result_json

import experiment_controls
from items import Table, cause_of
from watchdog import TimedOut, Watchdog


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How it ended.

    ended: `stored`, `failed` (try again), `hopeless` (a try more cannot help), `unstarted` (no
    time was left for it) or `worked` (processed, and not stored yet: `fields` is what to store).
    put_s is the duration of the write, 0 where there was none.
    """

    n: int
    ended: str
    cause: str = ""
    cause_class: str = ""
    duplicate: bool = False
    put_s: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)


def attempt(
    datapoint: Datapoint,
    process: Callable[[str], object],
    table: Table,
    invocation: dict[str, Any],
    stamps: dict[str, Any],
    watchdog: Watchdog,
) -> Attempt:
    """Process and store one datapoint; whatever it raises becomes a cause, never an exception."""
    worked = work(datapoint, process, table, invocation, stamps, watchdog)
    return store(datapoint, worked, table, invocation) if worked.ended == "worked" else worked


def work(
    datapoint: Datapoint,
    process: Callable[[str], object],
    table: Table,
    invocation: dict[str, Any],
    stamps: dict[str, Any],
    watchdog: Watchdog,
) -> Attempt:
    """The first half: process one datapoint.

    Args:
        stamps: What the way here has measured already; stored with the result.
    """
    n, started_at, time_s = datapoint.n, time.time(), watchdog.left_s()
    if time_s <= 0:
        return Attempt(n=n, ended="unstarted", cause="no time was left for it in its batch")
    try:
        if experiment_controls.marks(datapoint):
            table.mark_started(datapoint.run_id, n, invocation["request_id"], datapoint.attempt)
        with watchdog.guards():
            result = result_json(experiment_controls.run(process, datapoint))
    except TimedOut:
        cause = f"timeout: still at work after {time_s:.1f} s, just before the function's timeout"
        return _failed(datapoint, table, invocation, "failed", cause, TIMEOUT)
    except Exception as error:
        ended = "hopeless" if isinstance(error, PermanentError) else "failed"
        return _failed(datapoint, table, invocation, ended, cause_of(error))
    times = {"started_at": started_at, "finished_at": time.time()}
    received = {"received_at": datapoint.received_at, "attempt": datapoint.attempt}
    return Attempt(n=n, ended="worked", fields={"result": result, **stamps, **received, **times})


def store(datapoint: Datapoint, worked: Attempt, table: Table, invocation: dict[str, Any]) -> Attempt:
    """The second half: write the result of an attempt that worked."""
    fields = {**worked.fields, **invocation, "put_at": time.time()}
    if datapoint.run_id.startswith(ADHOC):  # no client of ours has the file that it came from
        fields["data"] = datapoint.data
    put_started_s = time.perf_counter()
    try:
        stored = table.store(datapoint.run_id, datapoint.n, fields)
    except Exception as error:
        return _failed(datapoint, table, invocation, "failed", cause_of(error))
    put_s = round(time.perf_counter() - put_started_s, 6)
    if stored:
        experiment_controls.after_write(datapoint)
    return Attempt(n=datapoint.n, ended="stored", duplicate=not stored, put_s=put_s)


def _failed(
    datapoint: Datapoint,
    table: Table,
    invocation: dict[str, Any],
    ended: str,
    cause: str,
    cause_class: str = APPLICATION,
) -> Attempt:
    """A failed attempt, kept on the item."""
    run_id, n = datapoint.run_id, datapoint.n
    cause = recorded(table, run_id, n, cause, cause_class, datapoint.attempt, invocation)
    return Attempt(n=n, ended=ended, cause=cause, cause_class=cause_class)


def recorded(
    table: Table,
    run_id: str,
    n: int,
    cause: str,
    cause_class: str,
    receive: int,
    invocation: dict[str, Any],
) -> str:
    """Append a failed attempt to the item; returns the cause, with what hindered that."""
    try:
        table.append_attempt(
            run_id, n, cause, invocation["request_id"], cause_class=cause_class, receive=receive
        )
    except Exception as error:  # the table itself may be what failed: the retry matters more than its history
        return f"{cause} (not recorded: {cause_of(error)})"
    return cause
