"""The collector queues valid datapoints and accepts only those that SQS confirmed."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import CONTEXT, INVOCATION, FakeQueue

from lambdist_lib.protocol import contract
from lambdist_lib.protocol.contract import Datapoint

GIVEN_ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def collector(import_fresh):
    return import_fresh("collector")


def post(handler_module, body, queue=None, request_id="api-request-1"):
    """POST a body; returns status, answer and the queue."""
    handler_module.sqs = queue or FakeQueue()
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    event = {"body": text, "requestContext": {"requestId": request_id}}
    answer = handler_module.handler(event, CONTEXT)
    assert answer["headers"]["Content-Type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"]), handler_module.sqs


def many(*texts, run_id="run", **more):
    datapoints = [{"n": n, "data": text} for n, text in enumerate(texts)]
    return {"run_id": run_id, "datapoints": datapoints, **more}


# -- The plain form: clients of the original -----------------------------------------------


def test_a_plain_datapoint_gets_the_originals_response(collector):
    """Original clients look for exactly this message, and their word is then queued."""
    status, answer, queue = post(collector, {"data": "word"})

    assert (status, answer["message"]) == (200, "Succeeded: word")
    [message] = queue.sent
    assert message["QueueUrl"] == "http://queue"
    assert json.loads(message["MessageBody"])["data"] == "word"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"data": ""}, "the datapoint is empty"),
        ({"data": "a\n"}, "the datapoint has the unprintable character U+000A at 1"),
        ({"data": 5}, "the datapoint is int, not a string"),
        ({"data": None}, "the datapoint is NoneType, not a string"),
        ({}, "the datapoint is NoneType, not a string"),
        ({"data": "x" * 1025}, "the datapoint has 1,025 characters, at most 1,024 are taken"),
        ({"data": "x", "work": 5}, "work and fault are strings"),
        ([], "the body is not an object"),
        ("null", "the body is not an object"),
        ("{", "the body is not JSON"),
        ("", "the body is not JSON"),
        (None, "the body is not JSON"),
        ("[" * 200_000, "the body is not JSON"),
        ('{"data": "x", "n": ' + "9" * 5000 + "}", "the body is not JSON"),
    ],
    ids=lambda value: str(value)[:24] or "empty",
)
def test_a_client_error_is_a_400_that_says_why(collector, body, reason):
    """A client error is never a 500, and nothing is queued."""
    status, answer, queue = post(collector, body)

    assert (status, answer) == (400, {"message": f"Failed: {reason}"})
    assert queue.sent == []


def test_a_plain_datapoint_that_is_not_queued_is_a_503(collector):
    """The client of a word that SQS rejects gets a failure."""
    for queue in (FakeQueue(refuses_batches={0}), FakeQueue(refuses_data={"word"})):
        status, answer, _ = post(collector, {"data": "word"}, queue)

        assert (status, answer) == (503, {"message": "Failed: word"})


def test_plain_datapoints_get_distinct_keys(collector):
    """Two requests are two datapoints of the day's run; the same request repeated is one."""
    answers = [post(collector, {"data": "x"}, request_id=f"r{n}")[1] for n in range(200)]
    again = post(collector, {"data": "x"}, request_id="r0")[1]

    assert len({answer["n"] for answer in answers}) == 200
    assert again["n"] == answers[0]["n"]
    assert all(0 <= answer["n"] < 2**53 for answer in answers)
    assert {answer["run_id"] for answer in answers} <= {
        time.strftime("adhoc-%Y-%m-%d", time.gmtime(time.time() - ago_s)) for ago_s in (0, 60)
    }


def test_a_plain_datapoint_without_a_request_id_gets_a_key_too(collector):
    """Two events without a request id still have distinct keys."""
    ns = {post(collector, {"data": "x"}, request_id=None)[1]["n"] for _ in range(2)}

    assert len(ns) == 2


