"""What a run without a process has queued is deleted before the next, unless it may be somebody else's."""

import json
from types import SimpleNamespace

import pytest

from lambdist_lib.deployment import unended
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.results import journal
from lambdist_lib.runs import leftovers
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.run_info import RunInfo
from lambdist_lib.submission.receipts import Receipt

STACK = SimpleNamespace(outputs={"QueueUrl": "http://queue-1", "DeadLetterQueueUrl": "http://dead-1"})
ANOTHER = SimpleNamespace(outputs={"QueueUrl": "http://queue-2", "DeadLetterQueueUrl": "http://dead-2"})
CONTROL = SimpleNamespace(outputs={"TableName": "table"})


@pytest.fixture
def cloud(monkeypatch, tmp_path):
    """A target with `cloud.queued` messages and the list `cloud.purged`."""
    present = SimpleNamespace(name="local", queued=0, purged=[], notes=[])
    sqs = SimpleNamespace(purge_queue=lambda QueueUrl: present.purged.append(QueueUrl))
    present.client = {"sqs": sqs}.get
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(leftovers, "queue_depth", lambda *_: QueueDepth(in_work=present.queued))
    return present


@pytest.fixture
def killed(tmp_path):
    """`killed(sent=5)`: a run whose process ended after so many receipts; two requests had none."""

    def begin(sent, *, stack=STACK, **facts):
        folder = tmp_path / "killed-d"
        folder.mkdir()
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            kept.append(
                [receipt(n, tries=1) for n in range(sent)] + [receipt(n + sent, tries=0) for n in (0, 1)]
            )
        conditions = Conditions(chunks=2, **facts)
        info = RunInfo(run_id="killed-d", key="killed-d-1", arm="distributed", target="", data="", sha256="",
                       conditions=conditions)  # fmt: skip
        leftovers.mark_run(stack, info, folder, 100)

    return begin


def receipt(n, *, tries):
    nothing = dict.fromkeys(Receipt._fields)
    return Receipt(**{**nothing, "n": n, "tries": tries, "verdict": "accepted" if tries else "rejected"})


def clear(cloud, stack=STACK):
    leftovers.clear(cloud, stack, cloud.notes.append)
    return cloud.purged


def test_messages_of_a_killed_run_are_deleted_and_named(cloud, killed):
    """Also those that a crashed processor hides for minutes; and only once."""
    killed(sent=5)
    cloud.queued = 4

    assert clear(cloud) == ["http://queue-1", "http://dead-1"]
    assert "4 messages of killed-d" in cloud.notes[0]
    assert clear(cloud) == ["http://queue-1", "http://dead-1"]


@pytest.mark.parametrize(("queued", "is_deleted"), [(7, True), (8, False)])
def test_more_messages_than_the_run_can_have_left_stay(cloud, killed, queued, is_deleted):
    """5 were sent and 2 more may have been: the eighth is somebody else's, and so nothing is deleted."""
    killed(sent=5)
    cloud.queued = queued

    assert bool(clear(cloud)) == is_deleted
    assert "killed-d" in cloud.notes[0]


def test_a_run_with_duplicates_may_have_left_two_messages_each(cloud, killed):
    killed(sent=5, fault="duplicate:1")
    cloud.queued = 14

    assert clear(cloud)


def test_messages_without_a_mark_are_somebody_elses(cloud):
    """Somebody posts to the API of a stack that was deployed to stay."""
    cloud.queued = 3

    assert clear(cloud) == []
    assert cloud.notes == []


def test_a_run_on_another_stack_of_the_same_name_leaves_nothing_here(cloud, killed):
    killed(sent=5, stack=ANOTHER)
    cloud.queued = 4

    assert clear(cloud) == []
    assert clear(cloud, ANOTHER) == ["http://queue-2", "http://dead-2"]


def test_nothing_is_deleted_on_aws(cloud, killed):
    """A deletion there lasts a minute, and could take new messages along: the wait is named."""
    killed(sent=5)
    cloud.name, cloud.queued = "aws", 4

    assert clear(cloud) == []
    assert cloud.notes[0].startswith("waiting for 4 messages")


def test_a_run_that_ended_leaves_nothing(cloud, killed):
    killed(sent=5)
    unended.unmark(STACK)
    cloud.queued = 4

    assert clear(cloud) == []


def test_a_warm_up_and_a_run_without_receipts_are_counted_by_what_they_may_have_sent(cloud):
    unended.mark(STACK, "warm", "warm", unjournalled=3)
    cloud.queued = 3

    assert clear(cloud)


def test_a_stack_without_a_queue_has_no_marks(cloud):
    unended.mark(CONTROL, "single", "single", unjournalled=3)

    assert clear(cloud, CONTROL) == []


def test_a_damaged_mark_is_ignored(cloud, killed):
    killed(sent=5)
    [mark] = unended._folder().glob("*.json")
    mark.write_text(json.dumps({"other": 1}))
    cloud.queued = 4

    assert clear(cloud) == []
