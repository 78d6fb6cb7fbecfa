"""The processor gives each message of a batch its own outcome: stored, retried or dead."""

import json
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import CONTEXT, INVOCATION, FakeDynamoDB, FakeQueue, process_by_word
from support.harmful import HARMFUL, harm
from support.messages import message

from lambdist_lib.protocol.contract import Datapoint, PermanentError, data_digest, message_body

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


class Stack:
    """A processor between an in-memory queue and table; `process` sees each datapoint."""

    def __init__(self, module, process=None, queue=None, dynamodb=None):
        self.module = module
        self.queue, self.dynamodb = queue or FakeQueue(), dynamodb or FakeDynamoDB()
        module.queues.client, module.table.client = self.queue, self.dynamodb
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


# -- One batch -----------------------------------------------------------------------------


def test_a_result_is_stored_with_its_times(processor):
    """The item holds the result and the time at each stage."""
    stack = Stack(processor)

    assert stack.receives(message(3, "Sed", receives=2)) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["result"]) == ("stored", '"Sed_processed"')
    assert (item["queued_at"], item["first_received_at"], item["received_at"]) == (2.0, 3.0, 1.5)
    assert (item["receives"], item["attempt"], item["collector_request_id"]) == (2, 2, "c1")
    assert item["started_at"] <= item["finished_at"] <= item["put_at"]
    assert (item["request_id"], item["cold"]) == ("request-1", True)
    assert item["digest"] == data_digest("Sed")
    assert item["init_s"] > 0


def test_a_message_without_a_collector_is_processed(processor):
    """Where the client or the API wrote the message, the queue's stamp stands for the collector's."""
    stack = Stack(processor)
    body = message_body(Datapoint(run_id="run", n=3, data="Sed"), collector={})

    assert stack.receives(message(3, body=body)) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["result"], item["received_at"], item["collector_request_id"]) == ('"Sed_processed"', 2.0, "")


def test_the_processor_holds_the_datapoint_rule(import_fresh):
    """A datapoint that the rule rejects is dead at once, with the reason, where no collector looked."""
    stack = Stack(import_fresh("processor", MAX_CHARS="3"))

    assert stack.receives(message(0, "long"), message(1, "a\x01b")) == []

    causes = [stack.dynamodb.item("run", n)["attempts"][0]["cause"] for n in (0, 1)]
    assert causes[0] == "PermanentError: the datapoint has 4 characters, at most 3 are taken"
    assert "U+0001" in causes[1]
    assert len(stack.dead_letters()) == 2


def test_a_failing_datapoint_fails_alone(processor):
    """One failure returns to the queue; the rest of its batch is stored."""
    stack = Stack(processor, process_by_word)

    assert stack.receives(message(0, "Sed"), message(1, "transient"), message(2, "ut")) == ["m1"]

    assert stack.dynamodb.outcomes() == {0: "stored", 1: None, 2: "stored"}


