"""What a resume waits for is told at once."""

import pytest

from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.runs import resume


@pytest.mark.parametrize(
    ("queued", "parts"),
    [
        (QueueDepth(), ()),
        (QueueDepth(waiting=1), ("mine-d: ", "1 message ", "3 min")),
        (QueueDepth(in_work=2, delayed=1), ("3 messages ", "2 of them with a processor", "3 min")),
    ],
)
def test_the_messages_of_a_killed_run_are_counted_with_their_longest_time(queued, parts):
    """An empty queue needs no word."""
    text = resume.waits_for(queued, "mine-d", 180.0)

    assert all(part in text for part in parts)
    assert bool(text) == bool(parts)
