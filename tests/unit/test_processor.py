"""The processor settles each message of a batch on its own: stored, to be tried again, or dead."""

import json

import pytest
from fakes import CONTEXT, INVOCATION, FakeDynamoDB, FakeQueue
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdist_lib.contract import Datapoint, PermanentError, message_attributes, message_body

GIVEN_ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
POISON = [
    "",
    "no JSON",
    "null",
    "[]",
    "5",
    '"text"',
    "{}",
    "[" * 200_000,
    '{"run_id": "run", "n": 0, "data": "x"}',
]


def message(n, data="word", *, body=None, receives=1, work="none", fault="none"):
    """One message as the event source mapping hands it over; `body` replaces the collector's."""
    datapoint = Datapoint(run_id="run", n=n, data=data, work=work, fault=fault, received_at=1.5)
    return {
        "messageId": f"m{n}",
        "receiptHandle": f"handle-{n}",
        "body": message_body(datapoint, collector={"request_id": "c1"}) if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": "2000",
            "ApproximateFirstReceiveTimestamp": "3000",
        },
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message_attributes(datapoint).items()
        },
    }


class Stack:
    """A processor between an in-memory queue and table; `process` sees each datapoint."""

    def __init__(self, module, process=None, queue=None, dynamodb=None):
        self.module = module
        self.queue, self.dynamodb = queue or FakeQueue(), dynamodb or FakeDynamoDB()
        module.sqs, module.table.client = self.queue, self.dynamodb
        if process:
            module.process = process

    def receives(self, *messages):
        """Ids of the messages that SQS gets back; the answer's exact shape is checked on the way."""
        answer = self.module.handler({"Records": list(messages)}, CONTEXT)
        assert list(answer) == ["batchItemFailures"]
        assert all(list(failure) == ["itemIdentifier"] for failure in answer["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def dead_letters(self):
        return [one for one in self.queue.sent if one["QueueUrl"] == "http://dead-letter-queue"]


@pytest.fixture
def processor(import_fresh):
    return import_fresh("processor")


def process_by_word(data):
    """transient and permanent fail, everything else succeeds."""
    if data == "transient":
        raise ValueError("not now")
    if data == "permanent":
        raise PermanentError("never")
    return f"{data}_processed"


# -- One batch -----------------------------------------------------------------------------


def test_a_result_is_stored_with_its_stamps(processor):
    """The item says what came out, and when each station had the datapoint."""
    stack = Stack(processor)

    assert stack.receives(message(3, "Sed", receives=2)) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["result"]) == ("stored", '"Sed_processed"')
    assert (item["queued_at"], item["first_received_at"], item["received_at"]) == (2.0, 3.0, 1.5)
    assert (item["receives"], item["attempt"], item["collector_request_id"]) == (2, 2, "c1")
    assert item["started_at"] <= item["finished_at"] <= item["put_at"]
    assert (item["request_id"], item["cold"]) == ("request-1", True)
    assert item["init_s"] > 0


def test_a_bad_datapoint_fails_alone(processor):
    """One failure goes back to the queue; its neighbours are stored."""
    stack = Stack(processor, process_by_word)

    assert stack.receives(message(0, "Sed"), message(1, "transient"), message(2, "ut")) == ["m1"]

    assert stack.dynamodb.outcomes() == {0: "stored", 1: None, 2: "stored"}


@given(
    st.lists(
        st.sampled_from(["good", "transient", "permanent", "poison", "refused"]), min_size=1, max_size=10
    )
)
@GIVEN_ONCE
def test_sqs_gets_back_exactly_what_may_succeed_later(processor, kinds):
    """Of any batch of 1 to 10: the ids of the transient failures, each once, and [] when all is well.

    A malformed answer makes AWS try the whole batch again, and makes the emulator delete it.
    """
    refused = {n for n, kind in enumerate(kinds) if kind == "refused"}
    stack = Stack(processor, process_by_word, dynamodb=FakeDynamoDB(refuses=refused))
    batch = [message(n, kind, body="no JSON" if kind == "poison" else None) for n, kind in enumerate(kinds)]

    failed = stack.receives(*batch)

    assert failed == [f"m{n}" for n, kind in enumerate(kinds) if kind in ("transient", "refused")]
    dead = [letter["MessageAttributes"]["n"]["StringValue"] for letter in stack.dead_letters()]
    assert dead == [str(n) for n, kind in enumerate(kinds) if kind in ("permanent", "poison")]
    stored = [n for n, outcome in stack.dynamodb.outcomes().items() if outcome == "stored"]
    assert stored == [n for n, kind in enumerate(kinds) if kind == "good"]
    assert set(stack.queue.delays_s) == {f"handle-{one[1:]}" for one in failed}


# -- What may succeed later ------------------------------------------------------------------


def test_a_transient_failure_is_kept_in_the_history(processor):
    """Each failed attempt is on the item with its cause and invocation, and the datapoint stays open."""
    stack = Stack(processor, process_by_word)

    for receives in (1, 2):
        assert stack.receives(message(0, "transient", receives=receives)) == ["m0"]

    attempts = stack.dynamodb.item("run", 0)["attempts"]
    assert [(one["cause"], one["request_id"]) for one in attempts] == [
        ("ValueError: not now", "request-1")
    ] * 2
    assert stack.dynamodb.outcomes() == {0: None}


def test_retries_wait_longer_and_longer(processor, monkeypatch):
    """The delay doubles from RETRY_DELAY_S, up to half of it taken off by chance, to 15 minutes at most."""
    monkeypatch.setattr(processor, "MAX_RECEIVES", 21)
    stack = Stack(processor, process_by_word)

    for receives in range(1, 21):
        stack.receives(message(0, "transient", receives=receives))
        longest_s = min(2 * 2 ** (receives - 1), 900)
        assert longest_s / 2 - 0.5 <= stack.queue.delays_s["handle-0"] <= longest_s


def test_the_last_failure_waits_for_nothing(processor):
    """Nobody tries again after the last receive, so the message may become a dead letter at once."""
    stack = Stack(processor, process_by_word)

    stack.receives(message(0, "transient", receives=processor.MAX_RECEIVES))

    assert stack.queue.delays_s["handle-0"] == 0


def test_a_refused_release_does_not_lose_the_message(processor, capsys):
    """Where SQS does not take the delay, the message still fails and comes after its visibility timeout."""
    stack = Stack(processor, process_by_word, FakeQueue(refuses={"change_message_visibility"}))

    assert stack.receives(message(0, "transient"), message(1)) == ["m0"]

    assert stack.dynamodb.outcomes()[1] == "stored"
    assert "release_refused" in capsys.readouterr().out


def test_the_retry_matters_more_than_its_history(processor):
    """When even the failure cannot be written down, the message is tried again all the same."""
    stack = Stack(processor, process_by_word, dynamodb=FakeDynamoDB(refuses={0}))

    assert stack.receives(message(0, "transient")) == ["m0"]

    done = processor.settle(message(0, "transient"), processor.table, stack.queue, INVOCATION)
    assert done.cause.startswith("ValueError: not now (not recorded: ClientError: ")


def test_a_refused_store_is_tried_again(processor):
    """A result that DynamoDB did not take is no success, and not hopeless either."""
    stack = Stack(processor, dynamodb=FakeDynamoDB(refuses={0}))

    assert stack.receives(message(0), message(1)) == ["m0"]

    assert stack.dynamodb.outcomes() == {1: "stored"}


def test_a_redelivery_is_a_duplicate_and_no_error(processor, capsys):
    """SQS may deliver twice: the second result is refused, counted, and the message is done."""
    stack = Stack(processor)
    stack.receives(message(0))

    assert stack.receives(message(0, receives=2)) == []

    assert stack.dynamodb.item("run", 0)["duplicates"] == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["duplicates"] for line in lines] == [0, 1]
    assert [line["stored"] for line in lines] == [1, 1]


