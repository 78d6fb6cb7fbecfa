"""Send as the original client of 2020: a process pool, one `requests.post` per datapoint, no retry.

It serves as a comparison with `submission.client` against the same stack, where only the client
differs. It keeps no connection alive. The pool starts before the clock.
"""

import functools
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable
from typing import Any

from lambdist_lib.cloud.api import Api
from lambdist_lib.data.datapoints import Line
from lambdist_lib.submission import responses
from lambdist_lib.submission.http import Response
from lambdist_lib.submission.receipts import NOT_ACCEPTED, UNKNOWN, Receipt, SendOptions, SubmissionCounts

LATE, STOPPED = "late", "stopped"  # causes of datapoints that a process of the pool did not send
ASK_EVERY_S = 0.1  # between two calls of `should_stop`
UNSENT = ((None, None, None), 0, 0.0, responses.ParsedResponse())  # times, status, duration, response


def submit(
    lines: Iterable[Line],
    api: Api,
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[SubmissionCounts], None] = lambda counts: None,
    should_stop: Callable[[SubmissionCounts], str] = lambda counts: "",
) -> SubmissionCounts:
    """Send every line once from `options.chunks` processes; arguments as for `client.submit`.

    After the deadline no request starts, and those under way are given up. Once `should_stop` says why,
    no request starts, and those under way are awaited.
    """
    counts = SubmissionCounts()
    # processes forked from a clean server: a fork of this one would inherit its threads' locks
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "requests"])
    declared = {"work": options.work, "fault": options.fault}
    controls = {name: value for name, value in declared.items() if value != "none"}
    stopped, ask_s = context.Event(), 0.0
    with context.Pool(options.chunks, _adopt, [stopped]) as pool:
        pool.map(time.sleep, [0.05] * options.chunks, chunksize=1)
        timeouts = (options.timeouts.request_s, time.monotonic() + (options.deadline_s or math.inf))
        post = functools.partial(_post, api.url, api.key.reveal(), timeouts, run_id, controls)
        for receipt in pool.imap_unordered(post, _sendable(lines, counts, keep)):
            if receipt.cause == LATE:
                counts.stopped = f"the deadline of {options.deadline_s:g} s passed"
            if receipt.cause in (LATE, STOPPED):
                receipt = receipt._replace(cause=counts.stopped, tries=0)
            _extend_times(counts, receipt)
            keep([counts.add(receipt)])
            watch(counts)
            if not counts.stopped and time.monotonic() >= ask_s:
                ask_s = time.monotonic() + ASK_EVERY_S
                if why := should_stop(counts):
                    counts.stopped = why
                    stopped.set()
    return counts


def _extend_times(counts: SubmissionCounts, receipt: Receipt) -> None:
    """Extend the first intended send and the last answer by those of a receipt."""
    if receipt.intended_at is not None:
        first, last = counts.first_intended_at, counts.last_answered_at
        counts.first_intended_at = min(first or receipt.intended_at, receipt.intended_at)
        counts.last_answered_at = max(last or 0.0, receipt.answered_at or 0.0)


def _sendable(
    lines: Iterable[Line], counts: SubmissionCounts, keep: Callable[[list[Receipt]], None]
) -> Iterable[tuple[int, str]]:
    for line in lines:
        if line.reason:
            receipt = _receipt(line.n, "rejected", line.reason, *UNSENT)
            keep([counts.add(receipt)])
        else:
            yield line.n, line.data


_stopped: Any = None  # in a process of the pool, the event that ends the sending


def _adopt(stopped: Any) -> None:
    global _stopped
    _stopped = stopped


def _post(
    url: str,
    key: str,
    timeouts: tuple[float, float],
    run_id: str,
    controls: dict[str, str],
    point: tuple[int, str],
) -> Receipt:
    """Send one datapoint over its own connection; runs in a process of the pool."""
    import requests

    n, data = point
    if _stopped is not None and _stopped.is_set():
        return _receipt(n, NOT_ACCEPTED, STOPPED, *UNSENT)
    left_s = min(timeouts[0], timeouts[1] - time.monotonic())
    if left_s <= 0:
        return _receipt(n, NOT_ACCEPTED, LATE, *UNSENT)
    body = {"run_id": run_id, "datapoints": [{"n": n, "data": data}], **controls}
    sent_at, began_s = time.time(), time.perf_counter()
    status, content, error = 0, b"", ""
    try:
        response = requests.post(url, json=body, headers={"x-api-key": key}, timeout=left_s)
        status, content = response.status_code, response.content
    except requests.RequestException as failure:
        error = type(failure).__name__
    total_s = time.perf_counter() - began_s
    parsed = responses.parse(Response(None, status, content, error, sent=True), [n])
    verdict, cause = parsed.verdict(n)
    if verdict == "retry":  # this client does not retry
        verdict = NOT_ACCEPTED if parsed.certain else UNKNOWN
    return _receipt(n, verdict, cause, (sent_at, sent_at, sent_at + total_s), status, total_s, parsed)


def _receipt(
    n: int,
    verdict: str,
    cause: str,
    times: tuple[float | None, float | None, float | None],
    status: int,
    total_s: float,
    parsed: responses.ParsedResponse,
) -> Receipt:
    unmeasured = [0.0] * 4  # requests does not split its time
    return Receipt._make((n, verdict, cause, *times, 1, status, n, 0, *unmeasured, total_s, *parsed.facts))
