"""Parse an API's response into a verdict for each datapoint of its request.

Responses are untrusted: a response counts only for datapoints of its request that it names in
the contract's form.
"""

import json
import re
from typing import Any, NamedTuple

from lambdist_lib.protocol.contract import is_count
from lambdist_lib.submission.http import PERMANENT_CODES, Response

QUOTA_SPENT = "Limit Exceeded"  # API Gateway's message of a 429 for the rest of the day
DECODER, JSON_SPACES = json.JSONDecoder(), " \t\n\r"
FACTS = ("received_at", "done_at", "request_id", "environment_id", "cold", "init_s")
MAX_SECONDS = 1e11  # of a time or a duration; larger values are invalid
REASON_MAX_CHARS = 300
HTML = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)
PAGE_BYTES = 2_000  # read of an HTML page, for its first words
TAGS = re.compile(r"(?s)<(style|script)\b.*?</\1>|<[^>]*>?")
STOPPING = {  # statuses with which no other request would fare better
    401: "it needs credentials or these are wrong; see --api-key-env and --header",
    403: "its key or its permissions do not suffice; see --api-key-env and --header",
    404: "nothing is at this URL",
    405: "this URL takes no POST",
    407: "the proxy needs credentials",
}
NO_NUMBERS: frozenset[int] = frozenset()
NO_REASONS: dict[int, str] = {}


class ParsedResponse(NamedTuple):
    """The verdicts of one response; a datapoint in none of the sets is sent again.

    stop: Why the whole submission must end, or "".
    certain: Datapoints that were not accepted certainly were not; without a response they may be.
    served: The API processed the request; a datapoint that it did not accept failed by itself.
    counts: The API may have worked, so this is one of the datapoint's tries.
    overload: Fewer requests at once would succeed better.
    crashed: One of the datapoints may have ended the process, and with it the others' attempts.
    facts: FACTS of the first Lambda.
    status: The function's own status where the response wraps one, else 0.
    """

    accepted: frozenset[int] = NO_NUMBERS
    rejected: dict[int, str] = NO_REASONS
    dead: frozenset[int] = NO_NUMBERS
    cause: str = ""
    stop: str = ""
    certain: bool = True
    served: bool = False
    counts: bool = True
    overload: bool = False
    crashed: bool = False
    facts: tuple[Any, ...] = (None,) * len(FACTS)
    status: int = 0

    def verdict(self, n: int) -> tuple[str, str]:
        """Return accepted, rejected, dead or retry, and its cause."""
        if n in self.accepted:
            return "accepted", ""
        if n in self.rejected:
            return "rejected", self.rejected[n]
        if n in self.dead:
            return "dead", self.cause or "permanent error"
        return "retry", self.cause


def parse(response: Response, ns: list[int], *, plain: bool = False) -> ParsedResponse:
    """Parse the response to a request with the datapoints `ns`.

    A 200 or 503 counts by its body; any other 200, and every 5xx, may hide an acceptance.

    Args:
        plain: The request had the original's form, whose 200 needs no body.
    """
    if response.status == 0:
        stop = f"the API cannot be reached ({response.error})" if response.code in PERMANENT_CODES else ""
        counts = response.sent
        return ParsedResponse(
            cause=response.error, stop=stop, certain=not response.sent, counts=counts, overload=True
        )
    body = object_of(response.body)
    if not plain and response.status in (200, 503) and ("accepted" in body or "stored" in body):
        return _parse_ours(response.status, body, ns)
    if plain and 200 <= response.status < 300 and HTML.match(response.body):
        return _parse_page(response)
    if plain and 200 <= response.status < 300 and not _says_failed(body):
        return ParsedResponse(accepted=frozenset(ns), served=True)
    return _parse_foreign(response, body, ns)