def test_a_late_success_wins_over_death(processor):
    """A redriven datapoint that succeeds at last is stored, with its history."""
    stack = Stack(processor, process_by_word)
    stack.receives(message(0, "transient"))
    processor.table.bury("run", 0, {"cause": "gave up"})

    assert stack.receives(message(0, "word")) == []

    item = stack.dynamodb.item("run", 0)
    assert (item["outcome"], len(item["attempts"])) == ("stored", 1)


# -- What is hopeless ------------------------------------------------------------------------


def test_a_permanent_error_is_dead_at_once(processor):
    """No retry is spent on what cannot succeed: it is in the dead-letter queue with cause and key."""
    stack = Stack(processor, process_by_word)
    letter = message(7, "permanent", receives=3)

    assert stack.receives(letter, message(8)) == []

    [sent] = stack.dead_letters()
    assert sent["MessageBody"] == letter["body"]
    values = {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()}
    assert json.loads(values.pop("cause")) == "PermanentError: never"
    assert values == {"run_id": "run", "n": "7", "receives": "3"}
    assert stack.dynamodb.item("run", 7)["attempts"][0]["cause"] == "PermanentError: never"
    assert stack.queue.delays_s == {}


@pytest.mark.parametrize("body", POISON, ids=lambda body: body[:12] or "empty")
def test_poison_goes_to_the_dead_letter_queue_with_its_key(processor, body):
    """A body that no collector wrote kills neither its batch nor its key."""
    stack = Stack(processor)

    assert stack.receives(message(0), message(1, body=body), message(2)) == []

    [sent] = stack.dead_letters()
    assert sent["MessageBody"] == body
    values = {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()}
    assert json.loads(values["cause"]).startswith("poison: ")
    assert (values["run_id"], values["n"]) == ("run", "1")
    assert stack.dynamodb.outcomes() == {0: "stored", 2: "stored"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": "0"},
        {"n": True},
        {"n": -1},
        {"n": 10**40},
        {"data": 5},
        {"run_id": None},
        {"work": 1},
        {"fault": []},
        {"collector": None},
        {"collector": "c"},
    ],
    ids=str,
)
def test_a_body_with_wrong_types_is_poison(processor, wrong):
    """Fields of other types than a collector's are not processed as if they were data."""
    stack = Stack(processor)
    body = json.dumps({**json.loads(message(0)["body"]), **wrong})

    assert stack.receives(message(0, body=body)) == []

    assert len(stack.dead_letters()) == 1
    assert stack.dynamodb.items == {}


