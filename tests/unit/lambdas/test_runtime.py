"""The handlers under AWS's own runtime client, with the zips of `lambdist package` as task root."""

import json
import time
import zipfile
from pathlib import Path

import pytest
from support.harmful import HARMFUL
from support.harmful import __file__ as harmful_file
from support.messages import message
from support.runtime_api import Lambda

from lambdist_lib.deployment import packaging
from lambdist_lib.protocol.contract import data_digest

pytest.importorskip("awslambdaric")
PROCESSING = """
import os, sys, time
import harmful

def process(data):
    if data == "slow":
        time.sleep(30)
    if data == "caught":
        try:
            time.sleep(30)
        except BaseException:
            return "in time"
    if data == "prints":
        print("hello from process")
        os.write(1, bytes([0xff, 0xfe, 10]))
        print("half a pair:", chr(0xd800))
    if data == "reads":
        return [sys.stdin.read(), open("table.csv").read()]
    if data == "closes":
        sys.stdout.close()
    if data == "dies":
        os._exit(3)
    return harmful.harm(data)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """`package(code)`: a folder with the zips of `lambdist package` for this processing.py."""

    def written(code):
        job = tmp_path_factory.mktemp("job")
        (job / "processing.py").write_text(code)
        (job / "table.csv").write_text("1,2")
        (job / "harmful.py").write_text(Path(harmful_file).read_text())
        packaging.write(job.parent / f"{job.name}-package", processing=job)
        return job.parent / f"{job.name}-package"

    return written


@pytest.fixture(scope="module")
def packaged(package):
    return package(PROCESSING)


@pytest.fixture
def start(packaged, tmp_path):
    """`start("processor")`: a Lambda that waits for its first event; `folder` has another package."""
    started = []

    def begun(handler, folder=packaged):
        [archive] = folder.glob(f"{handler}-*.zip")
        task = tmp_path / f"task-{len(started)}"
        zipfile.ZipFile(archive).extractall(task)
        started.append(Lambda(task, handler, tmp_path / f"printed-{len(started)}.log"))
        return started[-1]

    yield begun
    for one in started:
        one.close()


def post(one, body):
    kind, answer = one.invoke({"body": json.dumps(body), "requestContext": {"requestId": "r"}})
    assert kind == "response", answer
    return answer["statusCode"], json.loads(answer["body"])


def many(*texts):
    return {"run_id": "run", "datapoints": [{"n": n, "data": text} for n, text in enumerate(texts)]}


def batch(*messages):
    return {"Records": list(messages)}


def lines(one):
    """The log lines of the handler, among what process() prints."""
    texts = one.printed.read_bytes().split(b"\n")
    return [json.loads(text) for text in texts if text.startswith(b'{"event"')]


def test_a_collector_queues_an_api_request(start):
    """What it sends is what the processor receives; the second request finds a warm environment."""
    collector = start("collector")

    status, first = post(collector, many("a", "b\x00", "ß"))
    _, second = post(collector, {"data": "word"})

    assert (status, first["accepted"], first["rejected"][0]["n"]) == (200, [0, 2], 1)
    assert second["message"] == "Succeeded: word"
    assert [json.loads(sent["MessageBody"])["data"] for sent in collector.queue.sent] == ["a", "ß", "word"]
    assert [line["cold"] for line in lines(collector)] == [True, False]
    assert post(collector, [])[0] == 400


def test_a_processor_stores_releases_and_hands_on(start):
    """Stored with its digest; retried with a delay; dead at once with its cause."""
    processor = start("processor")

    kind, answer = processor.invoke(
        batch(message(0, "good"), message(1, "exit"), message(2, "merged"), message(3, "reads"))
    )

    assert (kind, answer) == ("response", {"batchItemFailures": [{"itemIdentifier": "m1"}]})
    assert processor.dynamodb.outcomes() == {0: "stored", 1: None, 2: None, 3: "stored"}
    assert processor.dynamodb.item("run", 0)["digest"] == data_digest("good")
    assert processor.dynamodb.item("run", 3)["result"] == '["", "1,2"]'
    assert list(processor.queue.delays_s) == ["handle-1"]
    [letter] = processor.queue.sent
    assert letter["QueueUrl"] == "http://dead-letter-queue"
    assert "two keys that JSON writes as" in letter["MessageAttributes"]["cause"]["StringValue"]


def test_a_processor_survives_whatever_process_does(start):
    """Fifteen kinds of harm in one environment, and a good datapoint between them."""
    processor = start("processor")
    kinds = list(HARMFUL)

    messages = [message(2 * n, kind) for n, kind in enumerate(kinds)]
    messages += [message(2 * n + 1, "good") for n in range(len(kinds))]
    messages.sort(key=lambda one: int(one["messageId"][1:]))

    for first in range(0, len(messages), 10):
        kind, _ = processor.invoke(batch(*messages[first : first + 10]))
        assert kind == "response"

    for n, kind in enumerate(kinds):
        [attempt] = processor.dynamodb.item("run", 2 * n)["attempts"]
        assert (attempt["class"], attempt["cause"].startswith(HARMFUL[kind])) == ("application", True)
        assert processor.dynamodb.item("run", 2 * n + 1)["outcome"] == "stored"
    assert processor.process.poll() is None


def test_a_timeout_ends_an_attempt_before_its_lambda(start):
    """By the alarm, in the runtime client's main thread; what had no time is handed on."""
    processor = start("processor")
    late, before = message(2, "late", receives=5), time.monotonic()

    kind, answer = processor.invoke(batch(message(0, "good"), message(1, "slow"), late), timeout_s=4.0)

    assert time.monotonic() - before < 4.0
    assert (kind, answer) == ("response", {"batchItemFailures": [{"itemIdentifier": "m1"}]})
    assert processor.dynamodb.item("run", 1)["attempts"][0]["class"] == "timeout"
    assert processor.queue.deleted == ["handle-2"]
    assert processor.queue.sent[0]["MessageAttributes"]["receives_before"]["StringValue"] == "5"

    processor.invoke(batch(message(3, "caught")), timeout_s=2.0)
    assert processor.dynamodb.item("run", 3)["attempts"][0]["class"] == "timeout"


