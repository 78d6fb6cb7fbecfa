"""What is polled beside a run neither ends nor outlives it."""

import threading

from botocore.exceptions import EndpointConnectionError

from lambdist_lib.errors import LocalCloudError
from lambdist_lib.runs.poller import Poller


def test_a_failed_poll_is_followed_by_the_next():
    """Neither AWS's errors nor ours end the polling, and no traceback reaches the terminal."""
    failures = [EndpointConnectionError(endpoint_url="x"), LocalCloudError("it has ended")]
    polled = threading.Event()

    def poll():
        if failures:
            raise failures.pop()
        polled.set()
        return 60.0

    poller = Poller(poll, name="test", first_s=0.001)
    poller.start()

    assert polled.wait(10)
    poller.stop()
    assert poller.is_ended
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_stop_before_start_does_nothing():
    """A run without a watcher polls nothing."""
    polls = []
    poller = Poller(lambda: polls.append(1) or 1.0, name="test", first_s=0.0)

    poller.stop()

    assert polls == []
