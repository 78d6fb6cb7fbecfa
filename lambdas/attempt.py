"""One attempt at one datapoint, the same in both stacks: run `process()`, then store the result.

The processor makes it once per message, the single node once per datapoint of a request.
The two stacks differ only in what follows a failed attempt.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lambdist_lib.protocol.causes import cause_of
from lambdist_lib.protocol.contract import (
    ADHOC,
    APPLICATION,
    N_MAX,
    STORED,
    TIMEOUT,
    Datapoint,
    PermanentError,
    data_digest,
    result_json,
)

import experiment_controls
from items import KeyTakenError, Table, cut_payload
from watchdog import TimedOut, Watchdog

Process = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The outcome of one attempt.

    outcome: `stored`, `failed` (retry), `permanent` (a retry cannot help), `unstarted` (no time
        was left), `processed` (not stored yet: `fields` is what to store) or `requeued` (a copy
        of the message starts over).
    put_s: Duration of the write in seconds, 0 without one.
    """

    n: int
    outcome: str
    cause: str = ""
    cause_class: str = ""
    duplicate: bool = False
    put_s: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)


def attempt(
    datapoint: Datapoint,
    process: Process,
    table: Table,
    invocation: dict[str, Any],
    stamps: dict[str, Any],
    watchdog: Watchdog,
) -> Attempt:
    """Process and store one datapoint; an exception becomes the cause of the outcome."""
    processed = run_process(datapoint, process, table, invocation, stamps, watchdog)
    return store(datapoint, processed, table, invocation) if processed.outcome == "processed" else processed


def run_process(
    datapoint: Datapoint,
    process: Process,
    table: Table,
    invocation: dict[str, Any],
    stamps: dict[str, Any],
    watchdog: Watchdog,
) -> Attempt:
    """Process one datapoint without storing the result.

    Args:
        stamps: Times measured before this Lambda; stored with the result.
    """
    n, started_at, time_s = datapoint.n, time.time(), watchdog.left_s()
    if time_s <= 0:
        return Attempt(n=n, outcome="unstarted", cause="no time was left for it in its batch")
    outcome, text = "failed", ""
    try:
        if experiment_controls.marks(datapoint):
            table.mark_started(datapoint.run_id, n, invocation["request_id"], datapoint.attempt)
        with watchdog.guards():
            outcome, text = _outcome_of(process, datapoint)
    except TimedOut:
        pass  # `rang` decides: process() may have caught the exception
    except Exception as error:  # the table's
        outcome, text = "failed", cause_of(error)
    finally:
        watchdog.disarm()
    if watchdog.rang:
        cause = f"timeout: process() still ran after {time_s:.1f} s, just before the function's timeout"
        return _failed(datapoint, table, invocation, "failed", cause, TIMEOUT)
    if outcome != "processed":
        return _failed(datapoint, table, invocation, outcome, text)
    times = {"started_at": started_at, "finished_at": time.time()}
    received = {"received_at": datapoint.received_at, "attempt": datapoint.attempt}
    return Attempt(n=n, outcome="processed", fields={"result": text, **stamps, **received, **times})


def _outcome_of(process: Process, datapoint: Datapoint) -> tuple[str, str]:
    """Return `processed` and the result as JSON, or else the failure's outcome and cause."""
    try:
        return "processed", result_json(experiment_controls.run(process, datapoint))
    except TimedOut:
        raise
    except BaseException as error:  # sys.exit() would end the whole batch
        return ("permanent" if issubclass(type(error), PermanentError) else "failed"), cause_of(error)


def store(datapoint: Datapoint, processed: Attempt, table: Table, invocation: dict[str, Any]) -> Attempt:
    """Store the result of a processed datapoint."""
    digest = data_digest(datapoint.data)  # the client compares it: a result belongs to its datapoint
    fields = {**processed.fields, **invocation, "digest": digest, "put_at": time.time()}
    if datapoint.run_id.startswith(ADHOC):  # no client holds the file that it came from
        fields["data"] = datapoint.data
    put_started_s = time.perf_counter()
    try:
        stored = _store(table, datapoint, fields)
    except Exception as error:
        return _failed(datapoint, table, invocation, "failed", cause_of(error))
    put_s = round(time.perf_counter() - put_started_s, 6)
    if stored:
        experiment_controls.after_write(datapoint)
    return Attempt(n=datapoint.n, outcome="stored", duplicate=not stored, put_s=put_s)


def _store(table: Table, datapoint: Datapoint, fields: dict[str, Any]) -> bool:
    """Store under the datapoint's key; one without a run, whose key is drawn, may take another."""
    try:
        return table.store(datapoint.run_id, datapoint.n, fields)
    except KeyTakenError:
        if not datapoint.run_id.startswith(ADHOC):
            raise
        other = int(data_digest(f"{datapoint.n} {datapoint.data}"), 16) & N_MAX
        return table.store(datapoint.run_id, other, fields)


def record_failure(
    table: Table,
    run_id: str,
    n: int,
    cause: str,
    cause_class: str,
    receive: int,
    invocation: dict[str, Any],
) -> str:
    """Append a failed attempt to the item; returns the cause, and why it was not recorded if so."""
    try:
        table.append_attempt(
            run_id, n, cause, invocation["request_id"], cause_class=cause_class, receive=receive
        )
    except Exception as error:  # the table may be what failed: the retry matters more than the history
        return f"{cause} (not recorded: {cause_of(error)})"
    return cause


def record_death(datapoint: Datapoint, failure: Attempt, table: Table) -> Attempt:
    """Record a permanent failure on the item; if that fails, another attempt is needed."""
    fields = {
        "digest": data_digest(datapoint.data),
        "payload": cut_payload(datapoint.data),
        "cause": failure.cause,
        "cause_class": failure.cause_class,
        "dead_at": time.time(),
        "receives": datapoint.attempt,
    }
    try:
        item = table.record_death(datapoint.run_id, datapoint.n, fields)
    except Exception as error:  # not dead until recorded
        cause = f"{failure.cause} (death not recorded: {cause_of(error)})"
        return replace(failure, outcome="failed", cause=cause)
    if item["outcome"] == STORED:  # by another copy of the request
        return Attempt(n=datapoint.n, outcome="stored")
    return failure


def _failed(
    datapoint: Datapoint,
    table: Table,
    invocation: dict[str, Any],
    outcome: str,
    cause: str,
    cause_class: str = APPLICATION,
) -> Attempt:
    """Record a failed attempt on the item."""
    run_id, n = datapoint.run_id, datapoint.n
    cause = record_failure(table, run_id, n, cause, cause_class, datapoint.attempt, invocation)
    return Attempt(n=n, outcome=outcome, cause=cause, cause_class=cause_class)
