"""The sending side as in 2020: a process pool, one `requests.post` per datapoint, no keep-alive, no retry.

It is there to be compared with `submission`, against the same stack: what differs then is
the client library alone. The pool is up before the clock starts.
"""

import functools
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable

from lambdist_lib.cloud.api import Api
from lambdist_lib.data.datapoints import Line
from lambdist_lib.submission import responses
from lambdist_lib.submission.http import Response
from lambdist_lib.submission.receipts import Receipt, SendOptions, SubmissionCounts

LATE = "late"  # of a datapoint whose turn came after the deadline, on its way from a process of the pool


def submit(
    lines: Iterable[Line],
    api: Api,
    plan: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[SubmissionCounts], None] = lambda tally: None,
) -> SubmissionCounts:
    """Send every line once, from `plan.chunks` processes; arguments and result as `submission.submit`.

    Beyond the plan's deadline no request begins, and those under way are given up.
    """
    tally = SubmissionCounts()
    # processes forked from a clean server: a fork of this one would inherit its threads' locks
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "requests"])
    controls = {name: getattr(plan, name) for name in ("work", "fault") if getattr(plan, name) != "none"}
    with context.Pool(plan.chunks) as pool:
        pool.map(time.sleep, [0.05] * plan.chunks, chunksize=1)
        end_s = time.monotonic() + (plan.deadline_s or math.inf)
        timeouts = (plan.timeouts.request_s, end_s)
        post = functools.partial(_post, api.url, api.key.reveal(), timeouts, run_id, controls)
        for receipt in pool.imap_unordered(post, _sendable(lines, tally, keep)):
            if receipt.cause == LATE:
                tally.stopped = f"the deadline of {plan.deadline_s:g} s passed"
                receipt = receipt._replace(cause=tally.stopped, tries=0)
            if receipt.intended_at is not None:
                first, last = tally.first_intended_at, tally.last_answered_at
                tally.first_intended_at = min(first or receipt.intended_at, receipt.intended_at)
                tally.last_answered_at = max(last or 0.0, receipt.answered_at or 0.0)
            _count(tally, receipt)
            keep([receipt])
            watch(tally)
    return tally


def _sendable(
    lines: Iterable[Line], tally: SubmissionCounts, keep: Callable[[list[Receipt]], None]
) -> Iterable[tuple[int, str]]:
    for line in lines:
        if line.reason:
            keep(
                [
                    _receipt(
                        line.n,
                        "rejected",
                        line.reason,
                        (None, None, None),
                        0,
                        0.0,
                        responses.ParsedResponse(),
                    )
                ]
            )
            tally.rejected += 1
        else:
            yield line.n, line.data


def _post(
    url: str,
    key: str,
    timeouts: tuple[float, float],
    run_id: str,
    controls: dict[str, str],
    point: tuple[int, str],
) -> Receipt:
    """One datapoint, one connection; runs in a process of the pool."""
    import requests

    n, data = point
    left_s = min(timeouts[0], timeouts[1] - time.monotonic())
    if left_s <= 0:
        return _receipt(n, "refused", LATE, (None, None, None), 0, 0.0, responses.ParsedResponse())
    body = {"run_id": run_id, "datapoints": [{"n": n, "data": data}], **controls}
    sent_at, began_s = time.time(), time.perf_counter()
    status, content, error = 0, b"", ""
    try:
        response = requests.post(url, json=body, headers={"x-api-key": key}, timeout=left_s)
        status, content = response.status_code, response.content
    except requests.RequestException as failure:
        error = type(failure).__name__
    total_s = time.perf_counter() - began_s
    reading = responses.read(Response._make((None, status, content, error, True, 0.0, *[0.0] * 5, 0)), [n])
    verdict, cause = reading.verdict(n)
    if verdict == "retry":  # which this client does not do
        verdict = "refused" if reading.certain else "unknown"
    return _receipt(n, verdict, cause, (sent_at, sent_at, sent_at + total_s), status, total_s, reading)


def _receipt(
    n: int,
    verdict: str,
    cause: str,
    times: tuple[float | None, float | None, float | None],
    status: int,
    total_s: float,
    reading: responses.ParsedResponse,
) -> Receipt:
    unmeasured = [0.0] * 4  # requests does not split its time
    return Receipt._make((n, verdict, cause, *times, 1, status, n, 0, *unmeasured, total_s, *reading.facts))


def _count(tally: SubmissionCounts, receipt: Receipt) -> None:
    setattr(tally, receipt.verdict, getattr(tally, receipt.verdict) + 1)
