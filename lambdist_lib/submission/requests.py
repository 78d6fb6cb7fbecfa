"""Group datapoints into requests and encode their bodies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambdist_lib.protocol.contract import REQUEST_MAX_BYTES

ENVELOPE_BYTES = 512  # of a request beside its datapoints: run_id, and the names of work and fault
POINT_BYTES = 48  # of a datapoint beside its data: n, attempt, punctuation

ENCODER = json.JSONEncoder(ensure_ascii=False)

Points = list[tuple[int, str]]


@dataclass(slots=True)
class PendingRequest:
    """The datapoints of one request, all with the same number of tries.

    index: Datapoints of the run before the first of these.
    tries: Requests that carried them so far.
    failures: Those of the tries on which the API may have worked.
    maybe_accepted: Whether an earlier try may have been accepted without a response.
    """

    points: Points
    index: int = 0
    tries: int = 0
    failures: int = 0
    request: int = 0
    senders: int = 0
    intended_at: float = 0.0
    sent_at: float = 0.0
    maybe_accepted: bool = False

    def remainder(self, points: Points) -> "PendingRequest":
        """Return the request for those of its datapoints that are sent again."""
        same = (self.index, self.tries, self.failures, self.request, self.senders)
        return PendingRequest(points, *same, self.intended_at, self.sent_at, self.maybe_accepted)


def group_datapoints(
    points: Iterator[tuple[int, str]],
    request_batch: int,
    controls: dict[str, str] | None = None,
    *,
    max_bytes: int = REQUEST_MAX_BYTES,
) -> Iterator[PendingRequest]:
    """Group at most `request_batch` datapoints that fit a request with these controls."""
    group: Points = []
    around_bytes = ENVELOPE_BYTES + sum(len(text) for text in (controls or {}).values())
    index, size_bytes = 0, around_bytes
    for n, data in points:
        point_bytes = _point_bytes(data) if request_batch > 1 else 0  # one alone always fits
        if group and (len(group) == request_batch or size_bytes + point_bytes > max_bytes):
            yield PendingRequest(group, index)
            index += len(group)
            group, size_bytes = [], around_bytes
        group.append((n, data))
        size_bytes += point_bytes
    if group:
        yield PendingRequest(group, index)


def _point_bytes(data: str) -> int:
    """Bound the bytes of a datapoint in a request: JSON escapes a quote, a backslash or a TAB into two."""
    return len(data.encode()) + data.count('"') + data.count("\\") + data.count("\t") + POINT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEncoder:
    """Encode requests of one run; `plain` is the original's form, for one datapoint."""

    run_id: str
    controls: dict[str, str] = field(default_factory=dict)  # work and fault, where they are declared
    plain: bool = False

    def encode(self, pending: PendingRequest) -> bytes:
        """Return the body of a request as JSON."""
        if self.plain:
            [(_, data)] = pending.points
            return ENCODER.encode({"data": data}).encode()
        again = f', "attempt": {pending.failures + 1}' if pending.failures else ""
        points = [f'{{"n": {n}, "data": {ENCODER.encode(data)}{again}}}' for n, data in pending.points]
        text = f'{{"run_id": {ENCODER.encode(self.run_id)}, "datapoints": [{", ".join(points)}]'
        for name, value in self.controls.items():
            text += f", {ENCODER.encode(name)}: {ENCODER.encode(value)}"
        return f"{text}}}".encode()