def test_what_process_prints_harms_nothing(start):
    """Text, raw bytes, half a surrogate pair, which UTF-8 has not, and no standard output at all."""
    processor = start("processor")

    _, answer = processor.invoke(batch(message(0, "prints"), message(1, "good")))
    assert processor.dynamodb.outcomes()[1] == "stored"
    printed = processor.printed.read_bytes()
    assert b"hello from process\n" in printed and b"\xff\xfe\n" in printed
    encoded = answer == {"batchItemFailures": []}  # or the application's UnicodeEncodeError
    assert encoded or processor.dynamodb.item("run", 0)["attempts"][0]["cause"].startswith(
        "UnicodeEncodeError"
    )

    kind, answer = processor.invoke(batch(message(2, "closes"), message(3, "good")))
    assert (kind, answer) == ("response", {"batchItemFailures": []})
    assert processor.dynamodb.outcomes()[2] == processor.dynamodb.outcomes()[3] == "stored"


def test_a_process_that_dies_answers_nothing(start):
    """Lambda then says Runtime.ExitError; the queue delivers the batch again."""
    processor = start("processor")
    processor._events.put(("request-0", time.time() + 9, batch(message(0, "dies"))))

    assert processor.process.wait(30) == 3


def test_an_event_of_another_kind_is_an_error(start):
    """Of the invocation, with its type; the environment goes on."""
    processor = start("processor")

    kind, answer = processor.invoke({"no": "records"})

    assert (kind, answer["errorType"]) == ("error", "KeyError")
    assert processor.invoke(batch(message(0, "good")))[0] == "response"


@pytest.mark.parametrize("code", ["1 / 0", "raise SystemExit(0)"])
def test_an_init_that_fails_ends_the_environment(start, package, code):
    """Before its first event, which is what the smoke test of a deploy looks for."""
    processor = start("processor", package(code))

    assert processor.process.wait(30) in (0, 1)
    if code == "1 / 0":
        kind, answer = processor.answer()
        assert (kind, answer["errorType"]) == ("init error", "ZeroDivisionError")


def test_a_single_node_answers_for_each_datapoint(start):
    """Stored, to be sent again and dead, in one response."""
    single_node = start("single_node")

    status, answer = post(single_node, many("good", "exit", "merged", "reads"))

    assert (status, answer["stored"], answer["retry"], answer["dead"]) == (200, [0, 3], [1], [2])
    assert single_node.dynamodb.item("run", 2)["digest"] == data_digest("merged")


def test_a_dead_letter_is_recorded_and_mailed(start):
    """With the digest that its attributes carry, also of a body that nobody can parse."""
    handler = start("dead_letter")

    kind, answer = handler.invoke(batch(message(0, "word", receives=1), message(1, body="no JSON")))

    assert (kind, answer) == ("response", {"batchItemFailures": []})
    assert handler.dynamodb.outcomes() == {0: "dead", 1: "dead"}
    assert handler.dynamodb.item("run", 0)["digest"] == data_digest("word")
    assert len(handler.topic.published) == 1
