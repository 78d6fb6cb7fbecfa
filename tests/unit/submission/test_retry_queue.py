"""The retry queue gives due retries before new requests, and bounds both."""

import pytest

from lambdist_lib.submission import retry_queue
from lambdist_lib.submission.requests import PendingRequest
from lambdist_lib.submission.retry_queue import RetryQueue


def queue(count: int = 3, **options) -> RetryQueue:
    new = (PendingRequest([(n, f"word-{n}")], n) for n in range(count))
    return RetryQueue(new, **{"rate": 0.0, "chunks": 1, "request_batch": 1, "retry_budget": 2.0, **options})


def numbers(requests) -> list[int]:
    return [request.points[0][0] for request in requests]


def test_a_due_retry_comes_before_new_requests():
    """A retry that is not due yet lets new requests pass."""
    requests = queue(2)
    now_s = requests.due_s(PendingRequest([]))
    requests.push(PendingRequest([(7, "again")]), now_s + 1)

    assert numbers([requests.pop(now_s), requests.pop(now_s + 2), requests.pop(now_s + 2)]) == [0, 7, 1]
    assert requests.pop(now_s + 2) is None
    assert not requests


def test_retries_that_are_due_together_keep_their_order():
    """A request that is split gives many retries with one number and one time."""
    requests = queue(0)
    for n in (5, 3, 4):
        requests.push(PendingRequest([(n, "again")], request=1), 1.0)

    assert numbers([requests.pop(2.0), requests.pop(2.0), requests.pop(2.0)]) == [5, 3, 4]


def test_a_rate_spaces_new_requests():
    """At 10 datapoints per second the second one is due after 0.1 s."""
    requests = queue(2, rate=10.0)
    now_s = requests.due_s(PendingRequest([], 0))

    assert numbers([requests.pop(now_s)]) == [0]
    assert requests.pop(now_s + 0.05) is None
    assert requests.wait_s(now_s, 9.0) == pytest.approx(0.1)
    assert numbers([requests.pop(now_s + 0.1)]) == [1]
    assert requests.wait_s(now_s, 9.0) == 9.0


def test_many_waiting_retries_hold_back_new_requests(monkeypatch):
    """This bounds the memory of a submission to an API that fails."""
    monkeypatch.setattr(retry_queue, "MAX_WAITING", 0)
    requests = queue(1)
    now_s = requests.due_s(PendingRequest([]))
    for n in range(4):
        requests.push(PendingRequest([(n, "again")], request=n), now_s + 10)

    assert requests.pop(now_s) is None
    assert requests.wait_s(now_s, 99.0) == pytest.approx(10)


def test_the_budget_counts_retries_per_settled_datapoint(monkeypatch):
    """Beyond the free ones, two retries per settled datapoint are allowed."""
    monkeypatch.setattr(retry_queue, "FREE_RETRIES", 0)
    requests = queue()

    assert not requests.is_over_budget(retries=10 + 2 * 5, settled=5)
    assert requests.is_over_budget(retries=10 + 2 * 5 + 1, settled=5)


def test_drain_returns_every_request_left():
    """Retries come first; afterwards the queue is empty."""
    requests = queue(3)
    requests.push(PendingRequest([(7, "again")]), 1e9)

    assert numbers(requests.drain()) == [7, 0, 1, 2]
    assert not requests
