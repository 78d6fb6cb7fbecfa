"""What an answer of the API says of each datapoint of its request."""

import json
from dataclasses import dataclass, field
from typing import Any

from lambdist_lib.wire import Answer

QUOTA_SPENT = "Limit Exceeded"  # API Gateway's message of a 429 that no waiting cures today
FACTS = ("received_at", "done_at", "request_id", "environment_id", "cold", "init_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer understood. What none of the sets names is to be sent again.

    stop: why sending anything more is pointless, or "". certain: what was not accepted is
    surely not accepted; without an answer it may have been. facts: the first Lambda's FACTS.
    """

    accepted: frozenset[int] = frozenset()
    rejected: dict[int, str] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()
    cause: str = ""
    stop: str = ""
    certain: bool = True
    facts: tuple[Any, ...] = (None,) * len(FACTS)

    def verdict(self, n: int) -> tuple[str, str]:
        """accepted, rejected, dead or retry; and why."""
        if n in self.accepted:
            return "accepted", ""
        if n in self.rejected:
            return "rejected", self.rejected[n]
        if n in self.dead:
            return "dead", self.cause or "permanent error"
        return "retry", self.cause


def read(answer: Answer, ns: list[int]) -> Reading:
    """An answer to a request that carried the datapoints `ns`.

    A 200 or 503 counts by its body; any other 200, and every 5xx, may hide an acceptance.
    """
    if answer.status == 0:
        return Reading(cause=answer.error, certain=not answer.sent)
    body = _object(answer.body)
    if answer.status in (200, 503) and ("accepted" in body or "stored" in body):
        return _read_ours(body)
    message = str(body.get("message") or answer.body[:200].decode(errors="replace") or "no body")
    cause = f"HTTP {answer.status}: {message}"
    if answer.status == 429:
        return Reading(
            cause=cause, stop=f"the API's quota is spent ({cause})" if message == QUOTA_SPENT else ""
        )
    if answer.status in (401, 403, 404):
        return Reading(cause=cause, stop=f"the API refuses this client ({cause})")
    if 400 <= answer.status < 500:
        return Reading(cause=cause, rejected=dict.fromkeys(ns, cause))
    return Reading(cause=cause, certain=False)


def _read_ours(body: dict[str, Any]) -> Reading:
    """The answer of the collector (`accepted`) or of the single node (`stored`)."""
    known = {**body, **(body.get("invocation") or {})}
    return Reading(
        accepted=frozenset(body.get("accepted") or body.get("stored") or []),
        rejected={entry["n"]: entry["reason"] for entry in body.get("rejected", [])},
        dead=frozenset(body.get("dead", [])),
        cause="the stack asks for it again" if body.get("retry") else "",
        facts=tuple(known.get(name) for name in FACTS),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
