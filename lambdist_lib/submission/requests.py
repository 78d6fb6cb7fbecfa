"""What travels in one request: datapoints in groups, and their bodies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambdist_lib.protocol.contract import REQUEST_MAX_BYTES

ENVELOPE_BYTES = 512  # of a request around its datapoints: run_id, and the names of work and fault
POINT_BYTES = 48  # of a datapoint around its data: n, attempt, punctuation

ENCODER = json.JSONEncoder(ensure_ascii=False)

Points = list[tuple[int, str]]


@dataclass(slots=True)
class PendingRequest:
    """Datapoints that travel in one request; all have been tried equally often.

    index: how many datapoints of the run came before the first of these. tries: requests that
    carried them; failures: those of them on which the API may have worked.
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
        """The same for those of its datapoints that are to be sent again."""
        same = (self.index, self.tries, self.failures, self.request, self.senders)
        return PendingRequest(points, *same, self.intended_at, self.sent_at, self.maybe_accepted)


def grouped(
    points: Iterator[tuple[int, str]], request_batch: int, controls: dict[str, str] | None = None
) -> Iterator[PendingRequest]:
    """Datapoints in groups of at most `request_batch` that fit a request with these controls."""
    group: Points = []
    around_bytes = ENVELOPE_BYTES + sum(len(text) for text in (controls or {}).values())
    index, size_bytes = 0, around_bytes
    for n, data in points:
        # JSON escapes a quote, a backslash or a TAB into two bytes
        point_bytes = len(data.encode()) + data.count('"') + data.count("\\") + data.count("\t") + POINT_BYTES
        if group and (len(group) == request_batch or size_bytes + point_bytes > REQUEST_MAX_BYTES):
            yield PendingRequest(group, index)
            index += len(group)
            group, size_bytes = [], around_bytes
        group.append((n, data))
        size_bytes += point_bytes
    if group:
        yield PendingRequest(group, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEncoder:
    """What a request holds beside its datapoints; `plain` is the original's form, for one datapoint."""

    run_id: str
    controls: dict[str, str] = field(default_factory=dict)  # work and fault, where they are declared
    plain: bool = False

    def around(self, job: PendingRequest) -> bytes:
        if self.plain:
            [(_, data)] = job.points
            return ENCODER.encode({"data": data}).encode()
        again = {"attempt": job.failures + 1} if job.failures else {}
        points = [{"n": n, "data": data, **again} for n, data in job.points]
        return ENCODER.encode({"run_id": self.run_id, "datapoints": points, **self.controls}).encode()
