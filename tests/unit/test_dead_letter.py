"""The dead-letter handler writes each death down with its cause, and tells people once."""

import json

import pytest
from fakes import CONTEXT, FakeDynamoDB, FakeTopic, refusal


def letter(n, body='{"data": "secret"}', *, run_id="run", cause=None, attributes=None, message_id=None):
    """One message of the dead-letter queue; `cause` is attached as the processor does it."""
    if attributes is None:
        attributes = {"run_id": run_id, "n": str(n)}
        if cause is not None:
            attributes |= {"cause": json.dumps(cause), "receives": "1"}
    return {
        "messageId": message_id or f"00000000-0000-4000-8000-{n:012}",
        "receiptHandle": f"handle-{n}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "6", "SentTimestamp": "2000"},
        "messageAttributes": {
            name: {"dataType": "String", "stringValue": value} for name, value in attributes.items()
        },
    }


class Stack:
    """A dead-letter handler between an in-memory table and topic."""

    def __init__(self, module, dynamodb=None, topic=None):
        self.module = module
        self.dynamodb, self.topic = dynamodb or FakeDynamoDB(), topic or FakeTopic()
        module.table.client, module.sns = self.dynamodb, self.topic

    def receives(self, *letters):
        """Ids of the messages that stay in the dead-letter queue."""
        answer = self.module.handler({"Records": list(letters)}, CONTEXT)
        assert list(answer) == ["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def mail(self):
        [published] = self.topic.published
        return published["Message"]


@pytest.fixture
def stack(import_fresh):
    return Stack(import_fresh("dead_letter"))


# -- What is written down --------------------------------------------------------------------


def test_a_death_is_written_down_in_full(stack):
    """Payload, cause, number of receives and times are on the datapoint's item."""
    assert stack.receives(letter(3, cause="PermanentError: never")) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["cause"], item["receives"]) == ("dead", "PermanentError: never", 1)
    assert (item["payload"], item["queued_at"]) == ('{"data": "secret"}', 2.0)
    assert item["dead_at"] > 0


def test_a_death_by_receives_has_its_history(stack):
    """What came by its receives has no cause of its own: the last failed attempt is why."""
    for cause in ("ValueError: first", "ValueError: last"):
        stack.module.table.append_attempt("run", 3, cause, "r")

    assert stack.receives(letter(3)) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["receives"], len(item["attempts"])) == ("dead", 5, 2)
    assert "1  ValueError: last" in stack.mail()


def test_a_death_without_a_trace_is_told_as_such(stack):
    """A Lambda that timed out or was throttled leaves no attempt: that is a finding, not a gap."""
    stack.receives(letter(3))

    assert "1  no trace" in stack.mail()


@pytest.mark.parametrize(
    "body", ["", "no JSON", "null", "[" * 200_000, "\x00\U0001f44d"], ids=lambda body: ascii(body[:9])
)
def test_bodies_are_never_parsed(stack, body):
    """What is here may be here because it cannot be parsed: it is kept as it came, at least its beginning."""
    assert stack.receives(letter(3, body)) == []

    item = stack.dynamodb.item("run", 3)
    assert body.startswith(item["payload"])
    assert item["outcome"] == "dead"


def test_a_large_payload_is_cut_to_what_an_item_holds(stack):
    """A dead letter of a megabyte is written down, not refused for ever."""
    stack.receives(letter(3, "\U0001f44d" * 250_000))

    assert 79_000 < len(stack.dynamodb.item("run", 3)["payload"].encode()) <= 80_000


@pytest.mark.parametrize(
    "attributes", [{}, {"run_id": "run"}, {"n": "1"}, {"run_id": "run", "n": "x"}], ids=str
)
def test_a_message_without_a_key_gets_one(stack, attributes):
    """A foreign message is kept under a key of its own, the same one each time it comes."""
    strays = [
        letter(n, attributes=attributes, message_id=f"{n}1111111-2222-4333-8444-555555555555") for n in (1, 2)
    ]

    assert stack.receives(*strays, strays[0]) == []

    assert len(stack.dynamodb.items) == 2
    assert all(shard.startswith("unkeyed-") and 0 <= n < 2**53 for shard, n in stack.dynamodb.items)