def test_poison_without_attributes_is_buried_too(processor):
    """A foreign message may have no attributes, or binary ones."""
    stack = Stack(processor)
    bare, binary = message(0, body="x"), message(1, body="x")
    del bare["messageAttributes"]
    binary["messageAttributes"] = {"b": {"dataType": "Binary", "binaryValue": "AA=="}}

    assert stack.receives(bare, binary) == []

    assert [sorted(one["MessageAttributes"]) for one in stack.dead_letters()] == [["cause", "receives"]] * 2


def test_a_cause_survives_as_an_attribute(processor):
    """SQS refuses control characters and broken Unicode in attributes; a cause has none, and is not empty."""

    def process(data):
        raise PermanentError("\x00é\ud800\n" + "x" * 1000)

    stack = Stack(processor, process)

    assert stack.receives(message(0)) == []

    text = stack.dead_letters()[0]["MessageAttributes"]["cause"]["StringValue"]
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text).startswith("PermanentError:  é  xxx")


def test_a_refused_burial_is_a_failure(processor):
    """What the dead-letter queue does not take stays in the queue, and gets there by its receives."""
    stack = Stack(processor, process_by_word, FakeQueue(refuses={"send_message"}))

    assert stack.receives(message(0, "permanent"), message(1, body="poison"), message(2)) == ["m0", "m1"]

    assert set(stack.queue.delays_s) == {"handle-0", "handle-1"}
    assert stack.dynamodb.outcomes()[2] == "stored"


@pytest.mark.parametrize(
    "result", [float("nan"), b"bytes", {1, 2}, "x" * 300_000, "\ud800"], ids=lambda result: repr(result)[:12]
)
def test_a_result_that_cannot_be_stored_is_hopeless(processor, result):
    """Trying again would give the same result."""
    stack = Stack(processor, lambda data: result)

    assert stack.receives(message(0)) == []

    cause = json.loads(stack.dead_letters()[0]["MessageAttributes"]["cause"]["StringValue"])
    assert cause.startswith("PermanentError: process() returned")


@pytest.mark.parametrize("result", [None, 0, False, "", [], {}, {"a": [1, None, 2.5, "é"]}], ids=repr)
def test_any_json_result_is_a_result(processor, result):
    """Nothing is no failure: None and empty results are stored as they are."""
    stack = Stack(processor, lambda data: result)

    assert stack.receives(message(0)) == []

    assert json.loads(stack.dynamodb.item("run", 0)["result"]) == result


# -- Experiment controls ---------------------------------------------------------------------


def test_a_declared_fault_is_transient(processor):
    """The attempt that the plan names is struck before process() is called; another one is not."""
    seen = []
    stack = Stack(processor, lambda data: seen.append(data))

    assert stack.receives(message(0, fault="raise:1"), message(1, fault="raise:1@0")) == ["m0"]

    assert seen == ["word"]
    assert stack.dynamodb.item("run", 0)["attempts"][0]["cause"] == (
        "InjectedFault: injected by raise:1 at attempt 1"
    )


def test_declared_work_takes_its_time(processor):
    """Work is part of the attempt: between started_at and finished_at, waiting or computing."""
    stack = Stack(processor)

    stack.receives(message(0, work="io:30ms"), message(1, work="cpu:30ms"))

    for n in (0, 1):
        item = stack.dynamodb.item("run", n)
        assert item["finished_at"] - item["started_at"] >= 0.029


def test_without_experiment_controls_a_message_cannot_ask_for_them(import_fresh):
    """A stack for real data ignores what a message declares."""
    stack = Stack(import_fresh("processor", EXPERIMENT_CONTROLS="off"))

    assert stack.receives(message(0, fault="raise:1", work="io:10s")) == []

    assert stack.dynamodb.outcomes() == {0: "stored"}


# -- Log and environment -----------------------------------------------------------------------


def test_a_batch_is_one_log_line(processor, capsys):
    """Counts per batch, one write time per message, and nobody's data."""
    stack = Stack(processor, process_by_word)

    stack.receives(message(0, "secret"), message(1, "transient"), message(2, "permanent"))

    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["event"], line["function"], line["cold"]) == ("batch_processed", "processor", True)
    assert [line[name] for name in ("received", "stored", "failed", "hopeless")] == [3, 1, 1, 1]
    assert len(line["put_s"]) == 3
    assert "secret" not in out


def test_a_cold_batch_is_one_cold_start(processor):
    """All items of an environment's first batch say cold, none of its second."""
    stack = Stack(processor)

    stack.receives(message(0), message(1))
    stack.receives(message(2))

    items = [stack.dynamodb.item("run", n) for n in range(3)]
    assert [item["cold"] for item in items] == [True, True, False]
    assert len({item["environment_id"] for item in items}) == 1
