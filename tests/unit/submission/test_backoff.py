"""Senders open, halve and pause by what the API says; the clock is an argument."""

import pytest

from lambdist_lib.submission.backoff import RateController

PLAN = {"most": 100, "opening": 100, "growth": 0.25, "backoff_s": 1.0, "backoff_max_s": 8.0}
LATEST = {"draw": lambda low, high: high}


def pace(**other) -> RateController:
    return RateController(**{**PLAN, "stall_s": 100.0, "unreached_s": 20.0, **LATEST, **other})


def fail(pace: RateController, request: int, next_request: int, now_s: float = 0.0, **other) -> None:
    given = {"overload": True, "answered": True, "pause_s": 0.0, **other}
    pace.failed(request, next_request, now_s, **given)


def test_senders_open_by_slow_start():
    """Each answer opens `growth` more, up to all of them."""
    slow = pace(opening=4)

    seen = []
    for _ in range(8):
        slow.served()
        seen.append(slow.senders)

    assert seen == [4, 4, 4, 5, 5, 5, 5, 6]
    for _ in range(1_000):
        slow.served()
    assert slow.senders == 100


def test_one_round_of_refusals_halves_once():
    """All that went out before the cut say the same thing."""
    busy = pace()

    for request in range(100):
        fail(busy, request, 100)
    assert busy.senders == 50
    fail(busy, 100, 150)
    assert busy.senders == 25


def test_after_a_refusal_senders_open_slowly():
    """By one per round: the bound is near."""
    busy = pace(most=20, opening=20)
    fail(busy, 0, 20)

    for _ in range(10):
        busy.served()
    assert busy.senders == 10
    for _ in range(2):
        busy.served()
    assert busy.senders == 11


def test_while_nothing_is_served_pauses_double():
    """Up to their bound; the first answer of worth ends them."""
    down = pace()
    pauses_s = []
    for request in range(7):
        fail(down, request, request + 1, now_s=0.0)
        pauses_s.append(down.pause_s(0.0))
    assert pauses_s == [0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]

    down.served()
    fail(down, 7, 8, now_s=50.0)
    assert down.pause_s(50.0) == 0.0


def test_an_asked_for_pause_is_obeyed():
    """Retry-After while nothing is served holds for all senders."""
    down = pace()
    fail(down, 0, 1)
    fail(down, 1, 2, pause_s=30.0)

    assert down.pause_s(10.0) == 20.0


def test_failures_of_single_datapoints_slow_nobody():
    """A 502 for one in two is no overload; as many in a row as there are senders are."""
    mixed = pace(most=4, opening=4)
    for request in range(50):
        fail(mixed, request, request + 1, overload=False)
        mixed.served()
    assert mixed.senders == 4

    for request in range(50, 54):
        fail(mixed, request, request + 1, overload=False)
    assert mixed.senders == 2


@pytest.mark.parametrize(("answered", "patience_s"), [(True, 100.0), (False, 20.0)])
def test_an_api_that_never_answered_is_given_up_sooner(answered, patience_s):
    """There may be no such API at all."""
    down = pace()
    fail(down, 0, 1, now_s=5.0, answered=answered)
    fail(down, 1, 2, now_s=9.0, answered=answered)

    assert down.patience_s() == patience_s
    assert down.stalled_s(30.0) == 25.0


def test_a_delay_is_drawn_below_a_bound_that_doubles():
    """And Retry-After is its least."""
    assert [pace().delay_s(tries, 0.0) for tries in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 8, 8]
    assert pace(draw=lambda low, high: low).delay_s(3, 0.0) == 0
    assert pace(draw=lambda low, high: low).delay_s(3, 2.5) == 2.5
