"""The dead-letter handler records each death with its cause and sends one mail."""

import json
import time

import pytest
from support.fakes import CONTEXT, FakeDynamoDB, FakeTopic, refusal


def letter(
    n,
    body='{"data": "secret"}',
    *,
    run_id="run",
    cause=None,
    cause_class="application",
    attributes=None,
    message_id=None,
    sent_at=2,
):
    """One message of the dead-letter queue; `cause` is attached as the processor does it."""
    if attributes is None:
        attributes = {"run_id": run_id, "n": str(n)}
        if cause is not None:
            attributes |= {"cause": json.dumps(cause), "class": cause_class, "receives": "1"}
    return {
        "messageId": message_id or f"00000000-0000-4000-8000-{n:012}",
        "receiptHandle": f"handle-{n}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "6", "SentTimestamp": str(sent_at * 1000)},
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


# -- Records of deaths ------------------------------------------------------------------------


def test_a_death_is_recorded_in_full(stack):
    """Payload, cause, number of receives and times are on the datapoint's item."""
    assert stack.receives(letter(3, cause="PermanentError: never")) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["cause"], item["receives"]) == ("dead", "PermanentError: never", 1)
    assert item["cause_class"] == "application"
    assert (item["payload"], item["queued_at"]) == ('{"data": "secret"}', 2.0)
    assert item["dead_at"] > 0


def test_a_death_by_receives_has_the_cause_of_its_last_attempt(stack):
    """A message moved by its receives has no cause attribute: its last failed attempt is the cause."""
    for cause in ("ValueError: first", "ValueError: last"):
        stack.module.table.append_attempt("run", 3, cause, "r")

    assert stack.receives(letter(3)) == []

    item = stack.dynamodb.item("run", 3)
    assert (item["outcome"], item["receives"], len(item["attempts"])) == ("dead", 5, 2)
    assert (item["cause"], item["cause_class"]) == ("ValueError: last", "application")


def test_a_started_attempt_without_a_failure_is_a_crash(stack):
    """A crashed process leaves the marker without a failed attempt."""
    stack.module.table.mark_started("run", 3, "r1", 5)

    stack.receives(letter(3))

    item = stack.dynamodb.item("run", 3)
    assert (item["cause"], item["cause_class"]) == ("crash: its process ended within receive 5", "crash")
    assert "1  crash" in stack.mail()


@pytest.mark.parametrize(("controls", "expected"), [("on", "throttle-only"), ("off", "no trace")])
def test_a_death_without_a_trace_has_its_own_class(import_fresh, controls, expected):
    """Where attempts are marked, no trace means throttled; elsewhere it may be a crash, too."""
    stack = Stack(import_fresh("dead_letter", EXPERIMENT_CONTROLS=controls))

    stack.receives(letter(3))

    assert stack.dynamodb.item("run", 3)["cause_class"] == expected
    assert f"1  {expected}" in stack.mail()


def test_attempts_before_a_redrive_explain_no_later_death(stack):
    """Attempts before the redrive stay on the item but are not the cause of the new death."""
    stack.module.table.append_attempt("run", 3, "ValueError: then", "r")

    stack.receives(letter(3, sent_at=4_000_000_000))

    item = stack.dynamodb.item("run", 3)
    assert (item["cause_class"], len(item["attempts"])) == ("throttle-only", 1)


def test_receives_before_a_requeue_count(stack):
    """A requeued copy resets the queue's count, not the datapoint's."""
    stack.receives(letter(3, attributes={"run_id": "run", "n": "3", "receives_before": "2"}))

    assert stack.dynamodb.item("run", 3)["receives"] == 7


@pytest.mark.parametrize(
    "body", ["", "no JSON", "null", "[" * 200_000, "\x00\U0001f44d"], ids=lambda body: ascii(body[:9])
)
def test_bodies_are_never_parsed(stack, body):
    """A malformed body is recorded as it is, truncated at the limit."""
    assert stack.receives(letter(3, body)) == []

    item = stack.dynamodb.item("run", 3)
    assert body.startswith(item["payload"])
    assert item["outcome"] == "dead"


