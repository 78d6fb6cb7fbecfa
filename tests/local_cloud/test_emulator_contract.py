"""What we rely on of ministack, one test each: an upgrade that breaks us fails here, by name."""

import dataclasses
import io
import json
import zipfile

import pytest
import requests
from support.waiting import eventually

from lambdist_lib.cloud.api import describe_api
from lambdist_lib.deployment import stacks
from lambdist_lib.protocol import contract

ROLE = "arn:aws:iam::000000000000:role/any"
FAILING_HANDLER = """
import json

def handler(event, context):
    bodies = {record["messageId"]: record["body"] for record in event["Records"]}
    print(json.dumps({"event": "batch", "bodies": list(bodies.values())}))
    failed = [message_id for message_id, body in bodies.items() if body == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
"""
GOOD = {"run_id": "contract", "datapoints": [{"n": 0, "data": "word"}]}


@pytest.fixture
def usage_plan(distributed):
    """`usage_plan(path="/throttle/rateLimit", value="1")`: changes the plan at once; undone at the end."""
    gateway, plan_id = distributed.client("apigateway"), distributed["UsagePlanId"]
    before = gateway.get_usage_plan(usagePlanId=plan_id)

    def patch(**values):
        operations = [
            {"op": "replace", "path": f"/{name.replace('_', '/')}", "value": value}
            for name, value in values.items()
        ]
        gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=operations)

    yield patch
    throttle, quota = before["throttle"], before["quota"]
    patch(
        throttle_rateLimit=str(throttle["rateLimit"]),
        throttle_burstLimit=str(throttle["burstLimit"]),
        quota_limit=str(quota["limit"]),
    )


def test_an_api_key_opens_and_its_absence_shuts(distributed):
    """403 Forbidden without the key or with another, 200 with it."""
    wrong = [distributed.post(GOOD, **{"x-api-key": key}) for key in ("", "nobody")]

    assert [(answer.status_code, answer.json()) for answer in wrong] == [(403, {"message": "Forbidden"})] * 2
    assert distributed.post(GOOD).status_code == 200
    distributed.drain()


def test_throttling_answers_429(distributed, usage_plan):
    """Too Many Requests as soon as the usage plan says so."""
    usage_plan(throttle_rateLimit="1", throttle_burstLimit="1")

    answers = [distributed.post(GOOD) for _ in range(4)]

    assert {(answer.status_code, answer.json().get("message")) for answer in answers} >= {
        (429, "Too Many Requests")
    }
    distributed.drain()


def test_a_spent_quota_answers_limit_exceeded(distributed, usage_plan):
    """The words by which the client knows that waiting is in vain."""
    usage_plan(quota_limit="1")

    answers = [distributed.post(GOOD) for _ in range(3)]

    assert (answers[-1].status_code, answers[-1].json()) == (429, {"message": "Limit Exceeded"})
    distributed.drain()


def test_the_request_model_is_enforced(both):
    """A validator from the template is ignored; the one that the deploy adds by a call is obeyed."""
    for deployed in both.values():
        for body in ({"nothing": 1}, {"data": 5}, {"run_id": "x", "datapoints": []}, b"no json"):
            answer = deployed.post(body)
            assert (answer.status_code, answer.json()) == (400, {"message": "Invalid request body"}), body


def test_maximum_concurrency_is_a_number(distributed):
    """Text in its place, as a template's reference gives, would stop the poller for ever."""
    mapping = distributed.client("lambda").get_event_source_mapping(UUID=distributed["QueueToProcessorId"])

    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.fixture
