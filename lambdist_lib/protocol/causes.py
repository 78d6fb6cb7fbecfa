"""Classify the cause of a dead letter by the history on its item.

    attempts  [{cause, class, receive, at, request_id}]    failed
    started   [{receive, at, request_id}]                  started; only with experiment controls on

Standard library only: this module ships in the zips.
"""

import re
from typing import Any

from lambdist_lib.protocol.contract import APPLICATION, CRASH, NO_TRACE, THROTTLE_ONLY, UNPRINTABLE

ERROR = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")  # an exception's class at the beginning of a cause
CAUSE_MAX_CHARS = 300  # of a stored cause: room for a message, not for a payload


def explain(
    attempts: list[dict[str, Any]],
    started: list[dict[str, Any]],
    *,
    receives: int,
    marked: bool,
    since: float = 0.0,
) -> tuple[str, str]:
    """Return the cause and class (`contract.CAUSE_CLASSES`) of a death by receives.

    The last receive that left a trace decides: a failed attempt by its own class, a started one
    without a failure as a crash. Throttled receives leave no trace, so they decide only if no
    other receive did.

    Args:
        receives: Number of receives of the message.
        marked: Whether started attempts are recorded. The first one may not be, so a single
            receive without a trace proves nothing.
        since: Ignore entries before this time (seconds since the epoch): they precede a redrive.
    """
    failed = [entry for entry in attempts if entry["at"] >= since]
    ended = {(entry["receive"], entry["request_id"]) for entry in failed}
    crashed = [
        {**entry, "class": CRASH, "cause": f"{CRASH}: its process ended within receive {entry['receive']}"}
        for entry in started
        if entry["at"] >= since and (entry["receive"], entry["request_id"]) not in ended
    ]
    if traces := [*failed, *crashed]:
        last = max(traces, key=lambda entry: (entry["receive"], entry["at"]))
        return last["cause"], last.get("class", APPLICATION)
    if marked and receives > 1:
        return f"{THROTTLE_ONLY}: received {receives} times and never started", THROTTLE_ONLY
    return NO_TRACE, NO_TRACE


def kind(cause: str, cause_class: str) -> str:
    """Return a cause without text that may quote a payload: its class, and that of an exception."""
    error = ERROR.match(cause) if cause_class == APPLICATION else None
    return f"{cause_class} {error[0]}" if error else cause_class


def cause_of(error: BaseException) -> str:
    """Describe an exception: its class and message as one printable line, truncated."""
    try:
        text = str(error)[:CAUSE_MAX_CHARS]
        return UNPRINTABLE.sub(" ", f"{type(error).__name__}: {text}"[:CAUSE_MAX_CHARS])
    except BaseException as second:  # the code of a user's exception may do anything, too
        return f"{type(error).__name__}: its text raises {type(second).__name__}"