def test_a_large_payload_is_truncated_to_fit_an_item(stack):
    """A dead letter of a megabyte is recorded instead of failing for ever."""
    stack.receives(letter(3, "\U0001f44d" * 250_000))

    assert 79_000 < len(stack.dynamodb.item("run", 3)["payload"].encode()) <= 80_000


@pytest.mark.parametrize(
    "attributes", [{}, {"run_id": "run"}, {"n": "1"}, {"run_id": "run", "n": "x"}], ids=str
)
def test_a_message_without_a_key_gets_one(stack, attributes):
    """A message from elsewhere gets a key made of its id, the same at each receive."""
    strays = [
        letter(n, attributes=attributes, message_id=f"{n}1111111-2222-4333-8444-555555555555") for n in (1, 2)
    ]

    assert stack.receives(*strays, strays[0]) == []

    assert len(stack.dynamodb.items) == 2
    assert all(shard.startswith("unkeyed-") and 0 <= n < 2**53 for shard, n in stack.dynamodb.items)


def test_a_stored_datapoint_is_not_dead(stack):
    """The dead letter of a stored datapoint changes nothing and is not in the mail."""
    stack.module.table.store("run", 0, {"result": "1"})

    assert stack.receives(letter(0), letter(1)) == []

    assert stack.dynamodb.outcomes() == {0: "stored", 1: "dead"}
    assert stack.mail().startswith("1 datapoint could not be processed")


def test_a_death_that_cannot_be_recorded_stays_queued(import_fresh, capsys):
    """If DynamoDB rejects it, it stays in the dead-letter queue; the others are recorded and mailed."""
    stack = Stack(import_fresh("dead_letter"), FakeDynamoDB(refuses={1}))
    letters = [letter(n) for n in range(3)]

    assert stack.receives(*letters) == [letters[1]["messageId"]]

    assert stack.dynamodb.outcomes() == {0: "dead", 2: "dead"}
    assert stack.mail().startswith("2 datapoints")
    assert "burial_failed" in capsys.readouterr().out


# -- The mail ----------------------------------------------------------------------------------


def test_the_mail_counts_by_cause_and_run_and_quotes_no_payload(stack):
    """One mail has the numbers by cause and run and the commands, but no payload or message."""
    letters = [letter(n, cause="ValueError: not secret") for n in range(3)]
    letters += [letter(9, cause="poison: JSONDecodeError", cause_class="poison", run_id="other")]

    stack.receives(*letters)

    [published] = stack.topic.published
    assert published["TopicArn"].endswith(":topic")
    assert published["Subject"] == "lambdist stack: 4 dead"
    assert published["Message"].splitlines() == [
        "4 datapoints could not be processed by the stack stack.",
        "",
        "Causes:",
        "       3  application ValueError",
        "       1  poison",
        "",
        "Runs:",
        "       3  run",
        "       1  other",
        "",
        "To list them with causes:",
        "  lambdist dead run",
        "  lambdist dead other",
        "",
        "To send them again, once the cause is fixed:",
        "  lambdist redrive run",
        "  lambdist redrive other",
        "",
        "Add --cause 'application' to send only those of one cause.",
    ]


def test_the_mail_quotes_as_many_payloads_as_the_stack_allows(import_fresh):
    """It quotes only the beginning of each payload."""
    stack = Stack(import_fresh("dead_letter", DIGEST_EXAMPLES="2"))

    stack.receives(*(letter(n, "x" * 1_000, cause="ValueError: no") for n in range(3)))

    assert f"\n\nrun 1: ValueError: no\n  {'x' * 300}" in stack.mail()
    assert "run 2:" not in stack.mail()


