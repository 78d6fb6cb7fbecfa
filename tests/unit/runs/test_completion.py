"""A run's end is seen when the queue is empty, and a wait that is in vain has an end."""

import time

import pytest

from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.runs import completion

POLLS_OF_A_LONG_QUEUE = 20


class Stub:
    name = "local"


@pytest.fixture
def queue(monkeypatch):
    """`queue([3, 2, 0], settled=3)`: depths that the polls see, the last of them for ever."""

    def seen(depths, settled=0):
        left = [QueueDepth(waiting=depth) for depth in depths]
        monkeypatch.setattr(completion, "longest_s", lambda stack: 0.2)
        monkeypatch.setattr(completion, "queue_depth", lambda *_: left.pop(0) if len(left) > 1 else left[0])
        monkeypatch.setattr(completion, "count_settled", lambda *_: settled)

    return seen


def wait(expected):
    began_s = time.monotonic()
    ended = completion.wait_until_complete(Stub(), None, "run", expected=expected)
    return ended, time.monotonic() - began_s


def test_an_empty_queue_and_all_outcomes_end_a_run(queue):
    """No further poll is made than is needed."""
    queue([2, 1, 0], settled=3)

    ended, _ = wait(3)

    assert (ended.settled, ended.queued) == (3, 0)


def test_a_long_queue_may_take_longer_than_one_message(queue):
    """The deadline is for a queue that stands still: this one takes five times as long, and ends."""
    queue([*range(POLLS_OF_A_LONG_QUEUE, 0, -1), 0], settled=9)

    ended, took_s = wait(9)

    assert (ended.settled, ended.queued) == (9, 0)
    assert took_s > 4 * 0.2


@pytest.mark.parametrize("depths", [[5], [5, 6, 5]])
def test_a_queue_that_stands_still_is_given_up(queue, depths):
    """Messages that only come and go are no progress: the run is unfinished, and says how much is queued."""
    queue(depths, settled=1)

    ended, took_s = wait(9)

    assert (ended.settled, ended.queued) == (1, depths[-1])
    assert 0.2 <= took_s < 5


def test_an_empty_queue_is_looked_at_again(queue):
    """SQS's counts are approximate: what is missing is believed lost only after several zeros."""
    queue([0], settled=2)

    ended, _ = wait(3)

    assert (ended.settled, ended.queued) == (2, 0)


@pytest.mark.parametrize(
    ("queued", "shrunk", "pause_s"),
    [
        (20, 1, 0.05),  # short
        (1_000, 0, 0.05),  # it does not become shorter
        (1_000, -5, 0.05),
        (1_000, 20, 0.2),  # 400 messages/s: 2.5 s are left, of which a quarter is beyond the maximum
        (200, 20, 0.125),
        (100, 20, 0.0625),
        (21, 100, 0.05),
    ],
)
def test_a_long_queue_is_polled_less_often(queued, shrunk, pause_s):
    """At most a quarter of the time that is left passes before the next poll."""
    pause = completion.poll_pause_s("local", queued, shrunk=shrunk, within_s=0.05)

    assert pause == pytest.approx(pause_s)
    assert completion.poll_pause_s("aws", queued, shrunk=shrunk, within_s=1.0) == 1.0
