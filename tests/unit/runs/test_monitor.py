"""What is told of a run while it goes on: from the client's tally, the queue and the table."""

import threading
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdist_lib.deployment import queue_depth
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.runs import completion, monitor
from lambdist_lib.runs.monitor import Monitor
from lambdist_lib.submission.receipts import SubmissionCounts

PATIENCE_S = 10.0


@pytest.fixture
def cloud(monkeypatch):
    """`cloud("aws", depth=…)`: what a look finds; `looks` are the services that were asked."""
    looks = []

    def made(name, depth=None, dead=0):
        def find(service, found):
            looks.append(service)
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(monitor, "SHARE", 1.0)
        monkeypatch.setattr(monitor, "POLL_EVERY_S", 0.01)
        monkeypatch.setattr(queue_depth, "queue_depth", lambda *_: find("queue", depth or QueueDepth()))
        monkeypatch.setattr(
            completion, "count_dead", lambda _, __, key: find("table", dead if key.endswith("#0") else 0)
        )
        return SimpleNamespace(name=name, client=lambda service: None), None, "run"

    made.looks = looks
    return made


def told(counts, watch, looked=lambda counts: True):
    """The last that is told once a look has come in."""
    waited = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        watch()
        if looked(counts[-1]):
            return counts[-1]
        waited.wait(0.01)
    return counts[-1]


def test_without_a_queue_the_answers_tell_all(cloud):
    """An accepted datapoint of the single node is stored; nothing is looked up for that."""
    counts = []
    with Monitor(counts.append, submitted=10, is_queued=False, where=cloud("local")) as seen:
        seen.sending(SubmissionCounts(accepted=4, dead=1, rejected=1, in_flight=2))

    assert (counts[0].answered, counts[0].settled, counts[0].dead, counts[0].in_flight) == (6, 5, 1, 2)
    assert counts[0].problems == (("rejected", 1),)
    assert cloud.looks == []


def test_on_the_local_cloud_queue_and_table_are_looked_at(cloud):
    """Of 8 accepted 5 are queued, so 3 are settled, and one of those is dead."""
    counts, tally = [], SubmissionCounts(accepted=8, in_flight=2)
    where = cloud("local", depth=QueueDepth(waiting=3, in_work=2), dead=1)
    with Monitor(counts.append, submitted=20, request_batch=10, where=where) as seen:
        last = told(counts, lambda: seen.sending(tally), lambda counts: counts.dead is not None)

    assert (last.settled, last.dead, last.in_flight, last.processing) == (3, 1, 25, 2)
    assert last.line().startswith("8 of 20 sent, 25 in flight, 2 stored, 1 dead")


def test_what_is_accepted_after_a_look_is_not_taken_for_stored(cloud, monkeypatch):
    """Of 8 accepted 5 were queued; the next 10 are in flight until somebody looks again."""
    counts, tally = [], SubmissionCounts(accepted=8)
    with Monitor(counts.append, submitted=20, where=cloud("aws", depth=QueueDepth(waiting=5))) as seen:
        seen.sending(tally)
        told(counts, lambda: seen.sending(tally), lambda counts: counts.settled is not None)
        monkeypatch.setattr(monitor, "SHARE", 0.0)
        time.sleep(0.05)  # a look may be under way
        seen.sending(SubmissionCounts(accepted=18))

    assert (counts[-1].settled, counts[-1].in_flight) == (3, 15)


def test_on_aws_no_table_is_counted(cloud):
    """It would cost money: stored and dead are told together."""
    counts, tally = [], SubmissionCounts(accepted=8)
    with Monitor(counts.append, submitted=20, where=cloud("aws", depth=QueueDepth(waiting=5))) as seen:
        last = told(counts, lambda: seen.sending(tally), lambda counts: counts.settled is not None)

    assert (last.settled, last.dead) == (3, None)
    assert set(cloud.looks) == {"queue"}


def test_nobody_looks_where_nobody_watches(cloud):
    """A headless run asks nothing of the queue or the table for the sake of a display."""
    with Monitor(None, submitted=20, where=cloud("local")) as seen:
        threading.Event().wait(0.05)
        seen.sending(SubmissionCounts())

    assert cloud.looks == []


def test_a_look_that_fails_ends_no_run(cloud):
    """What is shown is then the client's own knowledge."""
    counts = []
    where = cloud("local", depth=EndpointConnectionError(endpoint_url="http://127.0.0.1"))
    with Monitor(counts.append, submitted=20, where=where) as seen:
        told(counts, lambda: seen.sending(SubmissionCounts(accepted=2)), lambda counts: len(cloud.looks) > 2)

    assert (counts[-1].answered, counts[-1].settled) == (2, None)


def test_looks_take_a_share_of_the_time_and_no_more(cloud, monkeypatch):
    """Each takes 20 ms, so in half a second a tenth of the time is two or three, and not fifty."""
    where = cloud("local")
    monkeypatch.setattr(monitor, "SHARE", 0.1)
    monkeypatch.setattr(
        completion, "count_dead", lambda *_: cloud.looks.append("table") or time.sleep(0.02) or 0
    )
    with Monitor(lambda counts: None, submitted=20, where=where):
        time.sleep(0.5)

    assert 1 <= cloud.looks.count("table") <= 4


def test_a_resumed_run_counts_what_was_settled_before():
    counts = []
    with Monitor(counts.append, submitted=10, before=6) as seen:
        seen.sending(SubmissionCounts(accepted=3))
        seen.waiting(QueueDepth(waiting=1))
        seen.collecting()

    assert [count.phase for count in counts] == ["sending", "waiting for the queue", "collecting"]
    assert (counts[-1].answered, counts[-1].settled, counts[-1].in_flight) == (9, 8, 1)


def test_before_a_resume_knows_what_was_sent_the_queue_is_in_flight():
    counts = []
    with Monitor(counts.append, submitted=10) as seen:
        seen.waiting(QueueDepth(waiting=3, in_work=1))

    assert counts[0].line() == "0 of 10 sent, 4 in flight, 1 message in processing"
