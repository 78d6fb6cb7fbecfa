"""Datapoints -> API -> receipts: every datapoint is sent, and what came of it is written down.

Closed loop: at most `chunks` requests are under way, and a sender that got its answer takes
the next datapoints. With a `rate` the loop is open: every datapoint has its time, and what a
slow API delays counts as waiting. Refusals that may pass (no connection, 429, 5xx, datapoints
that the answer asks for again) are sent again after a random delay whose bound doubles; other
4xx are final. Nothing is taken as accepted that no answer named.
"""

import contextlib
import heapq
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from lambdist_lib.cloud.api import Api
from lambdist_lib.data.datapoints import Line
from lambdist_lib.submission import responses
from lambdist_lib.submission.backoff import RateController
from lambdist_lib.submission.http import HttpClient, Response
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts
from lambdist_lib.submission.requests import PendingRequest, RequestEncoder, grouped

TELL_S = 0.1  # between two calls of a watcher
LOOK_UP_S = 0.2  # an interrupt, a deadline or a watcher waits at most this long
UNREACHED_S = 20.0  # without any answer from the first request on: there is no such API
WAITING_MOST = 1_000  # jobs that wait for another try, beside four per sender, before new ones wait too
RETRIES_FREE = 1_000  # datapoints sent again, beside ten per sender's request, before the budget counts
REJECTED_AT_ONCE = 1_000  # receipts of rejected or unsent datapoints that are kept together


def submit(
    lines: Iterable[Line],
    api: Api,
    plan: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[SubmissionCounts], None] = lambda tally: None,
) -> SubmissionCounts:
    """Send every line; returns when each has its verdict.

    Args:
        lines: Read as senders become free: a file may be larger than memory. Those that
            carry a reason are kept as rejected and never sent.
        keep: Called with receipts as they come, in the order of the answers.
        watch: Called with the tally some times a second.

    Raises:
        KeyboardInterrupt: Within a second of the interrupt; all receipts so far were kept.
        UsageError: This process may not open so many connections.
    """
    key = {"x-api-key": api.key.reveal()} if api.key.reveal() else {}
    headers = {"Content-Type": "application/json", **key}
    with (
        HttpClient(api.url, headers, plan.timeouts, senders=plan.chunks) as wire,
        _interrupts() as interrupted,
    ):
        sender = _Sender(lines, plan, run_id, keep, interrupted.is_set)
        while sender.busy(wire) and not interrupted.is_set():
            sender.send(wire)
            sender.take(wire.answers(sender.patience_s(wire)))
            sender.tally.in_flight = wire.in_flight
            if sender.is_time_to_tell():
                watch(sender.tally)
            if sender.is_past_deadline():
                break
        sender.abandon(wire.under_way())
        sender.refuse_rest()
        watch(sender.tally)
        if interrupted.is_set():
            raise KeyboardInterrupt
    return sender.tally


