"""The file of a Distributed Map is uploaded once, and its execution takes all datapoints or none."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import AbsentExecution

from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import AccessDeniedError
from lambdist_lib.protocol import contract
from lambdist_lib.protocol.contract import LINE_MAX_BYTES
from lambdist_lib.submission import map_client
from lambdist_lib.submission.map_client import MapMachine
from lambdist_lib.submission.receipts import SendOptions

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:MapMachine-x"


class Services:
    """S3 and Step Functions in memory; `refuses` is raised by the start of an execution."""

    exceptions = SimpleNamespace(ExecutionDoesNotExist=AbsentExecution)

    def __init__(self, refuses=None):
        self.files, self.started, self._refuses = {}, {}, refuses

    def put_object(self, *, Bucket, Key, Body, ExpectedBucketOwner):
        assert (Bucket, ExpectedBucketOwner) == ("bucket", "123456789012")
        self.files[Key] = Body.read().decode()
        return {"VersionId": "v1"}

    def start_execution(self, *, stateMachineArn, name, input):
        assert stateMachineArn == ARN
        if self._refuses:
            raise self._refuses
        arn = f"arn:aws:states:eu-west-1:123456789012:execution:MapMachine-x:{name}"
        assert arn not in self.started
        self.started[arn] = json.loads(input)

    def describe_execution(self, *, executionArn):
        if executionArn not in self.started:
            raise AbsentExecution
        text = json.dumps(self.started[executionArn])
        return {"executionArn": executionArn, "status": "SUCCEEDED", "input": text}

    def points(self, key):
        """The datapoints on each line of a file."""
        lines = [json.loads(line)["datapoints"] for line in self.files[key].splitlines()]
        return [[(point["n"], point["data"]) for point in line] for line in lines]


def submit(services, words, options=None, **watching):
    """Send words; returns the counts, and the receipts by n."""
    machine = MapMachine(arn=ARN, bucket="bucket", s3=services, states=services)
    lines = [Line(n, word) if isinstance(word, str) else word for n, word in enumerate(words)]
    receipts = []
    options = options or SendOptions()
    try:
        counts = map_client.submit(lines, machine, options, run_id="run", keep=receipts.extend, **watching)
    except (ClientError, AccessDeniedError, KeyboardInterrupt) as error:
        counts = error
    return counts, {receipt.n: receipt for receipt in receipts}


def test_a_file_has_as_many_datapoints_on_a_line_as_asked_for():
    """The rest is on the last line; the execution knows the file, the run and what is declared."""
    services = Services()

    counts, receipts = submit(services, "abcde", SendOptions(request_batch=2, work="io:1ms"))

    assert services.points("runs/run/0.jsonl") == [[(0, "a"), (1, "b")], [(2, "c"), (3, "d")], [(4, "e")]]
    [given] = services.started.values()
    assert given == {
        "bucket": "bucket",
        "key": "runs/run/0.jsonl",
        "version": "v1",
        "per_line": 2,
        "run_id": "run",
        "work": "io:1ms",
        "fault": "none",
    }
    assert (counts.accepted, counts.stopped) == (5, "")
    assert {receipt.verdict for receipt in receipts.values()} == {"accepted"}
    assert len({receipt[3:6] for receipt in receipts.values()}) == 1
    assert receipts[0].intended_at <= receipts[0].sent_at <= receipts[0].answered_at


def test_an_invalid_line_is_rejected_and_not_uploaded():
    """So is a datapoint that no line of the map can hold."""
    services, long = Services(), '"' * (LINE_MAX_BYTES // 2)

    counts, receipts = submit(services, ["a", Line(1, "", reason="is empty"), long])

    assert services.points("runs/run/0.jsonl") == [[(0, "a")]]
    assert (counts.accepted, counts.rejected) == (1, 2)
    assert receipts[1].cause == "is empty"
    assert "fit a line of the map" in receipts[2].cause


def test_lines_stay_within_what_a_state_takes():
    """Long datapoints share no line, whatever request_batch is."""
    services = Services()

    submit(services, ["x" * 60_000, "y" * 60_000, "z"], SendOptions(request_batch=100))

    lines = services.files["runs/run/0.jsonl"].splitlines()
    assert [len(points) for points in services.points("runs/run/0.jsonl")] == [1, 2]
    assert all(len(line) <= LINE_MAX_BYTES for line in lines)


def test_a_second_execution_of_a_run_has_another_file_and_name():
    """A run that is resumed sends what is left."""
    services = Services()

    submit(services, "ab")
    submit(services, "c")

    assert [name.rpartition(":")[2] for name in services.started] == ["run-0", "run-1"]
    assert sorted(services.files) == ["runs/run/0.jsonl", "runs/run/1.jsonl"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ExecutionLimitExceeded", "Message": "too many"}}, "StartExecution"),
        AccessDeniedError("not authorized", action="states:StartExecution"),
    ],
)
def test_a_refused_execution_accepts_nothing(error):
    """Each datapoint says why; the error goes on to the caller."""
    caught, receipts = submit(Services(refuses=error), "ab")

    assert caught is error
    assert {receipt.verdict for receipt in receipts.values()} == {"refused"}
    assert all("the map was not started" in receipt.cause for receipt in receipts.values())


class ResentStart(Services):
    """botocore got no response to the first start, sent it again, and Step Functions refuses the name."""

    def __init__(self, *, of_another=False):
        super().__init__()
        self._of_another = of_another

    def start_execution(self, *, input, **call):
        super().start_execution(input="{}" if self._of_another else input, **call)
        raise failed("ExecutionAlreadyExists", 400, attempts=1)


def failed(code, status, *, attempts=0):
    metadata = {"HTTPStatusCode": status, "RetryAttempts": attempts}
    return ClientError(
        {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": metadata}, "StartExecution"
    )


def test_an_execution_whose_own_first_copy_started_is_accepted():
    """The refusal of the second copy hides that the first one succeeded."""
    counts, receipts = submit(ResentStart(), "ab")

    assert counts.accepted == 2
    assert {receipt.verdict for receipt in receipts.values()} == {"accepted"}


def test_another_execution_of_the_name_is_no_success():
    """It has other input, so the datapoints are not in it."""
    caught, receipts = submit(ResentStart(of_another=True), "ab")

    assert isinstance(caught, ClientError)
    assert {receipt.verdict for receipt in receipts.values()} == {"unknown"}


@pytest.mark.parametrize(
    "error",
    [
        failed("InternalServerError", 500),
        failed("ThrottlingException", 400, attempts=4),
        AccessDeniedError("nothing answers", code="ReadTimeoutError"),
    ],
)
def test_a_start_that_may_have_succeeded_is_no_refusal(error):
    """A resume waits for the execution and asks the table before it sends anything again."""
    caught, receipts = submit(Services(refuses=error), "ab")

    assert caught is error
    assert {receipt.verdict for receipt in receipts.values()} == {"unknown"}


def test_a_started_execution_that_cannot_be_described_is_accepted():
    """The permission to describe it is missing: the error goes on, and no receipt denies the start."""

    class Hidden(Services):
        def describe_execution(self, *, executionArn):
            if executionArn in self.started:
                raise AccessDeniedError("no", action="states:DescribeExecution")
            return super().describe_execution(executionArn=executionArn)

    caught, receipts = submit(Hidden(), "ab")

    assert isinstance(caught, AccessDeniedError)
    assert {receipt.verdict for receipt in receipts.values()} == {"accepted"}


def test_an_interrupt_while_the_execution_starts_leaves_it_unknown():
    """It may have started: a resume waits for it and asks the table."""
    caught, receipts = submit(Services(refuses=KeyboardInterrupt()), "ab")

    assert isinstance(caught, KeyboardInterrupt)
    assert {(receipt.verdict, receipt.cause) for receipt in receipts.values()} == {("unknown", "interrupted")}


def test_an_interrupt_before_the_upload_leaves_everything_unsent():
    """Nothing was started."""

    def interrupt(counts):
        raise KeyboardInterrupt

    services = Services()
    _, receipts = submit(services, "ab", should_stop=interrupt)

    assert {receipt.verdict for receipt in receipts.values()} == {"refused"}
    assert services.started == services.files == {}


@pytest.mark.parametrize(
    ("options", "watching", "reason"),
    [
        (SendOptions(deadline_s=1e-9), {}, "the deadline of 1e-09 s passed"),
        (SendOptions(), {"should_stop": lambda counts: "the cloud is gone"}, "the cloud is gone"),
    ],
)
def test_nothing_starts_after_a_reason_to_stop(options, watching, reason):
    """Whatever could be sent is unsent, with the reason."""
    services = Services()

    counts, receipts = submit(services, "ab", options, **watching)

    assert (counts.stopped, counts.not_accepted) == (reason, 2)
    assert receipts[0].cause == reason
    assert services.started == {}


def test_a_file_of_too_many_lines_is_not_sent(monkeypatch):
    """The result of its map would exceed what Step Functions holds."""
    monkeypatch.setattr(map_client, "MAP_MAX_LINES", 2)
    services = Services()

    counts, _ = submit(services, "abcdef", SendOptions(request_batch=2))

    assert counts.stopped == "3 lines, at most 2 fit a map: raise request_batch"
    assert (counts.not_accepted, services.started) == (6, {})


def test_a_file_without_valid_lines_starts_nothing():
    """There would be a map without children."""
    services = Services()

    counts, _ = submit(services, [Line(0, "", reason="is empty")])

    assert (counts.rejected, counts.settled, services.started) == (1, 1, {})


def test_a_line_holds_no_character_that_its_dead_letter_could_not(import_fresh):
    """SQS refuses U+FFFF; the processor gets the datapoint as it was."""
    services = Services()

    submit(services, ["a\uffffb", "ü"])

    assert "\uffff" not in services.files["runs/run/0.jsonl"]
    line = json.loads(services.files["runs/run/0.jsonl"].splitlines()[0])
    stamp = "2026-11-28T12:00:00.250Z"
    line |= {"run_id": "run", "work": "none", "fault": "none", "execution_at": stamp}
    [record] = import_fresh("map_line").records({"line": line, "retries": 0, "entered_at": stamp})
    assert json.loads(record["body"])["data"] == "a\uffffb"
    assert record["body"].isascii()


VALID = st.text(min_size=1, max_size=200).filter(lambda text: contract.reason_against(text) is None)


@given(st.lists(VALID, min_size=1, max_size=30), st.integers(1, 100))
def test_any_valid_datapoints_arrive_once_and_in_order(words, batch):
    """The file has one line per child, whatever stands in a datapoint."""
    services = Services()

    counts, receipts = submit(services, words, SendOptions(request_batch=batch))

    lines = services.files["runs/run/0.jsonl"].removesuffix("\n").split("\n")
    points = [point for line in lines for point in json.loads(line)["datapoints"]]
    found = [json.loads(point["ascii"]) if "ascii" in point else point["data"] for point in points]
    assert found == words
    assert [point["n"] for point in points] == list(range(len(words)))
    assert len(lines) == -(-len(words) // batch)
    assert counts.accepted == len(receipts) == len(words)