def consumer(empty):
    """A queue with three receives, its dead-letter queue, and a function that reports `bad` bodies."""
    sqs, functions = empty.client("sqs"), empty.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("failing.py", FAILING_HANDLER)

    def queue(name, **attributes):
        url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "3", **attributes})[
            "QueueUrl"
        ]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]

    dead_url, dead_arn = queue("dead")
    redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": "3"}
    url, arn = queue("work", RedrivePolicy=json.dumps(redrive))
    functions.create_function(
        FunctionName="failing", Runtime="python3.11", Role=ROLE, Handler="failing.handler",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="failing", BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    return url, dead_url


def test_only_reported_messages_come_again_and_then_are_dead(empty, consumer):
    """Good neighbours are deleted after one receive; the bad one dies after exactly its three."""
    url, dead_url = consumer
    sqs = empty.client("sqs")
    entries = [{"Id": str(k), "MessageBody": body} for k, body in enumerate(["good", "bad", "fine"])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def dead():
        return sqs.receive_message(QueueUrl=dead_url, MessageSystemAttributeNames=["All"]).get("Messages")

    [message] = eventually(dead, 40.0)

    assert message["Body"] == "bad"
    events = empty.client("logs").filter_log_events(logGroupName="/aws/lambda/failing")["events"]
    batches = [json.loads(event["message"])["bodies"] for event in events if event["message"].startswith("{")]
    received = [body for bodies in batches for body in bodies]
    assert sorted(received) == ["bad"] * 3 + ["fine", "good"]


def test_our_processor_reports_failures_in_the_only_valid_form(distributed):
    """A malformed report deletes messages here and retries all on AWS; ours names ids of the batch."""
    point = contract.Datapoint(run_id="form", n=1, data="x", fault="raise:1@1")
    bodies = {
        "fails": contract.message_body(point, collector={"request_id": "r"}),
        "works": contract.message_body(dataclasses.replace(point, n=2), collector={"request_id": "r"}),
        "poison": "[]",
    }
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1790000000000",
        "ApproximateFirstReceiveTimestamp": "1790000000000",
    }
    records = [
        {"messageId": name, "receiptHandle": "none", "body": body, "attributes": attributes,
         "messageAttributes": {}}
        for name, body in bodies.items()
    ]  # fmt: skip

    answer = distributed.client("lambda").invoke(
        FunctionName=distributed["ProcessorName"], Payload=json.dumps({"Records": records})
    )

    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": [{"itemIdentifier": "fails"}]}
    distributed.drain()


def invocation(deployed, n):
    body = {"run_id": "temperature", "datapoints": [{"n": n, "data": "word"}]}
    return deployed.post(body).json()["invocation"]


def test_an_environment_is_cold_once_and_again_after_a_change(single_node):
    """Warm calls stay in one environment; a changed configuration starts a fresh one."""
    stacks.make_cold(single_node.target, single_node.stack)
    first, second = invocation(single_node, 0), invocation(single_node, 1)
    stacks.make_cold(single_node.target, single_node.stack)
    third = invocation(single_node, 2)

    assert [call["cold"] for call in (first, second, third)] == [True, False, True]
    assert first["environment_id"] == second["environment_id"] != third["environment_id"]
    assert len({call["request_id"] for call in (first, second, third)}) == 3
    assert third["init_s"] > 0


def test_logs_hold_our_lines_and_the_report(single_node):
    """One JSON line per invocation as it was printed, between START and REPORT of the same request."""
    request_id = invocation(single_node, 3)["request_id"]
    logs = single_node.client("logs")

    def messages():
        events = logs.filter_log_events(logGroupName=single_node["SingleNodeLogGroup"])["events"]
        found = [event["message"] for event in events if request_id in event["message"]]
        return found if any(message.startswith("REPORT") for message in found) else None

    found = eventually(messages)

    [line] = [json.loads(message) for message in found if message.startswith('{"event"')]
    assert (line["event"], line["function"], line["stored"]) == ("request_served", "single_node", 1)
    assert any(message.startswith("START") for message in found)


def test_cors_is_answered(both):
    """A page in a browser may ask: OPTIONS needs no key and names the headers."""
    for deployed in both.values():
        api = describe_api(deployed.target, deployed.stack.outputs)
        answer = requests.options(api.url, timeout=10)
        assert answer.status_code in (200, 204)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-api-key" in answer.headers["Access-Control-Allow-Headers"].lower()