def _parse_ours(status: int, body: dict[str, Any], ns: list[int]) -> ParsedResponse:
    """Parse a response of the collector (`accepted`) or of the single node (`stored`).

    A collector that queued nothing has tried nothing: the queue is overloaded.
    """
    collector = "accepted" in body
    idle = collector and status == 503
    accepted, dead = _numbers(body["accepted" if collector else "stored"]), _numbers(body.get("dead"))
    rejected = _reasons(body.get("rejected"))
    certain = accepted.issuperset(ns)  # the usual case, without building the sets
    if not certain:
        certain = (accepted | dead | rejected.keys() | _numbers(body.get("retry"))).issuperset(ns)
    return ParsedResponse(
        accepted=accepted,
        rejected=rejected,
        dead=dead,
        cause="the stack asks for it again" if certain else "the response does not name it",
        certain=certain,
        served=not idle,
        counts=not idle,
        overload=idle,
        facts=_facts(body),
    )


def _parse_page(response: Response) -> ParsedResponse:
    """Parse an HTML page with status 200: a login or a portal. What is behind it may have accepted."""
    text = one_line(TAGS.sub(" ", response.body[:PAGE_BYTES].decode(errors="replace")))
    cause = f"HTTP {response.status}: an HTML page: {text}"
    return ParsedResponse(
        cause=cause, stop=f"a page for people answers, not an API ({cause}): check the URL", certain=False
    )


def _parse_foreign(response: Response, body: dict[str, Any], ns: list[int]) -> ParsedResponse:
    """Parse a response of API Gateway itself or of another server."""
    text = body.get("message") or body.get("errorMessage") or response.body[:200].decode(errors="replace")
    message = one_line(text or "no body")
    cause, status = f"HTTP {response.status}: {message}", response.status
    if status == 429:
        stop = f"the API's quota is spent ({cause})" if message == QUOTA_SPENT else ""
        return ParsedResponse(cause=cause, stop=stop, counts=False, overload=True)
    if 300 <= status < 400:
        cause = f"HTTP {status}: {one_line(response.error)}" if response.error else cause
        return ParsedResponse(cause=cause, stop=f"the API has moved ({cause}): send to that URL instead")
    if status in STOPPING:
        return ParsedResponse(cause=cause, stop=f"the API rejects this client ({cause}): {STOPPING[status]}")
    if 400 <= status < 500:
        return ParsedResponse(cause=cause, rejected=dict.fromkeys(ns, cause), served=True)
    idle = status == 503
    return ParsedResponse(cause=cause, certain=False, counts=not idle, overload=idle, crashed=not idle)


def _says_failed(body: dict[str, Any]) -> bool:
    """Whether a 200 of the original's form hides a failure, as from a Lambda without a proxy."""
    return (
        "errorMessage" in body or bool(body.get("error")) or str(body.get("message", "")).startswith("Failed")
    )


def object_of(body: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object; empty for anything else."""
    try:  # json.loads would look for an encoding, and for spaces by a regular expression
        text = body.decode().strip(JSON_SPACES)
        value, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and end == len(text) else {}


def _numbers(value: object) -> frozenset[int]:
    return frozenset([n for n in value if is_count(n)]) if value and isinstance(value, list) else NO_NUMBERS


def _reasons(value: object) -> dict[int, str]:
    if not value or not isinstance(value, list):
        return NO_REASONS
    return {
        entry["n"]: one_line(entry.get("reason") or "no reason given")
        for entry in value
        if isinstance(entry, dict) and is_count(entry.get("n"))
    }


def one_line(value: object) -> str:
    """Return untrusted text as one short printable line, for a journal and a terminal."""
    text = "".join([char if char.isprintable() else " " for char in str(value)[:REASON_MAX_CHARS]])
    return " ".join(text.split())  # a proxy's HTML pages are indented


def _facts(body: dict[str, Any]) -> tuple[Any, ...]:
    """Return FACTS of the first Lambda, None for each that is missing or invalid."""
    invocation = body.get("invocation")
    known = {**body, **invocation} if isinstance(invocation, dict) else body
    received_at, done_at, request_id, environment_id, cold, init_s = map(known.get, FACTS)
    return (
        _seconds(received_at),
        _seconds(done_at),
        request_id if isinstance(request_id, str) else None,
        environment_id if isinstance(environment_id, str) else None,
        cold if isinstance(cold, bool) else None,
        _seconds(init_s),
    )


def _seconds(value: Any) -> float | None:
    """Convert a time or a duration for a record; None if it is invalid."""
    is_number = isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))
    return float(value) if is_number and 0 <= value < MAX_SECONDS else None
