"""The clocks of client and Lambdas, compared by the stamps of requests."""

import math
import random
import time

import pytest

from lambdist_lib.runs import clocks


def receipts(count=40, *, ahead_s=0.0, trip_s=0.01, moves_s=0.0, seed=0):
    """Stamps of requests whose Lambdas are `ahead_s` of the client, and `moves_s` more from the middle on."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        sent_at = 1000.0 + number
        received_at = sent_at + trip_s * rng.uniform(0.5, 2)
        done_at = received_at + 0.02
        answered_at = done_at + trip_s * rng.uniform(0.5, 2)
        offset_s = ahead_s + (moves_s if number >= count // 2 else 0.0)
        rows.append(
            {"intended_at": sent_at, "sent_at": sent_at, "answered_at": answered_at,
             "received_at": received_at + offset_s, "done_at": done_at + offset_s}
        )  # fmt: skip
    return rows


def test_equal_clocks_are_left_alone():
    """The stamps may be right: nothing is corrected, and the bound is a part of a round trip."""
    check = clocks.check(receipts())

    assert (check.offset_s, check.moved_s) == (0, 0)
    assert 0 < check.bound_s < 0.01


@pytest.mark.parametrize("ahead_s", [2.0, -2.0, 0.05, -7.0])
def test_an_offset_is_corrected_within_its_bound(ahead_s):
    """Then no request is received before it was sent, nor answered before it was done."""
    rows = receipts(ahead_s=ahead_s)
    check = clocks.check(rows)

    assert abs(check.offset_s - ahead_s) <= check.bound_s <= 0.011
    assert check.moved_s == 0
    for row in map(check.corrected, rows):
        assert row["sent_at"] <= row["received_at"] <= row["done_at"] <= row["answered_at"]


@pytest.mark.parametrize("moves_s", [1.0, -0.5])
def test_a_clock_that_moves_during_a_run_is_noticed(moves_s):
    """No one offset is right for all of its stamps, so none is applied."""
    check = clocks.check(receipts(moves_s=moves_s))

    assert abs(check.moved_s - moves_s) < 0.02
    assert check.offset_s == 0


def test_a_clock_that_steps_by_less_than_a_round_trip_is_within_the_bound():
    """Nothing shows it."""
    assert clocks.check(receipts(moves_s=0.004, trip_s=0.05)).moved_s == 0


@pytest.mark.parametrize("rows", [[], [{"sent_at": 1.0, "received_at": None, "answered_at": None}]])
def test_without_an_answer_nothing_is_known(rows):
    """The facts say so."""
    check = clocks.check(rows)

    assert math.isnan(check.bound_s)
    assert check.facts() == {"clock_offset_s": 0.0, "clock_bound_s": None, "clock_moved_s": 0.0}


def test_one_request_compares_the_clocks():
    """It is the start and the end."""
    assert abs(clocks.check(receipts(1, ahead_s=3.0)).offset_s - 3) < 0.02


def test_a_step_of_the_wall_clock_is_noticed(monkeypatch):
    """By the monotonic clock; what NTP may correct is no step."""
    watch, now = clocks.StepDetector(), time.time

    assert watch.jumped_s() == 0
    monkeypatch.setattr(time, "time", lambda: now() + 2)
    assert abs(watch.jumped_s() - 2) < 0.1


def test_queue_stamps_stand_for_those_of_a_first_lambda():
    """A message is queued between request and answer; a datapoint that was sent twice says nothing."""
    sent = {"sent_at": 10.0, "answered_at": 10.2, "tries": 1, "verdict": "accepted"}
    receipts = [{"n": 0, **sent}, {"n": 1, **sent, "tries": 2}, {"n": 2, **sent}, {"n": 7, **sent}]
    items = [{"n": 0, "queued_at": 12.1}, {"n": 1, "queued_at": 12.1}, {"n": 2}]

    [stamped] = clocks.with_queue_stamps(receipts, items)

    assert (stamped["n"], stamped["done_at"], stamped["received_at"]) == (0, 12.1, pytest.approx(12.101))
    offset = clocks.bound([stamped])
    assert (offset.low_s, offset.high_s) == (pytest.approx(1.9), pytest.approx(2.101))