class _Sender:
    """The state between answers: which jobs wait, what the clock says, why sending ended."""

    def __init__(
        self,
        lines: Iterable[Line],
        plan: SendOptions,
        run_id: str,
        keep: Callable[[list[Receipt]], None],
        is_interrupted: Callable[[], bool],
    ) -> None:
        self.tally = SubmissionCounts()
        self._plan, self._keep, self._is_interrupted = plan, keep, is_interrupted
        self._pace = RateController(
            most=plan.chunks,
            opening=plan.opening_senders or plan.chunks,
            growth=plan.growth,
            backoff_s=plan.backoff_s,
            backoff_max_s=plan.backoff_max_s,
            stall_s=plan.stall_s,
            unreached_s=UNREACHED_S,
        )
        controls = {"work": plan.work, "fault": plan.fault}
        declared = {name: value for name, value in controls.items() if value != "none"}
        self._envelope = RequestEncoder(run_id=run_id, controls=declared, plain=plan.plain)
        self._jobs = grouped(self._sendable(iter(lines)), plan.request_batch, declared)
        self._next = next(self._jobs, None)
        self._waiting: list[tuple[float, int, PendingRequest]] = []  # a heap by the time when they are due
        self._waiting_most = WAITING_MOST + 4 * plan.chunks
        self._retries_free = RETRIES_FREE + 10 * plan.chunks * plan.request_batch
        self._requests = 0
        # one wall-clock reading, then the monotonic clock: stamps never jump back within a run
        self._epoch = time.time() - time.perf_counter()
        self._began_s = time.perf_counter()
        self._told_s = 0.0

    def busy(self, wire: HttpClient) -> bool:
        if wire.in_flight:
            return True
        return not self.tally.stopped and (self._next is not None or bool(self._waiting))

    def patience_s(self, wire: HttpClient) -> float:
        """How long to wait for an answer before there is something else to do."""
        if self.tally.stopped or wire.in_flight >= self._pace.senders:
            return LOOK_UP_S
        now_s, until_s = time.perf_counter(), []
        if self._waiting:
            until_s.append(self._waiting[0][0] - now_s)
        if self._next is not None and len(self._waiting) < self._waiting_most:
            until_s.append(self._due_s(self._next) - now_s)
        wait_s = max(min(until_s, default=LOOK_UP_S), self._pace.pause_s(now_s))
        return min(LOOK_UP_S, max(0.0, wait_s))

    def send(self, wire: HttpClient) -> None:
        """Give free senders their jobs: retries that are due first, then new datapoints."""
        while wire.in_flight < self._pace.senders and not self.tally.stopped:
            now_s = time.perf_counter()
            job = None if self._pace.pause_s(now_s) else self._take_job(now_s)
            if job is None:
                return
            job.tries += 1
            job.request, job.senders = self._requests, self._pace.senders
            self._requests += 1
            job.sent_at = self._epoch + now_s
            if not job.intended_at:
                job.intended_at = self._epoch + self._due_s(job) if self._plan.rate else job.sent_at
            self.tally.first_intended_at = self.tally.first_intended_at or job.intended_at
            wire.post(job, self._envelope.around(job))

    def take(self, ended: list[Response]) -> None:
        """Turn answers into receipts, and into retries where they ask for them."""
        if not ended:
            return
        now_s = time.perf_counter()
        receipts: list[Receipt] = []
        for answer in ended:
            receipts += self._settle(answer, now_s)
        self.tally.last_answered_at = self._epoch + now_s
        self._keep(receipts)
        if self.tally.retries > self._retries_free + self._plan.retry_budget * self.tally.settled:
            self._stop(f"the retry budget is spent: {self.tally.retries:,} datapoints were sent again")

    def is_time_to_tell(self) -> bool:
        now_s = time.perf_counter()
        if now_s - self._told_s < TELL_S:
            return False
        self._told_s = now_s
        return True

    def is_past_deadline(self) -> bool:
        past = 0 < self._plan.deadline_s < time.perf_counter() - self._began_s
        if past:
            self._stop(f"the deadline of {self._plan.deadline_s:g} s passed")
        return past

    def abandon(self, under_way: list[PendingRequest]) -> None:
        """Receipts for requests whose answers nobody waits for any more."""
        cause = "interrupted" if self._is_interrupted() else self.tally.stopped
        for job in under_way:
            self._keep([self._count(_unsent(n, "unknown", cause, job)) for n, _ in job.points])
        self.tally.in_flight = 0

    def refuse_rest(self) -> None:
        """Receipts for what an early end left unsent; after an interrupt only for what was read."""
        left = [job for _, _, job in self._waiting]
        if self._next is not None:
            left.append(self._next)
        receipts: list[Receipt] = []
        for job in itertools.chain(left, self._jobs):
            verdict = "unknown" if job.maybe_accepted else "refused"
            cause = "interrupted" if self._is_interrupted() else self.tally.stopped
            receipts += [self._count(_unsent(n, verdict, cause, job)) for n, _ in job.points]
            if len(receipts) >= REJECTED_AT_ONCE:
                self._keep(receipts)
                receipts = []
        if receipts:
            self._keep(receipts)

    def _sendable(self, lines: Iterator[Line]) -> Iterator[tuple[int, str]]:
        """The datapoints among the lines; the others' receipts are written in passing."""
        rejected: list[Receipt] = []
        for line in lines:
            if line.reason:
                rejected.append(self._count(_unsent(line.n, "rejected", line.reason, PendingRequest([]))))
            if rejected and (not line.reason or len(rejected) >= REJECTED_AT_ONCE):
                self._keep(rejected)
                rejected = []
            if self._is_interrupted():
                break
            if not line.reason:
                yield line.n, line.data
        if rejected:
            self._keep(rejected)

    def _due_s(self, job: PendingRequest) -> float:
        """When the schedule wants it sent; without one, at once."""
        return self._began_s + job.index / self._plan.rate if self._plan.rate else self._began_s

    def _take_job(self, now_s: float) -> PendingRequest | None:
        if self._waiting and self._waiting[0][0] <= now_s:
            return heapq.heappop(self._waiting)[2]
        job = self._next
        if job is None or len(self._waiting) >= self._waiting_most or self._due_s(job) > now_s:
            return None
        self._next = next(self._jobs, None)
        return job

    def _settle(self, answer: Response, now_s: float) -> list[Receipt]:
        job: PendingRequest = answer.token
        reading = responses.read(answer, [n for n, _ in job.points], plain=self._plan.plain)
        maybe_before = job.maybe_accepted
        self._learn(reading, answer, job, now_s)
        last = job.failures >= self._plan.tries or bool(self.tally.stopped)
        again, receipts = [], []
        at = (job.intended_at, job.sent_at, self._epoch + now_s)
        client = (job.tries, answer.status, job.request, job.senders, *answer[6:11])
        for point in job.points:
            verdict, cause = reading.verdict(point[0])
            if (verdict == "retry" and last) or (verdict == "rejected" and maybe_before):
                verdict = "unknown" if job.maybe_accepted else "refused"
            if verdict == "retry":
                again.append(point)
            receipts.append(
                self._count(Receipt._make((point[0], verdict, cause, *at, *client, *reading.facts)))
            )
        if again:
            delay_s = self._pace.delay_s(job.tries, answer.retry_after_s)
            heapq.heappush(self._waiting, (now_s + delay_s, job.request, job.remainder(again)))
        return receipts

    def _learn(
        self, reading: responses.ParsedResponse, answer: Response, job: PendingRequest, now_s: float
    ) -> None:
        """What an answer says about the API rather than about its datapoints."""
        job.maybe_accepted = job.maybe_accepted or not reading.certain
        job.failures += reading.counts
        if reading.served:
            self._pace.served()
        else:
            self._pace.failed(
                job.request,
                self._requests,
                now_s,
                overload=reading.overload,
                answered=answer.status > 0,
                pause_s=answer.retry_after_s,
            )
        most_s = self._pace.patience_s()
        if reading.stop:
            self._stop(reading.stop)
        elif answer.retry_after_s > most_s:
            self._stop(f"the API asks to wait {answer.retry_after_s:,.0f} s ({reading.cause})")
        elif not reading.served and self._pace.stalled_s(now_s) > most_s:
            self._stop(f"the API has served nothing for {most_s:g} s ({reading.cause})")

    def _stop(self, why: str) -> None:
        self.tally.stopped = self.tally.stopped or why

    def _count(self, receipt: Receipt) -> Receipt:
        if receipt.verdict == "retry":
            self.tally.retries += 1
        else:
            setattr(self.tally, receipt.verdict, getattr(self.tally, receipt.verdict) + 1)
        return receipt


def _unsent(n: int, verdict: str, cause: str, job: PendingRequest) -> Receipt:
    """The receipt of a datapoint that is not sent, or not again."""
    times = (job.intended_at or None, job.sent_at or None, None)
    sent = (job.tries, 0, job.request, job.senders)
    return Receipt._make((n, verdict, cause, *times, *sent, *[0.0] * 5, *[None] * 6))


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
        signal.signal(signal.SIGINT, before or signal.default_int_handler)  # None: not Python's own
