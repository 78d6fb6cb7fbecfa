"""Compare the client's clock with the Lambdas' by the stamps of a run's requests.

A request is received after it was sent, and its answer is complete after it was formed. So the Lambdas' clock
is ahead of the client's by at most `received - sent` and at least `done - answered`, of each request: the
tightest of these bound the offset by half a round trip. Nothing more is sent for it.
"""

import collections
import itertools
import math
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLIENT_STAMPS = ("intended_at", "sent_at", "answered_at")
PART = 4  # the first and the last quarter of the requests stand for a run's start and end
PART_MOST = 1_000  # requests of such a part: enough that one of them met no queue
SQS_STAMP_S = 0.001  # a stamp of SQS may be so much too early
SLACK_S = 0.005  # clocks of several AWS hosts differ by about a millisecond
JUMP_S = 0.05  # a step of the wall clock against the monotonic one; NTP's corrections are smaller
SLEW = 1e-3  # of the elapsed time: twice the most that NTP slews a clock (500 ppm)


@dataclass(frozen=True, slots=True)
class Offset:
    """The Lambdas' clock minus the client's lies between these two, in seconds."""

    low_s: float = -math.inf
    high_s: float = math.inf

    @property
    def is_known(self) -> bool:
        return self.low_s <= self.high_s < math.inf and self.low_s > -math.inf

    @property
    def middle_s(self) -> float:
        return (self.low_s + self.high_s) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCheck:
    """What a run's stamps say about its clocks.

    offset_s: to add to the client's stamps; 0 where they may be right. bound_s: how far off the corrected
    stamps may be, NaN if unknown. moved_s: how far a clock moved during the run; 0 where none is shown to.
    """

    offset_s: float = 0.0
    bound_s: float = math.nan
    moved_s: float = 0.0

    def facts(self) -> dict[str, Any]:
        """Return the form in which run.json keeps it."""
        bound_s = None if math.isnan(self.bound_s) else round(self.bound_s, 6)
        return {
            "clock_offset_s": round(self.offset_s, 6),
            "clock_bound_s": bound_s,
            "clock_moved_s": round(self.moved_s, 6),
        }

    def corrected(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """Return a receipt with the client's stamps in the Lambdas' time."""
        if not self.offset_s:
            return dict(receipt)
        shifted = {
            name: receipt[name] + self.offset_s for name in CLIENT_STAMPS if receipt.get(name) is not None
        }
        return {**receipt, **shifted}


def bound(receipts: Iterable[Mapping[str, Any]]) -> Offset:
    """Bound the offset by the stamps of requests; without an answer a request says nothing.

    Example:
        >>> bound([{"sent_at": 10.0, "received_at": 12.5, "done_at": 13.0, "answered_at": 11.5}])
        Offset(low_s=1.5, high_s=2.5)
    """
    low_s, high_s = -math.inf, math.inf
    for receipt in receipts:
        if (sent := receipt.get("sent_at")) is not None and (received := receipt.get("received_at")):
            high_s = min(high_s, received - sent)
        if (answered := receipt.get("answered_at")) is not None and (done := receipt.get("done_at")):
            low_s = max(low_s, done - answered)
    return Offset(low_s, high_s)


def check(receipts: Iterable[Mapping[str, Any]], *, jumped_s: float = 0.0) -> ClockCheck:
    """Compare the clocks at a run's start and end.

    Args:
        receipts: Of the run, in the order of their writing.
        jumped_s: By how much the client's clock stepped meanwhile (`StepDetector`).
    """
    parts = _parts(receipts)
    start, end = bound(parts[0]), bound(parts[-1])
    if not (start.is_known and end.is_known):
        return ClockCheck(moved_s=jumped_s)
    moved_s = jumped_s
    if end.low_s > start.high_s + SLACK_S or start.low_s > end.high_s + SLACK_S:
        moved_s = end.middle_s - start.middle_s
    whole = Offset(max(start.low_s, end.low_s), min(start.high_s, end.high_s))
    if moved_s or not whole.is_known:
        return ClockCheck(bound_s=max(map(abs, (start.middle_s, end.middle_s))), moved_s=moved_s)
    bound_s = (whole.high_s - whole.low_s) / 2
    if whole.low_s <= 0 <= whole.high_s:
        return ClockCheck(bound_s=max(whole.high_s, -whole.low_s))
    return ClockCheck(offset_s=whole.middle_s, bound_s=bound_s)


def with_queue_stamps(
    receipts: Iterable[Mapping[str, Any]], items: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield receipts with SQS's stamp instead of a first Lambda's, where there is one.

    Only those of datapoints that were sent once: another try's message may be older than its request.

    Args:
        items: Of the run, by ascending n; SQS cuts their `queued_at` to milliseconds.
    """
    queued_at = array("d")
    for item in items:
        queued_at.extend([math.nan] * (item["n"] + 1 - len(queued_at)))
        queued_at[item["n"]] = item.get("queued_at", math.nan)
    for receipt in receipts:
        sqs_stamp = queued_at[receipt["n"]] if receipt["n"] < len(queued_at) else math.nan
        if receipt["tries"] == 1 and receipt["verdict"] == "accepted" and not math.isnan(sqs_stamp):
            yield {**receipt, "received_at": sqs_stamp + SQS_STAMP_S, "done_at": sqs_stamp}


def _parts(receipts: Iterable[Mapping[str, Any]]) -> tuple[Sequence[Mapping[str, Any]], ...]:
    """Return the receipts of the first and the last part; a run of few requests is one part."""
    answered = (receipt for receipt in receipts if receipt.get("received_at") is not None)
    first = list(itertools.islice(answered, PART_MOST))
    last = list(collections.deque(answered, maxlen=PART_MOST))
    if len(last) < PART_MOST:
        first = last = first + last
    size = min(PART_MOST, max(len(first) // PART, 1))
    return first[:size], last[-size:]


class StepDetector:
    """Notice that the wall clock steps, by the monotonic clock."""

    def __init__(self) -> None:
        self._wall, self._monotonic_s = time.time(), time.monotonic()

    def jumped_s(self) -> float:
        """Return by how much the wall clock has stepped since; 0 within what NTP may correct."""
        elapsed_s = time.monotonic() - self._monotonic_s
        step_s = time.time() - self._wall - elapsed_s
        return step_s if abs(step_s) > JUMP_S + SLEW * elapsed_s else 0.0
