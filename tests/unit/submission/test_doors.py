"""Doors: what a request of each is, and what its response says."""

import json

import pytest
from botocore.credentials import Credentials

from lambdist_lib.cloud.api import Api, ApiKey
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import message_attributes
from lambdist_lib.submission import client, doors
from lambdist_lib.submission.doors import InvokeDoor, QueueDoor, Signature, StorageFirstDoor
from lambdist_lib.submission.http import Response
from lambdist_lib.submission.receipts import SendOptions
from lambdist_lib.submission.requests import PendingRequest, RequestEncoder
from tests.support.sending import points
from tests.support.servers import Hostile


class Session:
    """Credentials as a botocore session gives them."""

    @staticmethod
    def get_frozen_credentials():
        return Credentials("AKIDEXAMPLE", "secret", "token").get_frozen_credentials()


ENCODER = RequestEncoder(run_id="run", controls={"work": "io:20ms"})
QUEUE = QueueDoor(
    url="https://sqs.eu-west-1.amazonaws.com/",
    queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/q",
    signature=Signature(credentials=Session(), service="sqs", region="eu-west-1"),
)
INVOKE = InvokeDoor(
    url="https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f/invocations",
    signature=Signature(credentials=Session(), service="lambda", region="eu-west-1"),
)
STORAGE_FIRST = StorageFirstDoor(api=Api(url="https://api/queue", key=ApiKey("key")))


def response(status, body, **fields):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Response(None, status, content, "", sent=True)
    return answer._replace(**fields)


def pending(*texts):
    return PendingRequest(list(enumerate(texts)))


def test_each_arm_has_a_door():
    """An arm of a stack names a door that exists."""
    assert {arm.door for arm in ARMS.values() if arm.door} <= doors.DOORS.keys()
    assert all(arm.door for arm in ARMS.values() if arm.sender == "client")


@pytest.mark.parametrize(("arm", "door"), [("queue_client", QUEUE), ("storage_first", STORAGE_FIRST)])
def test_arm_and_door_agree_on_the_size_of_a_request(arm, door):
    """Costs and predictions count the requests that the door makes."""
    assert ARMS[arm].max_request == door.max_datapoints


def test_queue_door_names_each_message_by_its_datapoint():
    """The Id of an entry is n, and its body and attributes are those of the collector's messages."""
    body = json.loads(QUEUE.encode(pending("word", 'quote " ü'), ENCODER))

    assert [entry["Id"] for entry in body["Entries"]] == ["0", "1"]
    message = json.loads(body["Entries"][1]["MessageBody"])
    assert message["data"] == 'quote " ü'
    assert (message["run_id"], message["n"], message["work"], message["fault"]) == (
        "run", 1, "io:20ms", "none",
    )  # fmt: skip
    datapoint = doors._datapoint(1, message["data"], ENCODER)
    assert body["Entries"][1]["MessageAttributes"] == message_attributes(datapoint)


def test_signature_covers_body_and_session_token():
    """A request to AWS is signed for its service, and another body has another signature."""
    headers = QUEUE.headers(b"{}")

    assert headers["X-Amz-Target"] == "AmazonSQS.SendMessageBatch"
    assert headers["X-Amz-Security-Token"] == "token"
    assert "/eu-west-1/sqs/aws4_request" in headers["Authorization"]
    assert headers["Authorization"] != QUEUE.headers(b"{ }")["Authorization"]
    assert "secret" not in repr(QUEUE)


