"""What an answer of the API says of each datapoint of its request.

An answer is the word of a stranger: it may be of any shape, and only what it says about
datapoints of its request in the contract's form is believed.
"""

import json
from typing import Any, NamedTuple

from lambdist_lib.protocol.contract import is_count
from lambdist_lib.submission.http import HOPELESS, Response

QUOTA_SPENT = "Limit Exceeded"  # API Gateway's message of a 429 that no waiting cures today
FACTS = ("received_at", "done_at", "request_id", "environment_id", "cold", "init_s")
KINDS = (float, float, str, str, bool, float)
SECONDS_MOST = 1e11  # of a stamp or a duration; what is beyond is none
REASON_MAX_CHARS = 300
NOBODY: frozenset[int] = frozenset()
NOTHING: dict[int, str] = {}


class ParsedResponse(NamedTuple):
    """An answer understood. What none of the sets names is to be sent again.

    stop: why sending anything more is pointless, or "". certain: what was not accepted is
    surely not accepted; without an answer it may have been. served: the API did its work,
    and what it did not accept has failed on its own account. counts: the API may have tried,
    so this is one of the tries that a datapoint has. overload: fewer requests would fare
    better. facts: the first Lambda's FACTS.
    """

    accepted: frozenset[int] = NOBODY
    rejected: dict[int, str] = NOTHING
    dead: frozenset[int] = NOBODY
    cause: str = ""
    stop: str = ""
    certain: bool = True
    served: bool = False
    counts: bool = True
    overload: bool = False
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


def read(answer: Response, ns: list[int], *, plain: bool = False) -> ParsedResponse:
    """An answer to a request that carried the datapoints `ns`.

    A 200 or 503 counts by its body; any other 200, and every 5xx, may hide an acceptance.

    Args:
        plain: The request was of the original's form, whose 200 needs no body.
    """
    if answer.status == 0:
        stop = f"the API cannot be reached ({answer.error})" if answer.code in HOPELESS else ""
        counts = answer.sent
        return ParsedResponse(
            cause=answer.error, stop=stop, certain=not answer.sent, counts=counts, overload=True
        )
    body = _object(answer.body)
    if not plain and answer.status in (200, 503) and ("accepted" in body or "stored" in body):
        return _read_ours(answer.status, body, ns)
    if plain and 200 <= answer.status < 300 and not _says_failed(body):
        return ParsedResponse(accepted=frozenset(ns), served=True)
    return _read_foreign(answer, body, ns)


def _read_ours(status: int, body: dict[str, Any], ns: list[int]) -> ParsedResponse:
    """The answer of the collector (`accepted`) or of the single node (`stored`).

    A collector that could queue nothing has tried nothing, and the queue needs a rest.
    """
    collector = "accepted" in body
    idle = collector and status == 503
    accepted, dead = _numbers(body["accepted" if collector else "stored"]), _numbers(body.get("dead"))
    rejected = _reasons(body.get("rejected"))
    certain = accepted.issuperset(ns)  # mostly: the rest is for the others
    if not certain:
        certain = (accepted | dead | rejected.keys() | _numbers(body.get("retry"))).issuperset(ns)
    invocation = body.get("invocation")
    known = {**body, **invocation} if isinstance(invocation, dict) else body
    return ParsedResponse(
        accepted=accepted,
        rejected=rejected,
        dead=dead,
        cause="the stack asks for it again" if certain else "the answer does not name it",
        certain=certain,
        served=not idle,
        counts=not idle,
        overload=idle,
        facts=tuple([_fact(kind, known.get(name)) for name, kind in zip(FACTS, KINDS, strict=True)]),
    )


def _read_foreign(answer: Response, body: dict[str, Any], ns: list[int]) -> ParsedResponse:
    """An answer that is no handler's of ours: API Gateway's own, or anybody's."""
    said = body.get("message") or body.get("errorMessage") or answer.body[:200].decode(errors="replace")
    said = _shown(said or "no body")
    cause, status = f"HTTP {answer.status}: {said}", answer.status
    if status == 429:
        stop = f"the API's quota is spent ({cause})" if said == QUOTA_SPENT else ""
        return ParsedResponse(cause=cause, stop=stop, counts=False, overload=True)
    if status in (401, 403, 404) or 300 <= status < 400:
        return ParsedResponse(cause=cause, stop=f"the API refuses this client ({cause})")
    if 400 <= status < 500:
        return ParsedResponse(cause=cause, rejected=dict.fromkeys(ns, cause), served=True)
    idle = status == 503
    return ParsedResponse(cause=cause, certain=False, counts=not idle, overload=idle)


def _says_failed(body: dict[str, Any]) -> bool:
    """Whether a 200 of the original's form hides a failure, as a Lambda behind no proxy answers one."""
    return "errorMessage" in body or str(body.get("message", "")).startswith("Failed")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _numbers(value: object) -> frozenset[int]:
    return frozenset([n for n in value if is_count(n)]) if value and isinstance(value, list) else NOBODY


def _reasons(value: object) -> dict[int, str]:
    if not value or not isinstance(value, list):
        return NOTHING
    return {
        entry["n"]: _shown(entry.get("reason") or "no reason given")
        for entry in value
        if isinstance(entry, dict) and is_count(entry.get("n"))
    }


def _shown(said: object) -> str:
    """A stranger's words as a journal and a terminal may show them."""
    text = "".join([char if char.isprintable() else " " for char in str(said)[:REASON_MAX_CHARS]])
    return " ".join(text.split())  # the pages of a proxy are indented


def _fact(kind: type, value: Any) -> Any:
    """A value as a record may hold it, or None."""
    if kind is not float:
        return value if isinstance(value, kind) else None
    is_seconds = isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))
    return float(value) if is_seconds and 0 <= value < SECONDS_MOST else None
