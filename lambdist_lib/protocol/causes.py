"""Why a datapoint is dead, from what its attempts left on its item.

    attempts  [{cause, class, receive, at, request_id}]    failed, and said so
    started   [{receive, at, request_id}]                  began; only with experiment controls on

Standard library only: this module ships in the zips.
"""

import re
from typing import Any

from lambdist_lib.protocol.contract import APPLICATION, CRASH, NO_TRACE, THROTTLE_ONLY

ERROR = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")  # an exception's class at the begin of a cause


def explain(
    attempts: list[dict[str, Any]],
    started: list[dict[str, Any]],
    *,
    receives: int,
    marked: bool,
    since: float = 0.0,
) -> tuple[str, str]:
    """Cause and class (`contract.CAUSE_CLASSES`) of a death by receives.

    The last receive that left a trace decides: a failed attempt by its own class, one that
    began and never failed as a crash. Throttled receives leave none, so they decide only
    where there is nothing else.

    Args:
        marked: Whether attempts are marked as begun. A first one may not be, so a single
            receive without a trace tells nothing.
        since: Entries before (seconds since the epoch) are of an earlier life: the datapoint
            was dead already, and sent again.
    """
    failed = [one for one in attempts if one["at"] >= since]
    ended = {(one["receive"], one["request_id"]) for one in failed}
    crashed = [
        {**one, "class": CRASH, "cause": f"{CRASH}: its process ended within receive {one['receive']}"}
        for one in started
        if one["at"] >= since and (one["receive"], one["request_id"]) not in ended
    ]
    if traces := [*failed, *crashed]:
        last = max(traces, key=lambda one: (one["receive"], one["at"]))
        return last["cause"], last.get("class", APPLICATION)
    if marked and receives > 1:
        return f"{THROTTLE_ONLY}: received {receives} times and never begun", THROTTLE_ONLY
    return NO_TRACE, NO_TRACE


def kind(cause: str, cause_class: str) -> str:
    """A cause without what may quote a payload: its class, and the exception's where one was raised."""
    error = ERROR.match(cause) if cause_class == APPLICATION else None
    return f"{cause_class} {error[0]}" if error else cause_class