def test_queue_door_reads_each_message_by_itself():
    """A sender's fault is final, another failure is sent again, and a missing message may be queued."""
    parsed = QUEUE.parse(
        response(
            200,
            {
                "Successful": [{"Id": "0"}],
                "Failed": [
                    {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"},
                    {"Id": "2", "SenderFault": False, "Code": "InternalError"},
                ],
            },
        ),
        [0, 1, 2],
    )

    assert parsed.verdict(0) == ("accepted", "")
    assert parsed.verdict(1) == ("rejected", "SQS: InvalidMessageContents no")
    assert parsed.verdict(2)[0] == "retry"
    assert parsed.certain and parsed.served
    assert not QUEUE.parse(response(200, {"Successful": [{"Id": "0"}]}), [0, 1]).certain
    assert QUEUE.parse(response(200, {"Successful": [{"Id": "7"}]}), [0]).accepted == frozenset()


@pytest.mark.parametrize("kind", ["QueueDoesNotExist", "AccessDeniedException", "InvalidSecurity"])
def test_queue_door_rejects_no_datapoint_for_a_broken_stack(kind):
    """A missing queue or permission stops the sending and leaves the datapoints unsent."""
    body = {"__type": f"com.amazonaws.sqs#{kind}", "message": "x"}

    parsed = QUEUE.parse(response(400, body), [0])

    assert kind in parsed.stop
    assert (parsed.rejected, parsed.certain) == ({}, True)


@pytest.mark.parametrize("status", [400, 429])
def test_queue_door_slows_down_when_throttled(status):
    """A throttle asks for fewer requests and is not a try of the datapoint."""
    body = {"__type": "com.amazonaws.sqs#ThrottlingException"}

    parsed = QUEUE.parse(response(status, body), [0])

    assert (parsed.overload, parsed.counts, parsed.stop) == (True, False, "")


def test_invoke_door_sends_and_reads_the_form_of_an_api():
    """The function gets the body that API Gateway would give it, and its own status is recorded."""
    body = json.loads(INVOKE.encode(pending("word"), ENCODER))
    assert json.loads(body["body"])["datapoints"] == [{"n": 0, "data": "word"}]
    own = {"stored": [0], "rejected": [], "retry": [], "dead": []}

    parsed = INVOKE.parse(response(200, {"statusCode": 200, "body": json.dumps(own)}), [0])

    assert (parsed.verdict(0), parsed.status) == (("accepted", ""), 200)


def test_invoke_door_sends_again_what_a_failed_function_may_have_stored():
    """A function that ended without a response may have stored: its datapoints are uncertain."""
    parsed = INVOKE.parse(response(200, {"errorMessage": "died", "errorType": "Runtime.ExitError"}), [0])

    assert parsed.verdict(0) == ("retry", "the function failed: died")
    assert (parsed.certain, parsed.counts, parsed.status) == (False, True, 502)


def test_invoke_door_paces_throttles_and_stops_without_permission():
    """Lambda's 429 slows the sending down; another 4xx says nothing about a datapoint."""
    throttled = INVOKE.parse(response(429, {"Reason": "ConcurrentInvocationLimitExceeded"}), [0])
    denied = INVOKE.parse(response(403, {"message": "not authorized"}), [0])

    assert (throttled.overload, throttled.counts, throttled.stop) == (True, False, "")
    assert "not authorized" in denied.stop
    assert denied.rejected == {}


def test_storage_first_door_accepts_only_a_queued_message():
    """A 200 without the id of a message is not an acceptance."""
    assert STORAGE_FIRST.parse(response(200, {"queued": "id"}), [3]).accepted == {3}
    for body in ({"queued": ""}, {"message": "Failed: the queue rejected it"}, b"<html>", {}):
        parsed = STORAGE_FIRST.parse(response(200, body), [3])
        assert (parsed.verdict(3)[0], parsed.certain) == ("retry", False), body


def test_storage_first_door_sends_again_what_the_queue_could_not_take():
    """A 503 is overload, a 400 rejects the datapoint, and the body is pure ASCII."""
    assert STORAGE_FIRST.parse(response(503, {"message": "Failed"}), [0]).overload
    assert 0 in STORAGE_FIRST.parse(response(400, {"message": "Invalid request body"}), [0]).rejected
    assert STORAGE_FIRST.encode(pending("ü\uffff"), ENCODER).isascii()


def test_no_request_exceeds_what_its_door_takes():
    """A door that takes one datapoint gets one, whatever the run's request_batch."""

    def script(exchange):
        exchange.reply(200, {"queued": "id"})

    receipts = []
    with Hostile(script) as server:
        door = StorageFirstDoor(api=server.api)
        counts = client.submit(
            points(5), door, SendOptions(request_batch=4), run_id="r", keep=receipts.extend
        )

    assert (counts.accepted, server.requests) == (5, 5)
