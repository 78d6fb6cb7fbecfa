"""The processor tries a line of a Distributed Map, and again where Step Functions retries it."""

import json

import pytest
from support.fakes import CONTEXT, FakeDynamoDB, FakeQueue

from lambdist_lib.protocol.contract import PermanentError, data_digest

STARTED = "2026-11-28T12:00:00.250Z"
STARTED_AT = 1795867200.25
ENTERED = "2026-11-28T12:00:01.500Z"


def event(*words, retries=0, fault="none"):
    """What a child execution passes to the processor: a line whose datapoints are numbered from 0."""
    line = {
        "run_id": "run",
        "work": "none",
        "fault": fault,
        "execution_at": STARTED,
        "datapoints": [{"n": n, "data": word} for n, word in enumerate(words)],
    }
    return {"line": line, "retries": retries, "entered_at": ENTERED}


class Map:
    """A processor with an in-memory table; words decide how their attempts end."""

    def __init__(self, module):
        self.module, self.queue, self.dynamodb = module, FakeQueue(), FakeDynamoDB()
        module.queues.client, module.table.client = self.queue, self.dynamodb
        module.process = self.process
        self.processed = []

    def process(self, data):
        self.processed.append(data)
        if data == "transient":
            raise ValueError("not now")
        if data == "permanent":
            raise PermanentError("never")
        return data.upper()

    def tries(self, *words, retries=0, **declared):
        """Try a line; returns the name of the error that Step Functions sees, or ""."""
        try:
            assert self.module.handler(event(*words, retries=retries, **declared), CONTEXT) is not None
        except Exception as error:
            return type(error).__name__
        return ""


@pytest.fixture
def line(import_fresh):
    return Map(import_fresh("processor"))


def test_a_line_stores_each_of_its_datapoints(line):
    """Items hold the times of Step Functions where those of a queue stand."""
    assert line.tries("one", "two") == ""

    item = line.dynamodb.item("run", 1)
    assert (item["outcome"], item["result"], item["digest"]) == ("stored", '"TWO"', data_digest("two"))
    assert (item["queued_at"], item["first_received_at"]) == (STARTED_AT, STARTED_AT + 1.25)
    assert (item["receives"], item["attempt"], item["collector_request_id"]) == (1, 1, "")


def test_a_failed_datapoint_makes_the_line_fail_after_the_others(line):
    """Step Functions retries a call that raises; what was stored stays."""
    assert line.tries("transient", "two") == "LineFailed"

    assert line.dynamodb.outcomes() == {0: None, 1: "stored"}
    [attempt] = line.dynamodb.item("run", 0)["attempts"]
    assert (attempt["cause"], attempt["receive"]) == ("ValueError: not now", 1)


def test_a_retry_leaves_out_what_is_settled(line):
    """Neither a stored nor a dead datapoint is processed again; attempts are numbered by the retries."""
    line.tries("transient", "two", "permanent")
    line.processed.clear()

    assert line.tries("transient", "two", "permanent", retries=1) == "LineFailed"

    assert line.processed == ["transient"]
    assert [attempt["receive"] for attempt in line.dynamodb.item("run", 0)["attempts"]] == [1, 2]


def test_a_permanent_failure_goes_to_the_dead_letter_queue_at_once(line):
    """The letter has key and cause, as that of a queue's message, and the line has not failed."""
    assert line.tries("permanent", "two") == ""

    [letter] = line.queue.sent
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["run_id"], attributes["n"], attributes["receives"]) == ("run", "0", "1")
    assert json.loads(attributes["cause"]) == "PermanentError: never"
    assert json.loads(letter["MessageBody"])["data"] == "permanent"
    assert line.dynamodb.item("run", 0)["outcome"] == "dead"


def test_permanent_failures_are_retried_where_the_stack_says_so(import_fresh):
    """As the original did, with PermanentAtOnce off."""
    line = Map(import_fresh("processor", PERMANENT_AT_ONCE="off"))

    assert line.tries("permanent") == "LineFailed"
    assert line.queue.sent == []


def test_a_retry_begins_with_what_was_started_least_often(line):
    """A datapoint that ends the process keeps those behind it from an attempt once, and not each time."""
    words = ("ends the process", "two", "three")
    line.module.table.mark_started("run", 0, "request-0", 1)

    assert line.tries(*words, retries=1) == ""

    assert line.processed == ["two", "three", "ends the process"]


def test_a_retry_marks_its_start_where_a_line_has_several(import_fresh):
    """Without experiment controls, too: the next retry takes its order from it."""
    line = Map(import_fresh("processor", EXPERIMENT_CONTROLS="off"))

    line.tries("transient", "two", retries=1)
    alone = Map(import_fresh("processor", EXPERIMENT_CONTROLS="off"))
    alone.tries("transient", retries=1)

    assert [entry["receive"] for entry in line.dynamodb.item("run", 0)["started"]] == [2]
    assert "started" not in alone.dynamodb.item("run", 0)


def test_a_redriven_datapoint_that_died_before_is_tried_again(line):
    """Only a death since the execution's start is one of this line."""
    line.module.table.record_death("run", 0, {"dead_at": STARTED_AT - 5.0, "cause": "before"})

    line.tries("one", "two", retries=1)

    assert line.processed == ["one", "two"]


def test_a_line_without_time_asks_for_another_call(line):
    """Step Functions has a retrier of its own for it; nothing counts as failed."""

    class Late:
        aws_request_id = "request-1"

        def get_remaining_time_in_millis(self):
            return 0

    with pytest.raises(Exception, match="no time was left for 2 of 2") as caught:
        line.module.handler(event("one", "two"), Late())

    assert type(caught.value).__name__ == "OutOfTime"
    assert line.dynamodb.outcomes() == {}
