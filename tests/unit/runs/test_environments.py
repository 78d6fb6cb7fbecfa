"""A warm-up sends the file's own datapoints, and no more of them than the senders can use."""

from types import SimpleNamespace

import pytest

from lambdist_lib.data import datapoints
from lambdist_lib.progress import Progress
from lambdist_lib.runs import warm_up
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.environments import Environments
from lambdist_lib.runs.schedule import ScheduledRun
from lambdist_lib.runs.warm_up import WARM_UP_ROUNDS


@pytest.mark.parametrize(
    ("arm", "lines", "chunks", "senders"),
    [
        ("distributed", 5, 5000, 5),
        ("distributed", 5, 2, 2),
        ("distributed", 1, 1, 1),
        ("single_node_parallel", 5, 2, 2),
        ("single_node", 5, 2, 1),
    ],
)
def test_a_warm_up_sends_no_more_than_the_senders_can_use(monkeypatch, arm, lines, chunks, senders):
    """5,000 senders and five lines are five senders, three datapoints each, not 15,000 datapoints."""
    sent = []
    monkeypatch.setattr(
        warm_up, "open_environments",
        lambda target, stack, arm, points, conditions, name: sent.append((list(points), conditions.chunks)),
    )  # fmt: skip
    points = datapoints.from_iterable([f"word-{n}" for n in range(lines)])
    environments = Environments(experiment_id="a", target=SimpleNamespace(name="local"), points=points)
    environments.stacks = {"distributed": SimpleNamespace(), "single_node": SimpleNamespace()}
    scheduled = ScheduledRun(
        arm=arm, conditions=Conditions(chunks=chunks), temperature="warm", round=1, name="warm-1",
        label="", warm_up=(arm,), warm_up_chunks=chunks,
    )  # fmt: skip

    with Progress("warm-up") as progress:
        environments.prepare(scheduled, progress)

    [(used, width)] = sent
    assert width == senders
    assert len(used) == senders * WARM_UP_ROUNDS
    assert {line.data for line in used} <= {line.data for line in points}


def test_a_file_of_rejected_lines_has_no_warm_up(monkeypatch):
    """There is nothing that a job could take."""
    monkeypatch.setattr(warm_up, "open_environments", lambda *_: pytest.fail("sent"))
    environments = Environments(
        experiment_id="a", target=SimpleNamespace(name="local"),
        points=datapoints.from_iterable(["a\x00"]), stacks={"distributed": SimpleNamespace()},
    )  # fmt: skip
    scheduled = ScheduledRun(
        arm="distributed", conditions=Conditions(), temperature="warm", round=1, name="warm-d1", label="",
        warm_up=("distributed",), warm_up_chunks=20,
    )  # fmt: skip

    with Progress("warm-up") as progress:
        environments.prepare(scheduled, progress)