@pytest.mark.parametrize("as_run", [False, True])
def test_a_datapoint_without_a_run_leaves_room_for_its_result(import_fresh, as_run):
    """An item holds 400 KB: what cannot be stored is refused at the API, not dead five tries later."""
    collector = import_fresh("collector", MAX_CHARS="65536")
    fits, large = "é" * 32_768, "é" * 32_769
    body = many(fits, large, run_id="adhoc-2026-01-01") if as_run else {"data": large}

    status, answer, queue = post(collector, body)

    reason = "has 65,538 bytes, at most 65,536 are taken without a run"
    if as_run:
        assert (status, answer["accepted"], answer["rejected"][0]["n"]) == (200, [0], 1)
        assert answer["rejected"][0]["reason"].startswith(reason)
        assert post(collector, many(large))[1]["accepted"] == [0]  # a run's file holds it
    else:
        assert (status, queue.sent) == (400, [])
        assert answer["message"].startswith(f"Failed: the datapoint {reason}")
        assert post(collector, {"data": fits})[0] == 200


# -- Many datapoints -----------------------------------------------------------------------


def test_an_invalid_datapoint_is_rejected_alone(collector):
    """An invalid datapoint is rejected with its reason; the others are queued."""
    status, answer, queue = post(collector, many("a", "b\x00", "", "d"))

    assert status == 200
    assert (answer["accepted"], answer["retry"]) == ([0, 3], [])
    assert answer["rejected"] == [
        {"n": 1, "reason": "has the unprintable character U+0000 at 1"},
        {"n": 2, "reason": "is empty"},
    ]
    assert [json.loads(message["MessageBody"])["data"] for message in queue.sent] == ["a", "d"]


def test_a_request_of_invalid_datapoints_only_is_a_200(collector):
    """If all are rejected there is nothing to retry."""
    status, answer, _ = post(collector, many("", ""))

    assert (status, answer["accepted"], answer["retry"], len(answer["rejected"])) == (200, [], [], 2)


def test_a_message_has_its_key_in_body_and_attributes(collector):
    """Body and attributes both have the key; the body also names its collector invocation."""
    _, answer, queue = post(collector, many("ä", work="io:10ms", fault="raise:0.5"))

    [message] = queue.sent
    body = json.loads(message["MessageBody"])
    assert {name: body[name] for name in ("run_id", "n", "data", "work", "fault")} == {
        "run_id": "run",
        "n": 0,
        "data": "ä",
        "work": "io:10ms",
        "fault": "raise:0.5",
    }
    assert body["received_at"] == answer["received_at"]
    assert body["collector"] == answer["invocation"]
    assert message["MessageAttributes"]["n"]["StringValue"] == "0"
    assert message["MessageAttributes"]["run_id"]["StringValue"] == "run"


@given(count=st.integers(1, 100), refused=st.sets(st.integers(0, 99)), down=st.sets(st.integers(0, 9)))
@GIVEN_ONCE
def test_accepted_are_exactly_the_queued_datapoints(collector, count, refused, down):
    """However SQS fails, in part or by an exception, `retry` has every datapoint it lacks."""
    queue = FakeQueue(refuses_batches=down, refuses_data={f"d{n}" for n in refused})

    status, answer, _ = post(collector, many(*(f"d{n}" for n in range(count))), queue)

    queued = [json.loads(message["MessageBody"])["n"] for message in queue.sent]
    assert answer["accepted"] == queued
    assert sorted(answer["accepted"] + answer["retry"]) == list(range(count))
    assert status == (200 if queued else 503)


def test_datapoints_queued_before_an_exception_stay_accepted(collector):
    """If the second of three batches fails, the first ten are accepted and the rest is to be retried."""
    queue = FakeQueue(refuses_batches={1})

    status, answer, _ = post(collector, many(*"abcdefghijklmnopqrstuvwxy"), queue)

    assert status == 200
    assert (answer["accepted"], answer["retry"]) == (list(range(10)), list(range(10, 25)))


def test_nothing_queued_is_a_503(collector):
    """A client that gets 503 sends all datapoints again."""
    status, answer, _ = post(collector, many("a", ""), FakeQueue(refuses_batches={0}))

    assert (status, answer["accepted"], answer["retry"]) == (503, [], [0])
    assert answer["rejected"] == [{"n": 1, "reason": "is empty"}]


