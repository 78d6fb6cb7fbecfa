"""The rate controller opens, halves and pauses senders; the clock is an argument."""

import pytest

from lambdist_lib.submission.backoff import RateController

OPTIONS = {"max_senders": 100, "opening": 100, "growth": 0.25, "backoff_s": 1.0, "backoff_max_s": 8.0}
LATEST = {"draw": lambda low, high: high}


def controller(**other) -> RateController:
    return RateController(**{**OPTIONS, "stall_s": 100.0, "unreached_s": 20.0, **LATEST, **other})


def fail(rate: RateController, request: int, next_request: int, now_s: float = 0.0, **other) -> None:
    given = {"overload": True, "answered": True, "pause_s": 0.0, **other}
    rate.failed(request, next_request, now_s, **given)


def test_senders_open_by_slow_start():
    """Each served request opens `growth` more, up to the maximum."""
    slow = controller(opening=4)

    seen = []
    for _ in range(8):
        slow.served()
        seen.append(slow.senders)

    assert seen == [4, 4, 4, 5, 5, 5, 5, 6]
    for _ in range(1_000):
        slow.served()
    assert slow.senders == 100


def test_one_round_of_overload_halves_once():
    """Requests sent before the cut signal the same overload."""
    busy = controller()

    for request in range(100):
        fail(busy, request, 100)
    assert busy.senders == 50
    fail(busy, 100, 150)
    assert busy.senders == 25


def test_after_overload_senders_open_by_one_per_round():
    """The limit is near, so growth is linear."""
    busy = controller(max_senders=20, opening=20)
    fail(busy, 0, 20)

    for _ in range(10):
        busy.served()
    assert busy.senders == 10
    for _ in range(2):
        busy.served()
    assert busy.senders == 11


def test_pauses_double_while_nothing_is_served():
    """They double up to their bound; the first served request ends them."""
    down = controller()
    pauses_s = []
    for request in range(7):
        fail(down, request, request + 1, now_s=0.0)
        pauses_s.append(down.pause_s(0.0))
    assert pauses_s == [0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]

    down.served()
    fail(down, 7, 8, now_s=50.0)
    assert down.pause_s(50.0) == 0.0


def test_retry_after_pauses_all_senders():
    """While nothing is served, Retry-After holds for every sender."""
    down = controller()
    fail(down, 0, 1)
    fail(down, 1, 2, pause_s=30.0)

    assert down.pause_s(10.0) == 20.0


def test_failures_of_single_datapoints_are_not_overload():
    """A 502 for one in two is not overload; as many in a row as there are senders is."""
    mixed = controller(max_senders=4, opening=4)
    for request in range(50):
        fail(mixed, request, request + 1, overload=False)
        mixed.served()
    assert mixed.senders == 4

    for request in range(50, 54):
        fail(mixed, request, request + 1, overload=False)
    assert mixed.senders == 2


@pytest.mark.parametrize(("answered", "patience_s"), [(True, 100.0), (False, 20.0)])
def test_an_unreached_api_is_given_up_sooner(answered, patience_s):
    """An API without any response may not exist."""
    down = controller()
    fail(down, 0, 1, now_s=5.0, answered=answered)
    fail(down, 1, 2, now_s=9.0, answered=answered)

    assert down.patience_s() == patience_s
    assert down.stalled_s(30.0) == 25.0


def test_a_delay_is_drawn_below_a_doubling_bound():
    """Retry-After is its minimum."""
    assert [controller().delay_s(tries, 0.0) for tries in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 8, 8]
    assert controller(draw=lambda low, high: low).delay_s(3, 0.0) == 0
    assert controller(draw=lambda low, high: low).delay_s(3, 2.5) == 2.5
