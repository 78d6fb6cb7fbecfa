"""Planned crashes wait for visibility timeouts, and who starts such a run is told how long."""

import pytest

from lambdist_lib.data import datapoints
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.runs import crash_waits
from lambdist_lib.runs.conditions import parse_conditions

OUTPUTS = {"VisibilityTimeoutSeconds": "180", "MaxReceives": "5"}


def note(fault, arms=("distributed", "invoke"), outputs=OUTPUTS):
    stack = Stack(kind="distributed", name="x", outputs=outputs, parameters={}, code={})
    points = datapoints.from_iterable(map(str, range(3)))
    return crash_waits.note(arms, {"distributed": stack}, parse_conditions({"fault": fault}), points)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ("crash:1@1", "15 min"),  # at each of its five receives
        ("crash-after:1@1", "3 min"),  # its message returns once, and finds the result stored
    ],
)
def test_a_note_names_the_longest_wait(fault, wait):
    """As the plan has it for the datapoint with the most crashes; only arms with a queue wait."""
    text = note(fault)

    assert f"each run of distributed by {wait} or more" in text
    assert "--set visibility_timeout_seconds=12" in text
    assert "\n" not in text


def test_a_note_advises_no_setting_that_is_in_force():
    """With the shorter timeout it only tells how long the run waits."""
    text = note("crash:1@1", outputs={**OUTPUTS, "VisibilityTimeoutSeconds": "12"})

    assert text.endswith("SQS waits 12 s after each")


def test_no_note_where_nothing_waits():
    """Other faults are released at once, an arm without a queue does not wait, and seconds are no news."""
    assert note("raise:1,permanent:1@1") == ""
    assert note("crash:1", arms=["invoke", "distributed_map"]) == ""
    assert note("crash:0@1") == ""
    assert note("crash-after:1", outputs={**OUTPUTS, "VisibilityTimeoutSeconds": "12"}) == ""
