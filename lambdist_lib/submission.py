"""Datapoints -> API -> receipts: every datapoint is sent, and what came of it is written down.

Closed loop: at most `chunks` requests are under way, and a sender that got its answer takes
the next datapoints. Refusals that may pass (no connection, 429, 5xx, datapoints that the
answer asks for again) are sent again after a random delay whose bound doubles; other 4xx
are final. Nothing is taken as accepted that no answer named.
"""

import contextlib
import heapq
import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lambdist_lib import answers
from lambdist_lib.contract import REQUEST_MAX_BYTES, REQUEST_MAX_DATAPOINTS
from lambdist_lib.datapoints import Line
from lambdist_lib.errors import UsageError
from lambdist_lib.targets import Api
from lambdist_lib.wire import Answer, Timeouts, Wire

ENVELOPE_BYTES = 512  # of a request around its datapoints: run_id, work, fault
POINT_BYTES = 48  # of a datapoint around its data: n, attempt, punctuation
TELL_S = 0.1  # between two calls of a watcher
LOOK_UP_S = 0.2  # an interrupt, a deadline or a watcher waits at most this long


class Receipt(NamedTuple):
    """What the client saw of one try at one datapoint; `columns.RECORDS` says what each field means.

    verdict is the client's knowledge after this try: `accepted`, `rejected`, `retry` (sent
    again later), `refused` (given up, surely never accepted), `unknown` (given up, possibly
    accepted) or `dead` (the single node said that it is hopeless, or failed at the last try).
    """

    n: int
    verdict: str
    cause: str
    intended_at: float | None
    sent_at: float | None
    answered_at: float | None
    tries: int
    status: int
    request: int
    senders: int
    name_s: float
    connect_s: float
    tls_s: float
    first_byte_s: float
    total_s: float
    received_at: float | None
    done_at: float | None
    entry_request_id: str | None
    entry_environment_id: str | None
    entry_cold: bool | None
    entry_init_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run is sent.

    chunks: most requests under way at once. request_batch: datapoints per request.
    tries: requests that may carry one datapoint. opening_senders: with how many senders
    slow start begins (None: all at once); each answer then opens `growth` more.
    backoff_s, backoff_max_s: bound of the first retry's delay, and of any.
    """

    chunks: int = 20
    request_batch: int = 1
    work: str = "none"
    fault: str = "none"
    tries: int = 8
    opening_senders: int | None = None
    growth: float = 0.25
    backoff_s: float = 0.2
    backoff_max_s: float = 10.0
    deadline_s: float = float("inf")
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if self.chunks < 1:
            raise UsageError(f"chunks is {self.chunks}; at least 1 sender is needed")
        if not 1 <= self.request_batch <= REQUEST_MAX_DATAPOINTS:
            raise UsageError(f"request_batch is {self.request_batch}; write 1 to {REQUEST_MAX_DATAPOINTS}")
        if self.tries < 1:
            raise UsageError(f"tries is {self.tries}; at least 1 is needed")


@dataclass(slots=True, kw_only=True)
class Tally:
    """A submission so far; `stopped` says why it ended early, if it did."""

    accepted: int = 0
    rejected: int = 0
    refused: int = 0
    unknown: int = 0
    dead: int = 0
    retries: int = 0
    in_flight: int = 0
    first_intended_at: float | None = None
    last_answered_at: float | None = None
    stopped: str = ""

    @property
    def settled(self) -> int:
        return self.accepted + self.rejected + self.refused + self.unknown + self.dead


@dataclass(slots=True)
class _Job:
    """Datapoints that travel in one request; all have been tried equally often."""

    points: list[tuple[int, str]]
    tries: int = 0
    request: int = 0
    senders: int = 0
    intended_at: float = 0.0
    sent_at: float = 0.0
    maybe_accepted: bool = False


def submit(
    lines: Iterable[Line],
    api: Api,
    plan: Plan,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Send every line; returns when each has its verdict.

    Args:
        lines: Read as senders become free: a file may be larger than memory. Those that
            carry a reason are kept as rejected and never sent.
        keep: Called with receipts as they come, in the order of the answers.
        watch: Called with the tally some times a second.

    Raises:
        KeyboardInterrupt: Within a second of the interrupt; all receipts so far were kept.
    """
    headers = {"Content-Type": "application/json", "x-api-key": api.key.reveal()}
    with Wire(api.url, headers, plan.timeouts, senders=plan.chunks) as wire, _interrupts() as interrupted:
        sender = _Sender(iter(lines), plan, run_id, keep)
        while sender.busy(wire):
            sender.send(wire)
            sender.take(wire.answers(sender.patience_s()))
            sender.tally.in_flight = wire.in_flight
            if sender.is_time_to_tell():
                watch(sender.tally)
            if interrupted.is_set():
                sender.abandon(wire.under_way())
                raise KeyboardInterrupt
        sender.refuse_rest()
    return sender.tally