@given(
    st.lists(
        st.sampled_from(["good", "transient", "permanent", "poison", "refused"]), min_size=1, max_size=10
    )
)
@GIVEN_ONCE
def test_a_batch_returns_exactly_its_transient_failures(processor, kinds):
    """For any batch of 1 to 10: the ids of the transient failures, each once, or [].

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


# -- Transient failures ---------------------------------------------------------------------


def test_a_transient_failure_is_recorded_in_the_history(processor):
    """The item records each failed attempt with cause and invocation, and has no outcome yet."""
    stack = Stack(processor, process_by_word)

    for receives in (1, 2):
        assert stack.receives(message(0, "transient", receives=receives)) == ["m0"]

    attempts = stack.dynamodb.item("run", 0)["attempts"]
    assert [(one["cause"], one["request_id"]) for one in attempts] == [
        ("ValueError: not now", "request-1")
    ] * 2
    assert stack.dynamodb.outcomes() == {0: None}


def test_the_retry_delay_doubles(processor, monkeypatch):
    """The delay doubles from RETRY_DELAY_S to at most 15 minutes, with jitter of up to half of it."""
    monkeypatch.setattr(sys.modules["messages"], "MAX_RECEIVES", 21)
    stack = Stack(processor, process_by_word)

    for receives in range(1, 21):
        stack.receives(message(0, "transient", receives=receives))
        longest_s = min(2 * 2 ** (receives - 1), 900)
        assert longest_s / 2 - 0.5 <= stack.queue.delays_s["handle-0"] <= longest_s


def test_the_last_failure_has_no_delay(processor):
    """No retry follows the last receive, so SQS may dead-letter the message at once."""
    stack = Stack(processor, process_by_word)

    stack.receives(message(0, "transient", receives=5))

    assert stack.queue.delays_s["handle-0"] == 0


def test_a_rejected_release_does_not_lose_the_message(processor, capsys):
    """If SQS rejects the delay, the message still fails and returns after its visibility timeout."""
    stack = Stack(processor, process_by_word, FakeQueue(refuses={"change_message_visibility"}))

    assert stack.receives(message(0, "transient"), message(1)) == ["m0"]

    assert stack.dynamodb.outcomes()[1] == "stored"
    assert "release_refused" in capsys.readouterr().out


def test_a_failure_that_cannot_be_recorded_is_retried(processor):
    """The message returns to the queue even if its failure cannot be recorded."""
    stack = Stack(processor, process_by_word, dynamodb=FakeDynamoDB(refuses={0}))

    assert stack.receives(message(0, "transient")) == ["m0"]

    one = processor.Message(message(0, "transient"))
    done = processor.process_message(one, INVOCATION, processor.Watchdog(CONTEXT))
    assert done.cause.startswith("ValueError: not now (not recorded: ClientError: ")


def test_a_rejected_store_is_retried(processor):
    """A result that DynamoDB rejects is a transient failure."""
    stack = Stack(processor, dynamodb=FakeDynamoDB(refuses={0}))

    assert stack.receives(message(0), message(1)) == ["m0"]

    assert stack.dynamodb.outcomes() == {1: "stored"}


def test_a_redelivery_counts_as_a_duplicate(processor, capsys):
    """SQS may deliver twice: the second result is rejected and counted, and the message succeeds."""
    stack = Stack(processor)
    stack.receives(message(0))

    assert stack.receives(message(0, receives=2)) == []

    assert stack.dynamodb.item("run", 0)["duplicates"] == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["duplicates"] for line in lines] == [0, 1]
    assert [line["stored"] for line in lines] == [1, 1]


def test_a_late_success_wins_over_death(processor):
    """A redriven datapoint that succeeds is stored, with its history."""
    stack = Stack(processor, process_by_word)
    stack.receives(message(0, "transient"))
    processor.table.record_death("run", 0, {"cause": "gave up"})

    assert stack.receives(message(0, "word")) == []

    item = stack.dynamodb.item("run", 0)
    assert (item["outcome"], len(item["attempts"])) == ("stored", 1)


# -- Permanent failures -----------------------------------------------------------------------


def test_a_permanent_error_reaches_the_dead_letter_queue_at_once(processor):
    """A permanent failure has no retry; its dead letter has cause and key."""
    stack = Stack(processor, process_by_word)
    letter = message(7, "permanent", receives=3)

    assert stack.receives(letter, message(8)) == []

    [sent] = stack.dead_letters()
    assert sent["MessageBody"] == letter["body"]
    values = {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()}
    assert json.loads(values.pop("cause")) == "PermanentError: never"
    digest = data_digest("permanent")
    assert values == {"run_id": "run", "n": "7", "receives": "3", "class": "application", "digest": digest}
    assert stack.dynamodb.item("run", 7)["attempts"][0]["cause"] == "PermanentError: never"
    assert stack.queue.delays_s == {}


@pytest.mark.parametrize("body", POISON, ids=lambda body: body[:12] or "empty")
def test_poison_goes_to_the_dead_letter_queue_with_its_key(processor, body):
    """A malformed body harms neither its batch nor its key."""
    stack = Stack(processor)

    assert stack.receives(message(0), message(1, body=body), message(2)) == []

    [sent] = stack.dead_letters()
    assert sent["MessageBody"] == body
    values = {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()}
    assert json.loads(values["cause"]).startswith("poison: ")
    assert (values["run_id"], values["n"], values["class"]) == ("run", "1", "poison")
    assert stack.dynamodb.outcomes() == {0: "stored", 1: None, 2: "stored"}
    [attempt] = stack.dynamodb.item("run", 1)["attempts"]
    assert (attempt["class"], attempt["receive"]) == ("poison", 1)


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
    """Fields of wrong types are not processed."""
    stack = Stack(processor)
    body = json.dumps({**json.loads(message(0)["body"]), **wrong})

    assert stack.receives(message(0, body=body)) == []

    assert len(stack.dead_letters()) == 1
    assert stack.dynamodb.outcomes() == {0: None}


def test_poison_without_attributes_reaches_the_dead_letter_queue(processor):
    """A message from elsewhere may have no attributes, or binary ones."""
    stack = Stack(processor)
    bare, binary = message(0, body="x"), message(1, body="x")
    del bare["messageAttributes"]
    binary["messageAttributes"] = {"b": {"dataType": "Binary", "binaryValue": "AA=="}}

    assert stack.receives(bare, binary) == []

    assert [sorted(one["MessageAttributes"]) for one in stack.dead_letters()] == [
        ["cause", "class", "receives"]
    ] * 2
    assert stack.dynamodb.items == {}  # no key, no item


def test_a_cause_fits_an_attribute(processor):
    """A cause has no control characters or broken Unicode, which SQS rejects, and is not empty."""

    def process(data):
        raise PermanentError("\x00é\ud800\n" + "x" * 1000)

    stack = Stack(processor, process)

    assert stack.receives(message(0)) == []

    text = stack.dead_letters()[0]["MessageAttributes"]["cause"]["StringValue"]
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text).startswith("PermanentError:  é  xxx")


def test_a_rejected_dead_letter_is_a_failure(processor):
    """A message that the dead-letter queue rejects stays queued and gets there by its receives."""
    stack = Stack(processor, process_by_word, FakeQueue(refuses={"send_message"}))

    assert stack.receives(message(0, "permanent"), message(1, body="poison"), message(2)) == ["m0", "m1"]

    assert set(stack.queue.delays_s) == {"handle-0", "handle-1"}
    assert stack.dynamodb.outcomes()[2] == "stored"


@pytest.mark.parametrize(
    "result", [float("nan"), b"bytes", {1, 2}, "x" * 300_000, "\ud800"], ids=lambda result: repr(result)[:12]
)
def test_an_unstorable_result_is_a_permanent_failure(processor, result):
    """A retry would give the same result."""
    stack = Stack(processor, lambda data: result)

    assert stack.receives(message(0)) == []

    cause = json.loads(stack.dead_letters()[0]["MessageAttributes"]["cause"]["StringValue"])
    assert cause.startswith("PermanentError: process() returned")


@pytest.mark.parametrize("result", [None, 0, False, "", [], {}, {"a": [1, None, 2.5, "é"]}], ids=repr)
def test_any_json_result_is_stored(processor, result):
    """None and empty results are stored as they are."""
    stack = Stack(processor, lambda data: result)

    assert stack.receives(message(0)) == []

    assert json.loads(stack.dynamodb.item("run", 0)["result"]) == result


@pytest.mark.parametrize("kind", HARMFUL)
@pytest.mark.parametrize("partial", ["on", "off"])
def test_whatever_a_datapoint_does_harms_only_itself(import_fresh, kind, partial):
    """Its neighbours are stored, or return with it in a batch that is a unit; the cause is its own."""
    stack = Stack(import_fresh("processor", PARTIAL_BATCH_RESPONSES=partial), harm)
    batch = [message(0, "good"), message(1, kind), message(2, "good")]

    if partial == "on":
        assert stack.receives(*batch) in ([], ["m1"])
        assert stack.dynamodb.outcomes() == {0: "stored", 1: None, 2: "stored"}
    else:
        with pytest.raises(stack.module.BatchFailed):
            stack.receives(*batch)

    [attempt] = stack.dynamodb.item("run", 1)["attempts"]
    assert (attempt["class"], attempt["cause"].startswith(HARMFUL[kind])) == ("application", True)


def test_a_permanent_error_is_retried_with_the_switch_off(import_fresh):
    """With the switch off it is retried like any other failure, as in the original."""
    stack = Stack(import_fresh("processor", PERMANENT_AT_ONCE="off"), process_by_word)

    assert stack.receives(message(0, "permanent"), message(1, body="poison"), message(2)) == ["m0", "m1"]

    assert stack.dead_letters() == []
    assert stack.dynamodb.item("run", 0)["attempts"][0]["cause"] == "PermanentError: never"
    assert stack.dynamodb.item("run", 1)["attempts"][0]["class"] == "poison"
    assert set(stack.queue.delays_s) == {"handle-0", "handle-1"}


# -- Time ------------------------------------------------------------------------------------


def context(timeout_s):
    """A Lambda context with this much time left."""
    ends_s = time.monotonic() + timeout_s
    left_ms = lambda: int((ends_s - time.monotonic()) * 1000)  # noqa: E731
    return SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=left_ms)


def swallowing(data):
    """Catch every Exception, as much code does."""
    if data == "slow":
        try:
            time.sleep(30)
        except Exception:
            return "never"
    return data


def test_an_attempt_beyond_the_timeout_fails_alone(processor):
    """It is recorded and released just before the timeout, without harm to its batch."""
    stack = Stack(processor, swallowing)
    began_s = time.monotonic()

    batch = [message(0, "good"), message(1, "slow"), message(2, "late")]
    answer = processor.handler({"Records": batch}, context(1.2))

    assert time.monotonic() - began_s < 1.2
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert stack.dynamodb.outcomes() == {0: "stored", 1: None}
    [attempt] = stack.dynamodb.item("run", 1)["attempts"]
    assert (attempt["class"], attempt["cause"][:25]) == ("timeout", "timeout: process() still ")
    assert stack.queue.delays_s["handle-2"] == 0  # nothing was wrong with it: it need not wait


def insistent(data):
    """Catch the alarm's exception, too, and go on or return as if nothing had happened."""
    for _ in range(2 if data == "twice" else 1):
        try:
            time.sleep(30)
        except BaseException:
            if data == "raises":
                raise ValueError("connection lost") from None
    return data


