"""Send each datapoint to an API and record the outcome of each.

Closed loop: at most `chunks` requests are under way, and a sender that got its response takes
the next datapoints. With a `rate` the loop is open: every datapoint has its time, and the delay
of a slow API counts as waiting. Transient failures (no connection, 429, 5xx, datapoints that the
response asks for again) are retried after a random delay whose bound doubles; other 4xx are
final. A request that its Lambda may have crashed over is sent again one datapoint at a time. A
datapoint is accepted only if a response names it.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from lambdist_lib.cloud.api import Api
from lambdist_lib.data.datapoints import Line
from lambdist_lib.submission import responses
from lambdist_lib.submission.backoff import RateController
from lambdist_lib.submission.doors import ApiDoor, Door
from lambdist_lib.submission.http import HttpClient, Response
from lambdist_lib.submission.receipts import NOT_ACCEPTED, UNKNOWN, Receipt, SendOptions, SubmissionCounts
from lambdist_lib.submission.requests import PendingRequest, RequestEncoder, group_datapoints
from lambdist_lib.submission.retry_queue import RetryQueue

WATCH_EVERY_S = 0.1  # between two calls of a watcher
POLL_S = 0.2  # an interrupt, a deadline or a watcher waits at most this long
UNREACHED_S = 20.0  # without any response from the first request on, the API does not exist
RECEIPTS_AT_ONCE = 1_000  # receipts of rejected or unsent datapoints that are written together


def submit(
    lines: Iterable[Line],
    door: Door | Api,
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[SubmissionCounts], None] = lambda counts: None,
    should_stop: Callable[[SubmissionCounts], str] = lambda counts: "",
) -> SubmissionCounts:
    """Send every line; returns when each has its verdict.

    Args:
        lines: Read as senders become free: a file may be larger than memory. Lines with a
            reason get a receipt as rejected and are not sent.
        door: Where to send; for an API alone its door is made.
        keep: Called with the receipts of each response, in the order of the responses.
        watch: Called with the counts several times a second.
        should_stop: Called as often; returns why the sending ends, or "". Requests under way are awaited.

    Raises:
        KeyboardInterrupt: Within a second of the interrupt; all receipts so far were kept.
        UsageError: This process may not open so many connections.
    """
    if isinstance(door, Api):
        door = ApiDoor(api=door, plain=options.plain)
    with (
        HttpClient(door.url, {}, options.timeouts, senders=options.chunks) as http,
        _catch_interrupts() as interrupted,
    ):
        sender = _Sender(lines, door, options, run_id, keep, interrupted.is_set)
        while sender.is_busy(http) and not interrupted.is_set():
            sender.send(http)
            sender.receive(http.responses(sender.wait_s(http)))
            sender.counts.in_flight = http.in_flight
            if sender.is_time_to_watch():
                watch(sender.counts)
                sender.stop(should_stop(sender.counts))
            if sender.is_past_deadline():
                break
        sender.abandon(http.under_way())
        sender.leave_unsent()
        watch(sender.counts)
        if interrupted.is_set():
            raise KeyboardInterrupt
    return sender.counts


class _Sender:
    """The state of a submission between responses."""

    def __init__(
        self,
        lines: Iterable[Line],
        door: Door,
        options: SendOptions,
        run_id: str,
        keep: Callable[[list[Receipt]], None],
        is_interrupted: Callable[[], bool],
    ) -> None:
        self.counts, self._door = SubmissionCounts(), door
        self._options, self._keep, self._is_interrupted = options, keep, is_interrupted
        self._rate = _rate_controller(options)
        controls = {"work": options.work, "fault": options.fault}
        declared = {name: value for name, value in controls.items() if value != "none"}
        self._encoder = RequestEncoder(run_id=run_id, controls=declared, plain=options.plain)
        points = _sendable(lines, self.counts, keep, is_interrupted)
        request_batch = min(options.request_batch, door.max_datapoints)
        self._queue = RetryQueue(
            group_datapoints(points, request_batch, declared),
            rate=options.rate,
            chunks=options.chunks,
            request_batch=request_batch,
            retry_budget=options.retry_budget,
        )
        self._requests = 0
        # one wall-clock reading, then the monotonic clock: times never jump back within a run
        self._epoch = time.time() - time.perf_counter()
        self._began_s = time.perf_counter()
        self._watched_s = 0.0

    def is_busy(self, http: HttpClient) -> bool:
        return bool(http.in_flight) or (not self.counts.stopped and bool(self._queue))

    def wait_s(self, http: HttpClient) -> float:
        """Seconds to wait for a response before the next request is due."""
        if self.counts.stopped or http.in_flight >= self._rate.senders:
            return POLL_S
        now_s = time.perf_counter()
        return min(POLL_S, max(self._queue.wait_s(now_s, POLL_S), self._rate.pause_s(now_s)))

    def send(self, http: HttpClient) -> None:
        """Give free senders the requests that are due."""
        while http.in_flight < self._rate.senders and not self.counts.stopped:
            now_s = time.perf_counter()
            pending = None if self._rate.pause_s(now_s) else self._queue.pop(now_s)
            if pending is None:
                return
            pending.tries += 1
            pending.request, pending.senders = self._requests, self._rate.senders
            self._requests += 1
            pending.sent_at = self._epoch + now_s
            if not pending.intended_at:
                due_at = self._epoch + self._queue.due_s(pending)
                pending.intended_at = due_at if self._options.rate else pending.sent_at
            self.counts.first_intended_at = self.counts.first_intended_at or pending.intended_at
            body = self._door.encode(pending, self._encoder)
            http.post(pending, body, self._door.headers(body))

    def receive(self, ended: list[Response]) -> None:
        """Turn responses into receipts and retries."""
        if not ended:
            return
        now_s = time.perf_counter()
        receipts: list[Receipt] = []
        for response in ended:
            receipts += self._settle(response, now_s)
        self.counts.last_answered_at = self._epoch + now_s
        self._keep(receipts)
        if self._queue.is_over_budget(self.counts.retries, self.counts.settled):
            self.stop(f"the retry budget is spent: {self.counts.retries:,} datapoints were sent again")

    def is_time_to_watch(self) -> bool:
        now_s = time.perf_counter()
        if now_s - self._watched_s < WATCH_EVERY_S:
            return False
        self._watched_s = now_s
        return True

    def is_past_deadline(self) -> bool:
        past = 0 < self._options.deadline_s < time.perf_counter() - self._began_s
        if past:
            self.stop(f"the deadline of {self._options.deadline_s:g} s passed")
        return past

    def abandon(self, under_way: list[PendingRequest]) -> None:
        """Keep receipts for requests whose responses will not be read."""
        for pending in under_way:
            self._keep(self._unsent(pending, UNKNOWN))
        self.counts.in_flight = 0

    def leave_unsent(self) -> None:
        """Keep receipts for what an early end left unsent; after an interrupt only for what was read."""
        receipts: list[Receipt] = []
        for pending in self._queue.drain():
            receipts += self._unsent(pending, UNKNOWN if pending.maybe_accepted else NOT_ACCEPTED)
            if len(receipts) >= RECEIPTS_AT_ONCE:
                self._keep(receipts)
                receipts = []
        if receipts:
            self._keep(receipts)

    def _unsent(self, pending: PendingRequest, verdict: str) -> list[Receipt]:
        cause = "interrupted" if self._is_interrupted() else self.counts.stopped
        return [self.counts.add(_unsent_receipt(n, verdict, cause, pending)) for n, _ in pending.points]

    def _settle(self, response: Response, now_s: float) -> list[Receipt]:
        pending: PendingRequest = response.token
        parsed = self._door.parse(response, [n for n, _ in pending.points])
        maybe_before = pending.maybe_accepted = pending.maybe_accepted or response.resent
        self._learn(parsed, response, pending, now_s)
        is_last = pending.failures >= self._options.tries or bool(self.counts.stopped)
        again, receipts = [], []
        times = (pending.intended_at, pending.sent_at, self._epoch + now_s)
        status = parsed.status or response.status
        client = (pending.tries, status, pending.request, pending.senders, *response[6:11])
        for point in pending.points:
            verdict, cause = parsed.verdict(point[0])
            if (verdict == "retry" and is_last) or (verdict == "rejected" and maybe_before):
                verdict = UNKNOWN if pending.maybe_accepted else NOT_ACCEPTED
            if verdict == "retry":
                again.append(point)
            receipt = Receipt._make((point[0], verdict, cause, *times, *client, *parsed.facts))
            receipts.append(self.counts.add(receipt))
        if again:
            delay_s = self._rate.delay_s(pending.tries, response.retry_after_s)
            for points in [[point] for point in again] if parsed.crashed else [again]:
                self._queue.push(pending.remainder(points), now_s + delay_s)
        return receipts

    def _learn(
        self, parsed: responses.ParsedResponse, response: Response, pending: PendingRequest, now_s: float
    ) -> None:
        """Adapt to what a response says about the API rather than about its datapoints."""
        pending.maybe_accepted = pending.maybe_accepted or not parsed.certain
        pending.failures += parsed.counts
        if parsed.served:
            self._rate.served()
        else:
            self._rate.failed(
                pending.request,
                self._requests,
                now_s,
                overload=parsed.overload,
                answered=response.status > 0,
                pause_s=response.retry_after_s,
            )
        patience_s = self._rate.patience_s()
        if parsed.stop:
            self.stop(parsed.stop)
        elif response.retry_after_s > patience_s:
            self.stop(f"the API asks to wait {response.retry_after_s:,.0f} s ({parsed.cause})")
        elif not parsed.served and self._rate.stalled_s(now_s) > patience_s:
            self.stop(f"the API has served nothing for {patience_s:g} s ({parsed.cause})")

    def stop(self, reason: str) -> None:
        """End the sending for this reason, unless it is "" or another came first."""
        self.counts.stopped = self.counts.stopped or reason


def _rate_controller(options: SendOptions) -> RateController:
    return RateController(
        max_senders=options.chunks,
        opening=options.opening_senders or options.chunks,
        growth=options.growth,
        backoff_s=options.backoff_s,
        backoff_max_s=options.backoff_max_s,
        stall_s=options.stall_s,
        unreached_s=UNREACHED_S,
    )


def _sendable(
    lines: Iterable[Line],
    counts: SubmissionCounts,
    keep: Callable[[list[Receipt]], None],
    is_interrupted: Callable[[], bool],
) -> Iterator[tuple[int, str]]:
    """Yield the valid datapoints; keeps receipts of the others on the way."""
    rejected: list[Receipt] = []
    for line in lines:
        if line.reason:
            receipt = _unsent_receipt(line.n, "rejected", line.reason, PendingRequest([]))
            rejected.append(counts.add(receipt))
        if rejected and (not line.reason or len(rejected) >= RECEIPTS_AT_ONCE):
            keep(rejected)
            rejected = []
        if is_interrupted():
            break
        if not line.reason:
            yield line.n, line.data
    if rejected:
        keep(rejected)


def _unsent_receipt(n: int, verdict: str, cause: str, pending: PendingRequest) -> Receipt:
    """The receipt of a datapoint that is not sent, or not again."""
    times = (pending.intended_at or None, pending.sent_at or None, None)
    sent = (pending.tries, 0, pending.request, pending.senders)
    return Receipt._make((n, verdict, cause, *times, *sent, *[0.0] * 5, *[None] * 6))


@contextlib.contextmanager
def _catch_interrupts() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and the stop button set instead of raising.

    libcurl prints and loses an exception that is raised inside one of its callbacks.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread receives signals
        return
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)  # None: set outside Python