def test_the_mail_from_aws_names_the_region(import_fresh, monkeypatch):
    """The mail's commands name the stack's Region; on an emulator they need no option."""
    stack = Stack(import_fresh("dead_letter", AWS_REGION="eu-west-1"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    stack.receives(letter(0))

    assert "  lambdist redrive run --target aws --region eu-west-1" in stack.mail()


def test_many_causes_are_summarised(stack):
    """The mail stays readable when every death has another cause and run."""
    stack.receives(*(letter(n, cause=f"Error{n}: no", run_id=f"run-{n}") for n in range(25)))

    assert "and 5 more causes" in stack.mail()
    assert "and 5 more runs" in stack.mail()
    assert len(stack.mail().splitlines()) < 100


def test_no_mail_without_a_death(stack):
    """An invocation with only stored datapoints sends no mail."""
    stack.module.table.store("run", 0, {"result": "1"})

    stack.receives(letter(0))

    assert stack.topic.published == []


def test_a_subject_fits_its_limit(import_fresh):
    """SNS rejects a subject of more than 100 characters, and a stack's name may have 128."""
    stack = Stack(import_fresh("dead_letter", STACK_NAME="s" * 128))

    stack.receives(letter(0))

    assert len(stack.topic.published[0]["Subject"]) == 100


def test_a_mail_that_cannot_be_sent_is_sent_later(import_fresh):
    """An SNS failure fails the invocation, so the messages stay and the next one sends the mail."""
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
    """The line has counts, but no data."""
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


def test_the_log_line_is_a_metric_too(stack, capsys):
    """CloudWatch turns the line's `_aws` into the metric of the template's alarm."""
    stack.receives(letter(0), letter(1))

    line = json.loads(capsys.readouterr().out)
    [metric] = line["_aws"]["CloudWatchMetrics"]
    assert metric["Namespace"] == "lambdist"
    assert [one["Name"] for one in metric["Metrics"]] == ["DeadDatapoints"]
    assert line["DeadDatapoints"] == 2
    assert [{name: line[name] for name in names} for names in metric["Dimensions"]] == [{"Stack": "stack"}]
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60


# -- Lines of a Distributed Map -----------------------------------------------------------------


def line_letter(*words, since="2026-11-28T12:00:00.250Z", error="LineFailed", cause="{}"):
    """What a child execution sends that has used up its tries; its datapoints are numbered from 0."""
    points = [{"n": n, "data": word} for n, word in enumerate(words)]
    line = {"run_id": "run", "work": "none", "fault": "none", "execution_at": since, "datapoints": points}
    body = json.dumps({**line, "error": {"Error": error, "Cause": cause}})
    return letter(0, body, attributes={"run_id": "run", "since": since}, sent_at=1795867300)


def failed(stack, n, cause, at, receive=5):
    entry = {"cause": {"S": cause}, "class": {"S": "application"}, "receive": {"N": str(receive)}}
    entry |= {"at": {"N": str(at)}, "request_id": {"S": "r"}}
    stack.module.table.append_attempt("run", n, cause, "r", receive=receive)
    attempts = stack.dynamodb.items[f"run#{n % 16}", n]["attempts"]["L"]
    attempts[-1] = {"M": entry}


def test_each_unsettled_datapoint_of_a_line_has_a_death_of_its_own(stack):
    """With the cause of its own last attempt since the execution began, and a body that can be sent again."""
    stack.module.table.store("run", 0, {"result": "1"})
    failed(stack, 1, "ValueError: of an earlier run", 1795867199.0)
    failed(stack, 1, "ValueError: now", 1795867210.0)
    failed(stack, 2, "KeyError: 2", 1795867220.0)

    assert stack.receives(line_letter("stored", "one", "two")) == []

    deaths = {n: stack.dynamodb.item("run", n) for n in (1, 2)}
    assert stack.dynamodb.item("run", 0)["outcome"] == "stored"
    assert [deaths[n]["cause"] for n in (1, 2)] == ["ValueError: now", "KeyError: 2"]
    assert {deaths[n]["receives"] for n in (1, 2)} == {5}
    assert json.loads(deaths[1]["payload"])["data"] == "one"
    assert stack.mail().startswith("2 datapoints")


def test_a_line_whose_calls_left_no_trace_is_dead_by_what_step_functions_reports(stack):
    """A call that never began is no throttle where Step Functions names another error."""
    assert stack.receives(line_letter("one", error="Lambda.AWSLambdaException")) == []

    item = stack.dynamodb.item("run", 0)
    assert item["cause_class"] == "no trace"
    assert item["cause"] == "no trace: Step Functions reports Lambda.AWSLambdaException"


def test_a_throttled_line_is_dead_by_throttles(stack):
    """The error names them; on AWS the retrier of throttles gave up before."""
    throttle = "Lambda.TooManyRequestsException"

    assert stack.receives(line_letter("one", error=throttle)) == []

    assert stack.dynamodb.item("run", 0)["cause_class"] == "throttle-only"