@pytest.mark.parametrize("data", ["returns", "raises", "twice"])
def test_a_caught_timeout_is_a_timeout(processor, data):
    """Whatever process() makes of the alarm's exception, its time was up."""
    stack = Stack(processor, lambda text: text if text == "good" else insistent(text))

    answer = processor.handler({"Records": [message(0, "good"), message(1, data)]}, context(0.6))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert stack.dynamodb.outcomes() == {0: "stored", 1: None}
    [attempt] = stack.dynamodb.item("run", 1)["attempts"]
    assert attempt["class"] == "timeout"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_unstarted_message_is_requeued_at_its_last_receive(processor):
    """A message that its batch left no time for is replaced by a copy with no receives."""
    stack = Stack(processor, swallowing)

    batch = [message(0, "slow", receives=5), message(1, "late", receives=5)]
    answer = processor.handler({"Records": batch}, context(0.2))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    [copy] = stack.queue.sent
    assert copy["QueueUrl"] == "http://queue"
    assert copy["MessageBody"] == batch[1]["body"]
    assert copy["MessageAttributes"]["receives_before"] == {"DataType": "Number", "StringValue": "5"}
    assert stack.queue.deleted == ["handle-1"]


def test_an_attempt_in_time_leaves_no_alarm_behind(processor):
    """No alarm rings after the handler, neither in the next invocation nor between."""
    stack = Stack(processor)
    processor.handler({"Records": [message(0)]}, context(0.5))

    time.sleep(0.52)

    assert stack.dynamodb.outcomes() == {0: "stored"}
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