def test_an_unconfirmed_entry_is_not_accepted(collector):
    """An entry that SQS reports neither as successful nor as failed is to be retried."""

    class Silent(FakeQueue):
        def send_message_batch(self, **batch):
            return {"Successful": [{"Id": "0"}]}

    datapoints = [Datapoint(run_id="run", n=n, data="x") for n in (5, 6)]

    assert collector.enqueue(datapoints, Silent(), INVOCATION) == ([5], [6])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"datapoints": [{"n": 0, "data": "x"}]}, "run_id is"),
        (many("x", run_id="Run"), "run_id is"),
        (many("x", run_id="a" * 41), "run_id is"),
        (many("x", run_id="a\n"), "run_id is"),
        (many("x", run_id=5), "run_id is"),
        (many(), "datapoints is a list of 1 to 100"),
        (many(*"x" * 101), "datapoints is a list of 1 to 100"),
        ({"run_id": "run", "datapoints": {"n": 0}}, "datapoints is a list of 1 to 100"),
        ({"run_id": "run", "datapoints": None}, "datapoints is a list of 1 to 100"),
        ({"run_id": "run", "datapoints": ["x"]}, "a datapoint is"),
        ({"run_id": "run", "datapoints": [{"n": 0, "data": "x"}, {"n": 0, "data": "y"}]}, "the same n"),
    ]
    + [
        ({"run_id": "run", "datapoints": [{"n": n, "data": "x"}]}, "a datapoint is")
        for n in (True, -1, "0", 0.0, None, [0], 2**53, 10**40)
    ]
    + [
        ({"run_id": "run", "datapoints": [{"n": 0, "data": "x", "attempt": attempt}]}, "a datapoint is")
        for attempt in (0, -1, True, "1", None)
    ],
    ids=lambda value: str(value)[-40:],
)
def test_a_malformed_request_is_rejected_whole(collector, body, reason):
    """The collector checks types and ranges: a local cloud may ignore the API's model."""
    status, answer, queue = post(collector, body)

    assert status == 400
    assert answer["message"].startswith("Failed: ")
    assert reason in answer["message"]
    assert queue.sent == []


