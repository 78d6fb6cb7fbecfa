"""The single node does in one Lambda, without a queue, the work of the pipeline's three."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import CONTEXT, FakeDynamoDB, process_by_word
from support.harmful import HARMFUL, harm

GIVEN_ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Stack:
    """A single node before an in-memory table."""

    def __init__(self, module, process=process_by_word, dynamodb=None):
        self.module, self.dynamodb = module, dynamodb or FakeDynamoDB()
        module.table.client, module.process = self.dynamodb, process

    def post(self, body):
        """Status and answer."""
        event = {"body": json.dumps(body), "requestContext": {"requestId": "api-request-1"}}
        answer = self.module.handler(event, CONTEXT)
        return answer["statusCode"], json.loads(answer["body"])

    def post_many(self, *texts, **more):
        datapoints = [{"n": n, "data": text} for n, text in enumerate(texts)]
        return self.post({"run_id": "run", "datapoints": datapoints, **more})


@pytest.fixture
def single_node(import_fresh):
    return import_fresh("single_node")


@pytest.fixture
def stack(single_node):
    return Stack(single_node)


def test_a_plain_datapoint_gets_the_originals_response(stack):
    """Original clients look for exactly this message, and their word is then stored."""
    status, answer = stack.post({"data": "word"})

    assert (status, answer["message"]) == (200, "Succeeded: word")
    item = stack.dynamodb.item(answer["run_id"], answer["n"])
    assert (item["outcome"], item["result"]) == ("stored", '"word_processed"')


@pytest.mark.parametrize("word", ["transient", "permanent"])
def test_a_plain_datapoint_that_is_not_stored_is_a_503(stack, word):
    """The client of a word that was not stored gets a failure."""
    assert stack.post({"data": word}) == (503, {"message": f"Failed: {word}"})


def test_a_plain_datapoint_against_the_rule_is_a_400(stack):
    """A client error is never a 500, and nothing is processed."""
    assert stack.post({"data": ""}) == (400, {"message": "Failed: the datapoint is empty"})
    assert stack.dynamodb.items == {}


def test_each_datapoint_of_a_request_has_its_own_outcome(stack):
    """Stored, rejected, failed and permanently failed datapoints are told apart."""
    status, answer = stack.post_many("a", "transient", "permanent", "", "e")

    assert status == 200
    assert (answer["stored"], answer["retry"], answer["dead"]) == ([0, 4], [1], [2])
    assert answer["rejected"] == [{"n": 3, "reason": "is empty"}]
    assert stack.dynamodb.outcomes() == {0: "stored", 1: None, 2: "dead", 4: "stored"}


@given(st.lists(st.sampled_from(["good", "transient", "permanent", "", "refused"]), min_size=1, max_size=100))
@GIVEN_ONCE
def test_every_datapoint_of_a_request_is_in_one_list(single_node, words):
    """Stored, dead, rejected and retry together are the request; the table has the stored ones."""
    refused = {n for n, word in enumerate(words) if word == "refused"}
    stack = Stack(single_node, dynamodb=FakeDynamoDB(refuses=refused))

    status, answer = stack.post_many(*words)

    rejected = [one["n"] for one in answer["rejected"]]
    assert sorted(answer["stored"] + answer["dead"] + rejected + answer["retry"]) == list(range(len(words)))
    assert answer["stored"] == [n for n, outcome in stack.dynamodb.outcomes().items() if outcome == "stored"]
    assert status == (503 if answer["retry"] and not answer["stored"] else 200)


def test_a_failed_attempt_is_recorded_in_the_history(stack):
    """The single node records the same history as the pipeline: cause and invocation of each failure."""
    stack.post_many("transient")
    stack.post_many("transient")

    item = stack.dynamodb.item("run", 0)
    assert [one["cause"] for one in item["attempts"]] == ["ValueError: not now"] * 2
    assert "outcome" not in item


def test_a_permanent_failure_after_another_copy_was_stored_is_stored(stack):
    """The request came twice, and process() did not fail twice: the response says what the table says."""
    stack.post_many("a")
    stack.module.process = lambda data: process_by_word("permanent")

    _, answer = stack.post_many("a")

    assert (answer["stored"], answer["dead"]) == ([0], [])
    assert stack.dynamodb.item("run", 0)["outcome"] == "stored"


def test_a_permanent_failure_is_dead_at_once(stack):
    """Without a queue the single node itself records the death."""
    stack.post({"run_id": "run", "datapoints": [{"n": 5, "data": "permanent", "attempt": 3}]})

    item = stack.dynamodb.item("run", 5)
    assert (item["outcome"], item["cause"], item["payload"]) == ("dead", "PermanentError: never", "permanent")
    assert item["receives"] == 3
    assert [one["cause"] for one in item["attempts"]] == ["PermanentError: never"]


def test_a_death_that_cannot_be_recorded_is_sent_again(single_node):
    """If the death cannot be recorded, only that datapoint fails, not the request."""
    stack = Stack(single_node, dynamodb=FakeDynamoDB(refuses={1}))

    status, answer = stack.post_many("a", "permanent", "c")

    assert (status, answer["stored"], answer["retry"], answer["dead"]) == (200, [0, 2], [1], [])


def test_a_rejected_store_is_sent_again(single_node):
    """A result that DynamoDB rejects does not count as stored."""
    stack = Stack(single_node, dynamodb=FakeDynamoDB(refuses={0}))

    status, answer = stack.post_many("a")

    assert (status, answer["stored"], answer["retry"]) == (503, [], [0])


def test_a_datapoint_sent_again_counts_as_a_duplicate(stack, capsys):
    """A client that missed the response sends again: stored once, reported as stored, counted."""
    stack.post_many("a")

    assert stack.post_many("a")[1]["stored"] == [0]

    assert stack.dynamodb.item("run", 0)["duplicates"] == 1
    assert [json.loads(line)["duplicates"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_the_clients_attempt_decides_what_a_fault_strikes(stack):
    """The client counts its tries, so the same fault plan holds in both arms."""
    plan = "raise:0.5,seed:7"
    struck = []
    for attempt in range(1, 9):
        datapoints = [{"n": 2, "data": "a", "attempt": attempt}]
        answer = stack.post({"run_id": f"run-{attempt}", "datapoints": datapoints, "fault": plan})[1]
        struck.append(answer["retry"] == [2])

    assert struck[0]
    assert not all(struck)
    cause = stack.dynamodb.item("run-1", 2)["attempts"][0]["cause"]
    assert cause == f"InjectedFault: injected by {plan} at attempt 1"


def test_an_item_has_no_queue_times(stack):
    """An item of the single node has the times of entry and attempt, and none of a queue."""
    answer = stack.post_many("a")[1]

    item = stack.dynamodb.item("run", 0)
    assert item["received_at"] == pytest.approx(answer["received_at"], abs=1e-5)
    assert item["received_at"] <= item["started_at"] <= item["finished_at"] <= item["put_at"]
    assert item["put_at"] <= answer["done_at"] + 1e-5
    assert "queued_at" not in item
    assert (item["cold"], answer["invocation"]["cold"]) == (True, True)
    assert stack.post_many("b")[1]["invocation"]["cold"] is False


def test_an_unstorable_result_is_a_permanent_failure(single_node):
    """A retry would give the same result."""
    stack = Stack(single_node, lambda data: float("nan"))

    assert stack.post_many("a")[1]["dead"] == [0]
    assert "JSON cannot hold" in stack.dynamodb.item("run", 0)["cause"]


def test_the_log_names_no_data(stack, capsys):
    """One line per request with its counts, but no data."""
    stack.post_many("secret", "transient", "permanent", "secret\x00")

    out = capsys.readouterr().out
    line = json.loads(out)
    assert [line[name] for name in ("stored", "failed", "permanent", "rejected")] == [1, 1, 1, 1]
    assert len(line["put_s"]) == 3
    assert "secret" not in out


def test_both_stacks_reject_the_same_requests(import_fresh):
    """Collector and single node read requests with the same code: same reasons, same status."""
    bodies = [{"datapoints": []}, {"run_id": "run", "datapoints": [{"n": -1, "data": "x"}]}, {"data": 1}]
    answers = []
    for name in ("collector", "single_node"):
        module = import_fresh(name)
        answers.append([module.handler({"body": json.dumps(body)}, CONTEXT) for body in bodies])

    assert answers[0] == answers[1]
    assert {answer["statusCode"] for answer in answers[0]} == {400}


# -- Faults --------------------------------------------------------------------------------


def test_a_permanent_error_is_retried_with_the_switch_off(import_fresh):
    """With the switch off the client retries it like any other failure."""
    stack = Stack(import_fresh("single_node", PERMANENT_AT_ONCE="off"))

    status, answer = stack.post_many("word", "permanent")

    assert (status, answer["stored"], answer["retry"], answer["dead"]) == (200, [0], [1], [])
    assert "outcome" not in stack.dynamodb.item("run", 1)


@pytest.mark.parametrize("kind", HARMFUL)
def test_whatever_a_datapoint_does_harms_only_itself(single_node, kind):
    """The others of its request are stored; its failure is the application's."""
    stack = Stack(single_node, harm)

    status, answer = stack.post_many("good", kind, "good")

    assert (status, answer["stored"], answer["retry"] + answer["dead"]) == (200, [0, 2], [1])
    [attempt] = stack.dynamodb.item("run", 1)["attempts"]
    assert (attempt["class"], attempt["cause"].startswith(HARMFUL[kind])) == ("application", True)


def test_two_datapoints_without_a_run_never_share_an_item(stack):
    """Their keys are 53 bits of the requests' ids: equal ones are unlikely, and not the same datapoint."""
    answers = [stack.post({"data": data})[1] for data in ("first", "second", "first")]

    assert len({answer["n"] for answer in answers}) == 1  # the fake's requests have one id
    results = [item["result"]["S"] for item in stack.dynamodb.items.values()]
    assert sorted(results) == ['"first_processed"', '"second_processed"']


def test_a_death_has_its_cause_class(stack):
    """Without a queue the single node records the class."""
    stack.post_many("permanent")

    assert stack.dynamodb.item("run", 0)["cause_class"] == "application"


def test_a_slow_datapoint_fails_before_the_timeout(single_node):
    """The response names the datapoints to send again; a gateway's error would fail all of them."""
    slow = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 200)
    stack = Stack(single_node)
    body = {"run_id": "run", "datapoints": [{"n": n, "data": "x"} for n in range(3)], "fault": "slow:1@1"}

    answer = single_node.handler({"body": json.dumps(body)}, slow)

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["stored"], body["retry"]) == (200, [0], [1, 2])
    assert stack.dynamodb.item("run", 1)["attempts"][0]["class"] == "timeout"