# -- Messages that crash the process ----------------------------------------------------------


def requeued(item, before):
    """A message as it arrives after it was requeued."""
    item["messageAttributes"]["receives_before"] = {"dataType": "Number", "stringValue": str(before)}
    return item


def test_a_crash_suspect_is_processed_last_and_alone(processor):
    """Receives without a trace mean a crash: at the last one the rest of the batch is done first."""
    seen = []
    stack = Stack(processor, lambda data: seen.append(data))
    for receive in range(1, 5):
        processor.table.append_attempt("run", 3, "no", "r", receive=receive)
    batch = [message(n, f"word-{n}", receives=5 if n else 2) for n in range(4)]

    assert stack.receives(*batch) == []

    assert seen == ["word-0", "word-3", "word-1"]  # 3 has its traces, so of 1 and 2 one is the killer
    assert [one["MessageAttributes"]["n"]["StringValue"] for one in stack.queue.sent] == ["2"]
    assert stack.queue.deleted == ["handle-2"]


def test_a_requeued_copy_continues_the_attempt_count(processor):
    """Fault draws and the item's history number the attempts across copies."""
    stack = Stack(processor, process_by_word)
    letter = requeued(message(0, "transient", receives=2), before=5)

    assert stack.receives(letter, message(1)) == ["m0"]

    assert [one["receive"] for one in stack.dynamodb.item("run", 0)["attempts"]] == [7]
    assert stack.queue.delays_s["handle-0"] <= 4  # the second delay of this message


