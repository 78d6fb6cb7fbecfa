"""A warm-up sends the file's own datapoints, and no more of them than the senders can use."""

from types import SimpleNamespace

import pytest

from lambdist_lib.data import datapoints
from lambdist_lib.progress import Progress
from lambdist_lib.runs import environments, warm_up
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.environments import Environments
from lambdist_lib.runs.schedule import ScheduledRun
from lambdist_lib.runs.warm_up import WARM_UP_ROUNDS
from lambdist_lib.submission.receipts import SendOptions, SubmissionCounts

COUNTS = SubmissionCounts()


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
    subject = Environments(experiment_id="a", target=SimpleNamespace(name="local"), points=points)
    subject.stacks = {"distributed": SimpleNamespace(), "single_node": SimpleNamespace()}
    scheduled = ScheduledRun(
        arm=arm, conditions=Conditions(chunks=chunks), temperature="warm", round=1, name="warm-1",
        label="", warm_up=(arm,), warm_up_chunks=chunks,
    )  # fmt: skip

    with Progress("warm-up") as progress:
        subject.prepare(scheduled, progress)

    [(used, width)] = sent
    assert width == senders
    assert len(used) == senders * WARM_UP_ROUNDS
    assert {line.data for line in used} <= {line.data for line in points}


def test_a_file_of_rejected_lines_has_no_warm_up(monkeypatch):
    """There is nothing that a job could take."""
    monkeypatch.setattr(warm_up, "open_environments", lambda *_: pytest.fail("sent"))
    subject = Environments(
        experiment_id="a", target=SimpleNamespace(name="local"),
        points=datapoints.from_iterable(["a\x00"]), stacks={"distributed": SimpleNamespace()},
    )  # fmt: skip
    scheduled = ScheduledRun(
        arm="distributed", conditions=Conditions(), temperature="warm", round=1, name="warm-d1", label="",
        warm_up=("distributed",), warm_up_chunks=20,
    )  # fmt: skip

    with Progress("warm-up") as progress:
        subject.prepare(scheduled, progress)


def scheduled_run(arm, temperature="warm", *, warm_up=(), processors=2):
    conditions = Conditions(chunks=2, processors=processors)
    return ScheduledRun(
        arm=arm, conditions=conditions, temperature=temperature, round=1, name=f"{temperature}-1", label="",
        warm_up=warm_up, warm_up_chunks=2,
    )  # fmt: skip


@pytest.fixture
def prepared(monkeypatch):
    """`prepared(run, ...)`: the arms that are warmed up before these runs, in this order."""
    opened = []
    monkeypatch.setattr(warm_up, "open_environments", lambda target, stack, arm, *_: opened.append(arm))
    monkeypatch.setattr(environments.stacks, "make_cold", lambda *_: None)
    subject = Environments(
        experiment_id="a", target=SimpleNamespace(name="local"), points=datapoints.from_iterable([*"abcdef"]),
        stacks={"distributed": SimpleNamespace(), "single_node": SimpleNamespace()},
    )  # fmt: skip

    def prepare(*runs):
        opened.clear()
        with Progress("warm-up") as progress:
            for run in runs:
                subject.prepare(run, progress)
        return opened

    return prepare


def test_a_warm_up_opens_the_environments_of_a_function_once(prepared):
    """The arm with one sender finds them open; a second phase of runs finds all open."""
    arms = ("single_node", "single_node_parallel", "distributed")

    assert prepared(scheduled_run("single_node", warm_up=arms)) == ["single_node_parallel", "distributed"]
    assert prepared(scheduled_run("single_node", warm_up=arms)) == []


def test_a_cold_run_ends_the_environments_of_every_arm_of_its_stack(prepared):
    """The arms of the other stack stay warm."""
    arms = ("single_node_parallel", "distributed")
    prepared(scheduled_run("distributed", warm_up=arms))

    cold = scheduled_run("single_node", "cold")
    assert prepared(cold, scheduled_run("distributed", warm_up=arms)) == ["single_node_parallel"]


def test_more_processors_are_opened_behind_the_queue_alone(prepared):
    """A sweep over processors opens them at the level that needs more."""
    arms = ("single_node_parallel", "distributed")
    prepared(scheduled_run("distributed", warm_up=arms))

    assert prepared(scheduled_run("distributed", warm_up=arms, processors=5)) == ["distributed"]
    assert prepared(scheduled_run("distributed", warm_up=arms)) == []


@pytest.mark.parametrize(("arm", "rounds"), [("single_node_parallel", 1), ("distributed", 2)])
def test_open_environments_are_not_opened_again(monkeypatch, arm, rounds):
    """One round finds every first Lambda warm; behind a queue another one is for the processors."""
    sent = []
    monkeypatch.setattr(warm_up, "send_options", lambda *_: SendOptions(chunks=2))
    monkeypatch.setattr(warm_up.unended, "mark", lambda *_, **__: None)
    monkeypatch.setattr(warm_up.unended, "unmark", lambda *_: None)
    monkeypatch.setattr(warm_up.completion, "wait_until_complete", lambda *_, **__: SimpleNamespace(queued=0))
    monkeypatch.setattr(
        warm_up.senders,
        "warm_up",
        lambda *_, run_id, **__: sent.append(run_id) or COUNTS,
    )
    stack, points = SimpleNamespace(), datapoints.from_iterable([*"abcdef"])

    warm_up.open_environments(SimpleNamespace(name="local"), stack, arm, points, Conditions(chunks=2), "a")

    assert len(sent) == rounds