def test_a_request_beyond_the_size_limit_is_rejected_whole(import_fresh):
    """The limit bounds an SQS batch; the datapoint rule bounds a single datapoint."""
    collector = import_fresh("collector", MAX_CHARS=str(contract.DATAPOINT_CEILING_CHARS))
    half = "x" * (contract.REQUEST_MAX_BYTES // 4)

    status, answer, queue = post(collector, many(*[half] * 4))

    assert status == 413
    assert answer["message"].startswith("Failed: the request has 262,2")
    assert answer["message"].endswith(" bytes, at most 262,144 are accepted; send fewer datapoints at once")
    assert queue.sent == []
    assert post(collector, many(*[half] * 3))[0] == 200
    assert post(collector, many("\U0001f9ea" * contract.DATAPOINT_CEILING_CHARS))[0] == 200


def test_a_rejected_request_queues_nothing(collector):
    """The collector parses a whole request before it queues a datapoint."""
    status, _, queue = post(
        collector, {"run_id": "run", "datapoints": [{"n": 0, "data": "x"}, {"n": "1", "data": "y"}]}
    )

    assert (status, queue.sent) == (400, [])


# -- Settings of the stack -----------------------------------------------------------------


def test_the_stack_sets_the_datapoint_rule(import_fresh):
    """Length and pattern are parameters of the stack."""
    collector = import_fresh("collector", MAX_CHARS="3", PATTERN="[a-z]*")

    _, answer, _ = post(collector, many("abc", "abcd", "a1"))

    assert answer["accepted"] == [0]
    assert [one["reason"] for one in answer["rejected"]] == [
        "has 4 characters, at most 3 are taken",
        "does not match the pattern [a-z]*",
    ]


@pytest.mark.parametrize("controls", [{"work": "io:1ms"}, {"fault": "raise:0.1"}, {"work": "io:0ms"}])
@pytest.mark.parametrize("body", [many("x"), {"data": "x"}], ids=["many", "plain"])
def test_controls_need_a_stack_with_experiment_controls(import_fresh, body, controls):
    """A stack for real data rejects work and faults."""
    collector = import_fresh("collector", EXPERIMENT_CONTROLS="off")

    status, answer, queue = post(collector, {**body, **controls})

    assert status == 400
    assert "need a stack deployed with ExperimentControls on" in answer["message"]
    assert queue.sent == []


def test_work_and_fault_none_need_no_experiment_controls(import_fresh):
    """Every stack accepts work and fault with the value none."""
    collector = import_fresh("collector", EXPERIMENT_CONTROLS="off")

    assert post(collector, many("x", work="none", fault="none"))[0] == 200


def test_work_is_at_most_half_the_functions_timeout(collector):
    """Longer work would end in timeouts, which look like faults."""
    assert post(collector, many("x", work="io:15s"))[0] == 200

    status, answer, _ = post(collector, many("x", work="io:15001ms"))

    assert status == 400
    assert "longer than 15 s, half the function's timeout" in answer["message"]


@pytest.mark.parametrize(
    "controls", [{"fault": "raise:nan"}, {"work": "io:x"}, {"fault": "raise:1@" + "9" * 5000}]
)
def test_malformed_controls_are_a_400(collector, controls):
    """A malformed declaration is the client's error."""
    status, answer, _ = post(collector, many("x", **controls))

    assert status == 400
    assert "Failed: " in answer["message"]


# -- Log and environment -------------------------------------------------------------------


def test_an_environment_is_cold_once(collector, capsys):
    """Only the first invocation of an environment is a cold start, whatever its response."""
    post(collector, "no JSON")
    answers = [post(collector, many("x"))[1] for _ in range(2)]

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["cold"] for line in lines] == [True, False, False]
    assert [answer["invocation"]["cold"] for answer in answers] == [False, False]
    assert len({line["environment_id"] for line in lines}) == 1
    assert all(line["init_s"] > 0 for line in lines)


def test_every_environment_has_an_id(import_fresh):
    """Two environments have distinct ids, and both start cold."""
    answers = [post(import_fresh("collector"), many("x"))[1]["invocation"] for _ in range(2)]

    assert [answer["cold"] for answer in answers] == [True, True]
    assert answers[0]["environment_id"] != answers[1]["environment_id"]


def test_the_log_has_counts_and_no_data(collector, capsys):
    """One line per request with its counts, but no data."""
    post(collector, many("secret-1", "secret-2\x00"))

    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["event"], line["function"]) == ("request_served", "collector")
    assert (line["accepted"], line["rejected"], line["retry"]) == (1, 1, 0)
    assert "secret" not in out


# -- Faults of the queue ---------------------------------------------------------------------


def test_a_declared_poison_cannot_be_parsed(collector):
    """Its body is not JSON, but its attributes have the key."""
    _, answer, queue = post(collector, many("a", "b", fault="poison:1@1"))

    assert answer["accepted"] == [0, 1]
    assert json.loads(queue.sent[0]["MessageBody"])["data"] == "a"
    with pytest.raises(ValueError):
        json.loads(queue.sent[1]["MessageBody"])
    assert queue.sent[1]["MessageAttributes"]["n"]["StringValue"] == "1"


def test_a_declared_duplicate_is_queued_twice_and_accepted_once(collector):
    """The fault injects the duplicate that SQS may deliver at any time."""
    _, answer, queue = post(collector, many("a", "b", "c", fault="duplicate:1@1"))

    assert answer["accepted"] == [0, 1, 2]
    assert [json.loads(one["MessageBody"])["n"] for one in queue.sent] == [0, 1, 2, 1]


def test_an_unqueued_datapoint_is_not_duplicated(collector):
    """The client sends a rejected datapoint again, together with its duplicate."""
    queue = FakeQueue(refuses_data={"b"})

    _, answer, _ = post(collector, many("a", "b", fault="duplicate:1@1"), queue)

    assert (answer["accepted"], answer["retry"]) == ([0], [1])
    assert len(queue.sent) == 1