def test_a_copy_with_all_its_traces_is_not_a_suspect(processor):
    """Receives of the earlier message need no trace."""
    stack = Stack(processor, process_by_word)
    for receive in range(6, 10):
        processor.table.append_attempt("run", 0, "no", "r", receive=receive)
    letter = requeued(message(0, "transient", receives=5), before=5)

    assert stack.receives(letter, message(1)) == ["m0"]
    assert stack.queue.sent == []


def test_a_suspect_that_cannot_be_requeued_is_processed(processor):
    """If the queue rejects the copy, the message has its last attempt here."""
    stack = Stack(processor, queue=FakeQueue(refuses={"send_message"}))

    assert stack.receives(message(0, receives=5), message(1, receives=5)) == []

    assert stack.dynamodb.outcomes() == {0: "stored", 1: "stored"}


def test_an_unreadable_history_makes_no_suspects(processor):
    """Without an answer of the table each message has its attempt."""
    stack = Stack(processor, process_by_word, dynamodb=FakeDynamoDB(refuses={0, 1}))

    assert stack.receives(message(0, receives=5), message(1, receives=5)) == ["m0", "m1"]
    assert stack.queue.sent == []


# -- Without partial batch responses -----------------------------------------------------------


@pytest.fixture
def whole(import_fresh):
    return import_fresh("processor", PARTIAL_BATCH_RESPONSES="off")


def test_a_batch_as_a_unit_is_stored_when_all_succeed(whole):
    """Each datapoint is stored, and the response is empty."""
    stack = Stack(whole)

    assert stack.receives(message(0), message(1)) == []

    assert stack.dynamodb.outcomes() == {0: "stored", 1: "stored"}


@pytest.mark.parametrize("bad", ["transient", "permanent", "poison"])
def test_one_failure_fails_its_whole_batch(whole, bad):
    """Nothing is stored and the invocation fails; each item records the cause."""
    stack = Stack(whole, process_by_word)

    with pytest.raises(whole.BatchFailed, match="3 of 3 messages go back"):
        stack.receives(message(0), message(1, bad, body="x" if bad == "poison" else None), message(2))

    assert stack.dynamodb.outcomes() == {0: None, 1: None, 2: None}
    causes = [stack.dynamodb.item("run", n)["attempts"][0]["cause"] for n in range(3)]
    assert causes[0] == causes[2] == f"batch: went back whole because of datapoint 1: {causes[1]}"
    assert set(stack.queue.delays_s) == {"handle-0", "handle-1", "handle-2"}
    assert stack.dead_letters() == []


# -- Experiment controls ---------------------------------------------------------------------


def test_a_declared_fault_strikes_its_attempt_only(processor):
    """The fault replaces process() in the attempt that the plan names, not in another one."""
    seen = []
    stack = Stack(processor, lambda data: seen.append(data))

    assert stack.receives(message(0, fault="raise:1"), message(1, fault="raise:1@0")) == ["m0"]

    assert seen == ["word"]
    assert stack.dynamodb.item("run", 0)["attempts"][0]["cause"] == (
        "InjectedFault: injected by raise:1 at attempt 1"
    )


def test_a_declared_permanent_fault_is_a_permanent_failure(processor):
    """It is dead at once, like a PermanentError from process()."""
    stack = Stack(processor)

    assert stack.receives(message(0, fault="permanent:1")) == []

    [letter] = stack.dead_letters()
    cause = json.loads(letter["MessageAttributes"]["cause"]["StringValue"])
    assert cause == "InjectedPermanentFault: injected by permanent:1 at attempt 1"