def test_what_is_stored_is_not_dead(stack):
    """A late success wins: its dead letter changes nothing and is not in the mail."""
    stack.module.table.store("run", 0, {"result": "1"})

    assert stack.receives(letter(0), letter(1)) == []

    assert stack.dynamodb.outcomes() == {0: "stored", 1: "dead"}
    assert stack.mail().startswith("1 datapoints could not be processed")


def test_a_record_that_cannot_be_written_stays(import_fresh, capsys):
    """What DynamoDB refuses stays in the dead-letter queue; its neighbours are written and told of."""
    stack = Stack(import_fresh("dead_letter"), FakeDynamoDB(refuses={1}))
    letters = [letter(n) for n in range(3)]

    assert stack.receives(*letters) == [letters[1]["messageId"]]

    assert stack.dynamodb.outcomes() == {0: "dead", 2: "dead"}
    assert stack.mail().startswith("2 datapoints")
    assert "burial_failed" in capsys.readouterr().out


# -- The mail ----------------------------------------------------------------------------------


def test_the_mail_counts_by_cause_and_run_and_quotes_no_payload(stack):
    """One mail for all: how many, why, of which runs, and what to type; nobody's data."""
    letters = [letter(n, cause="ValueError: no") for n in range(3)]
    letters += [letter(9, cause="KeyError: 'x'", run_id="other")]

    stack.receives(*letters)

    [published] = stack.topic.published
    assert published["TopicArn"].endswith(":topic")
    assert published["Subject"] == "lambdist stack: 4 dead"
    assert published["Message"].splitlines() == [
        "4 datapoints could not be processed by the stack stack.",
        "",
        "Causes:",
        "       3  ValueError: no",
        "       1  KeyError: 'x'",
        "",
        "Runs:",
        "       3  run",
        "       1  other",
        "",
        "Their results and causes in input order:",
        "  lambdist fetch run",
        "  lambdist fetch other",
    ]


def test_many_causes_are_summed_up(stack):
    """A mail stays readable where every death has a cause of its own."""
    stack.receives(*(letter(n, cause=f"ValueError: {n}") for n in range(25)))

    assert "and 5 more causes" in stack.mail()
    assert len(stack.mail().splitlines()) < 35


def test_nothing_dead_is_no_mail(stack):
    """An invocation that found only stored datapoints tells nobody."""
    stack.module.table.store("run", 0, {"result": "1"})

    stack.receives(letter(0))

    assert stack.topic.published == []


def test_a_subject_fits_its_limit(import_fresh):
    """SNS refuses a subject of more than 100 characters, and a stack's name may have 128."""
    stack = Stack(import_fresh("dead_letter", STACK_NAME="s" * 128))

    stack.receives(letter(0))

    assert len(stack.topic.published[0]["Subject"]) == 100


def test_a_mail_that_cannot_be_sent_is_sent_later(import_fresh):
    """SNS failing fails the invocation, so that the messages stay; the second time all is as if the first."""
    stack = Stack(import_fresh("dead_letter"), topic=FakeTopic(refuses=True))
    letters = [letter(n, cause="ValueError: no") for n in range(2)]

    with pytest.raises(type(refusal("Throttled"))):
        stack.receives(*letters)
    before = {n: stack.dynamodb.item("run", n) for n in range(2)}
    stack.topic.refuses = False
    assert stack.receives(*letters) == []

    for n, item in before.items():
        again = stack.dynamodb.item("run", n)
        assert {**again, "dead_at": 0, "expires_at": 0} == {**item, "dead_at": 0, "expires_at": 0}
    assert stack.mail().startswith("2 datapoints")


def test_an_invocation_is_one_log_line(stack, capsys):
    """Counts only: nobody's data is in the log."""
    stack.receives(letter(0), letter(1))

    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["event"], line["received"], line["dead"], line["failed"]) == (
        "dead_letters_recorded",
        2,
        2,
        0,
    )
    assert line["cold"] is True
    assert "secret" not in out