class _Sender:
    """The state between answers: which jobs wait, how many senders are open, what the clock says."""

    def __init__(
        self,
        lines: Iterator[Line],
        plan: Plan,
        run_id: str,
        keep: Callable[[list[Receipt]], None],
    ) -> None:
        self.tally = Tally()
        self._plan, self._keep = plan, keep
        self._jobs = _jobs(self._sendable(lines), plan.request_batch)
        self._next = next(self._jobs, None)
        self._waiting: list[tuple[float, int, _Job]] = []  # a heap by the time when they are due
        self._senders = float(min(plan.opening_senders or plan.chunks, plan.chunks))
        self._numbers = itertools.count()
        self._head = {"run_id": run_id}
        self._controls = {"work": plan.work, "fault": plan.fault}
        self._controls = {name: value for name, value in self._controls.items() if value != "none"}
        # one wall-clock reading, then the monotonic clock: stamps never jump back within a run
        self._epoch = time.time() - time.perf_counter()
        self._told_s = 0.0
        self._deadline_s = time.perf_counter() + plan.deadline_s

    def busy(self, wire: Wire) -> bool:
        if wire.in_flight:
            return True
        return not self.tally.stopped and (self._next is not None or bool(self._waiting))

    def patience_s(self) -> float:
        """How long to wait for an answer before there is something else to do."""
        if self._waiting:
            return min(LOOK_UP_S, max(0.0, self._waiting[0][0] - time.perf_counter()))
        return LOOK_UP_S

    def send(self, wire: Wire) -> None:
        """Give free senders their jobs: retries that are due first, then new datapoints."""
        now_s = time.perf_counter()
        if now_s > self._deadline_s and not self.tally.stopped:
            self.tally.stopped = f"the deadline of {self._plan.deadline_s:g} s passed"
        while wire.in_flight < int(self._senders) and not self.tally.stopped:
            job = self._take_job(now_s)
            if job is None:
                return
            job.tries += 1
            job.request, job.senders = next(self._numbers), int(self._senders)
            job.sent_at = self._epoch + time.perf_counter()
            job.intended_at = job.intended_at or job.sent_at
            self.tally.first_intended_at = self.tally.first_intended_at or job.intended_at
            wire.post(job, self._body(job))

    def take(self, answers: list[Answer]) -> None:
        """Turn answers into receipts, and into retries where they ask for them."""
        if not answers:
            return
        answered_at = self._epoch + time.perf_counter()
        receipts: list[Receipt] = []
        for answer in answers:
            receipts += self._settle(answer, answered_at)
        self.tally.last_answered_at = answered_at
        self._keep(receipts)

    def is_time_to_tell(self) -> bool:
        now_s = time.perf_counter()
        if now_s - self._told_s < TELL_S:
            return False
        self._told_s = now_s
        return True

    def abandon(self, under_way: list[object]) -> None:
        """Receipts for requests whose answers nobody waits for any more."""
        for job in under_way:
            self._keep([self._count(self._unsent(n, "unknown", "interrupted", job)) for n, _ in job.points])

    def refuse_rest(self) -> None:
        """Receipts for what an early end left unsent."""
        left = [job for _, _, job in self._waiting]
        if self._next is not None:
            left.append(self._next)
        for job in itertools.chain(left, self._jobs):
            verdict = "unknown" if job.maybe_accepted else "refused"
            self._keep(
                [self._count(self._unsent(n, verdict, self.tally.stopped, job)) for n, _ in job.points]
            )

    def _sendable(self, lines: Iterator[Line]) -> Iterator[tuple[int, str]]:
        """The datapoints among the lines; the others' receipts are written in passing."""
        for line in lines:
            if line.reason:
                self._keep([self._count(self._unsent(line.n, "rejected", line.reason, _Job([])))])
            else:
                yield line.n, line.data

    def _unsent(self, n: int, verdict: str, cause: str, job: _Job) -> Receipt:
        """The receipt of a datapoint that is not sent, or not again."""
        times = (job.intended_at or None, job.sent_at or None, None)
        return Receipt(
            n, verdict, cause, *times, job.tries, 0, job.request, job.senders, *[0.0] * 5, *[None] * 6
        )

    def _take_job(self, now_s: float) -> _Job | None:
        if self._waiting and self._waiting[0][0] <= now_s:
            return heapq.heappop(self._waiting)[2]
        job = self._next
        if job is not None:
            self._next = next(self._jobs, None)
        return job

    def _body(self, job: _Job) -> bytes:
        again = {"attempt": job.tries} if job.tries > 1 else {}
        points = [{"n": n, "data": data, **again} for n, data in job.points]
        return json.dumps({**self._head, "datapoints": points, **self._controls}, ensure_ascii=False).encode()

    def _settle(self, answer: Answer, answered_at: float) -> list[Receipt]:
        job: _Job = answer.token  # type: ignore[assignment]
        reading = answers.read(answer, [n for n, _ in job.points])
        job.maybe_accepted = job.maybe_accepted or not reading.certain
        self.tally.stopped = self.tally.stopped or reading.stop
        last = job.tries >= self._plan.tries or bool(reading.stop)
        again, receipts = [], []
        at = (job.intended_at, job.sent_at, answered_at)
        client = (job.tries, answer.status, job.request, job.senders, *answer[6:])
        for point in job.points:
            verdict, cause = reading.verdict(point[0])
            if verdict == "retry" and last:
                verdict = "unknown" if job.maybe_accepted else "refused"
            if verdict == "retry":
                again.append(point)
            receipts.append(self._count(Receipt(point[0], verdict, cause, *at, *client, *reading.facts)))
        if again:
            self._schedule(
                _Job(again, job.tries, intended_at=job.intended_at, maybe_accepted=job.maybe_accepted), answer
            )
        elif self._senders < self._plan.chunks:
            self._senders = min(self._senders + self._plan.growth, self._plan.chunks)
        return receipts

    def _schedule(self, job: _Job, answer: Answer) -> None:
        """Full jitter (any delay up to a bound that doubles), but never before Retry-After."""
        bound_s = min(self._plan.backoff_s * 2 ** (job.tries - 1), self._plan.backoff_max_s)
        due_s = time.perf_counter() + max(random.uniform(0, bound_s), answer.retry_after_s)
        heapq.heappush(self._waiting, (due_s, next(self._numbers), job))

    def _count(self, receipt: Receipt) -> Receipt:
        if receipt.verdict == "retry":
            self.tally.retries += 1
        else:
            setattr(self.tally, receipt.verdict, getattr(self.tally, receipt.verdict) + 1)
        return receipt


def _jobs(lines: Iterator[tuple[int, str]], request_batch: int) -> Iterator[_Job]:
    """Lines in groups of at most `request_batch` that fit a request."""
    points: list[tuple[int, str]] = []
    size_bytes = ENVELOPE_BYTES
    for n, data in lines:
        # JSON escapes a quote, a backslash or a TAB into two bytes
        point_bytes = len(data.encode()) + data.count('"') + data.count("\\") + data.count("\t") + POINT_BYTES
        if points and (len(points) == request_batch or size_bytes + point_bytes > REQUEST_MAX_BYTES):
            yield _Job(points)
            points, size_bytes = [], ENVELOPE_BYTES
        points.append((n, data))
        size_bytes += point_bytes
    if points:
        yield _Job(points)


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C and the stop button set, instead of an exception anywhere.

    An exception that rises inside a callback of libcurl would be printed and lost.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread gets signals
        return
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
