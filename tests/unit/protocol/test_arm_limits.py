"""What an arm refuses, and what is marked beside its result."""

import pytest

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import arm_limits
from lambdist_lib.protocol.arms import ARMS


def test_limits_are_of_known_arms_and_say_why():
    """Each row names an arm, and is a refusal or a mark with a reason."""
    for limit in arm_limits.LIMITS:
        assert limit.arm in ARMS
        assert limit.what and limit.why


@pytest.mark.parametrize(
    ("arm", "conditions"),
    [
        ("queue_client", {"request_batch": 11}),
        ("queue_client", {"fault": "poison:0.1"}),
        ("storage_first", {"fault": "raise:0.1,duplicate:1@3"}),
        ("distributed_map", {"fault": "poison:0.1"}),
        ("distributed_map", {"rate": 5.0}),
    ],
)
def test_require_possible_refuses_what_an_arm_cannot_do(arm, conditions):
    """The error names the arm; the fan-out may do the same."""
    with pytest.raises(UsageError, match=arm):
        arm_limits.require_possible(["distributed", arm], "aws", conditions)
    arm_limits.require_possible(["distributed"], "aws", conditions)


def test_marks_name_the_arms_that_share_a_reason():
    """A reason is told once, and on AWS only what holds there."""
    arms = ["queue_client", "storage_first", "distributed"]

    local, aws = (arm_limits.marks(arms, target, {"request_batch": 10}) for target in ("local", "aws"))

    assert sum(text.startswith("queue_client, storage_first: ") for text in local) == 2
    assert aws == [text for text in local if "one message per request" in text]


def test_a_local_cloud_marks_what_its_map_does_otherwise_than_aws():
    """Its start-up and its children are never timed as if they were AWS's; on AWS nothing is marked."""
    local, aws = (arm_limits.marks(["distributed_map"], target, {}) for target in ("local", "aws"))

    assert any("milliseconds" in text for text in local)
    assert any("Express" in text for text in local)
    assert aws == []


def test_a_crash_is_marked_where_a_line_has_several_datapoints():
    """They are tried together, so a crash spends a try of each."""
    alone, together = (
        arm_limits.marks(["distributed_map"], "aws", {"fault": "crash:0.1", "request_batch": size})
        for size in (1, 10)
    )

    assert alone == []
    assert together == ["distributed_map: a crash spends a try of every datapoint of its line"]