@pytest.mark.parametrize(("kind", "stored"), [("crash", False), ("crash-after", True)])
def test_a_declared_crash_kills_the_process(processor, monkeypatch, kind, stored):
    """It strikes before or after the write and leaves only the marker of a started attempt."""
    stack = Stack(processor)

    left = []
    monkeypatch.setattr(os, "_exit", lambda status: left.append((status, stack.dynamodb.item("run", 0))))
    stack.receives(message(0, fault=f"{kind}:1"))

    [(status, item)] = left
    assert status == 70
    assert (item.get("outcome") == "stored", item.get("attempts", [])) == (stored, [])
    assert [one["receive"] for one in item["started"]] == [1]


def test_a_crash_after_the_write_happens_once(processor):
    """On redelivery the datapoint is already stored: without a write there is no crash."""
    stack = Stack(processor)
    processor.table.store("run", 0, {"result": "1"})

    assert stack.receives(message(0, fault="crash-after:1", receives=2)) == []

    assert stack.dynamodb.item("run", 0)["duplicates"] == 1


def test_a_memory_fault_without_a_limit_fails_the_attempt(processor, monkeypatch):
    """On a target without a memory limit, the fault takes a little more and fails."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "16")
    stack = Stack(processor)

    assert stack.receives(message(0, fault="memory:1")) == ["m0"]

    assert stack.dynamodb.item("run", 0)["attempts"][0]["cause"].endswith(
        "the function got memory beyond its limit"
    )


def test_only_attempts_that_may_crash_are_marked(processor):
    """An attempt that can only raise has no marker, which would cost one more write."""
    stack = Stack(processor)

    stack.receives(
        message(0), message(1, receives=2), message(2, fault="raise:0"), message(3, fault="crash:0")
    )

    assert [len(stack.dynamodb.item("run", n).get("started", [])) for n in range(4)] == [0, 1, 0, 1]


def test_an_invocation_may_occupy_concurrency(processor, import_fresh, capsys):
    """The throttle fault uses it; a stack without experiment controls ignores it."""
    began_s = time.monotonic()
    assert processor.handler({"hold_s": 0.05}, CONTEXT) == {}
    assert time.monotonic() - began_s >= 0.05
    assert json.loads(capsys.readouterr().out)["event"] == "place_held"

    with pytest.raises(KeyError):
        import_fresh("processor", EXPERIMENT_CONTROLS="off").handler({"hold_s": 1}, CONTEXT)


def test_declared_work_takes_its_duration(processor):
    """Work is part of the attempt: between started_at and finished_at, waiting or computing."""
    stack = Stack(processor)

    stack.receives(message(0, work="io:30ms"), message(1, work="cpu:30ms"))

    for n in (0, 1):
        item = stack.dynamodb.item("run", n)
        assert item["finished_at"] - item["started_at"] >= 0.029


def test_a_stack_without_experiment_controls_ignores_them(import_fresh):
    """A stack for real data ignores the work and faults of a message."""
    stack = Stack(import_fresh("processor", EXPERIMENT_CONTROLS="off"))

    assert stack.receives(message(0, fault="raise:1", work="io:10s")) == []

    assert stack.dynamodb.outcomes() == {0: "stored"}


# -- Log and environment -----------------------------------------------------------------------


def test_a_batch_is_one_log_line(processor, capsys):
    """Counts per batch and one write time per message, but no data."""
    stack = Stack(processor, process_by_word)

    stack.receives(message(0, "secret"), message(1, "transient"), message(2, "permanent"))

    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["event"], line["function"], line["cold"]) == ("batch_processed", "processor", True)
    assert [line[name] for name in ("received", "stored", "failed", "permanent")] == [3, 1, 1, 1]
    assert len(line["put_s"]) == 3
    assert "secret" not in out


def test_a_cold_batch_is_one_cold_start(processor):
    """Every item of an environment's first batch is cold, and none of its second."""
    stack = Stack(processor)

    stack.receives(message(0), message(1))
    stack.receives(message(2))

    items = [stack.dynamodb.item("run", n) for n in range(3)]
    assert [item["cold"] for item in items] == [True, True, False]
    assert len({item["environment_id"] for item in items}) == 1
