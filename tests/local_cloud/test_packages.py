"""A package is all that is needed: deployed with boto3 alone, driven with plain HTTP."""

import time
import uuid

import pytest
import requests
from support import emulator

from lambdist_lib.deployment import packaging, sam_template, stacks, templates

CONTROLS = {"ExperimentControls": "on", "RetryDelaySeconds": "0", "MaximumConcurrency": "2"}


class ByHand:
    """A stack made from a package's folder as its COMMANDS.md has it done, with nothing of this library."""

    def __init__(self, cloud):
        self.cloud, self.endpoint_url = cloud, cloud.endpoint_url
        self.bucket = f"by-hand-{uuid.uuid4().hex[:8]}"

    def client(self, service):
        return emulator.client(self.cloud, service)

    def upload(self, folder):
        s3 = self.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        for path in folder.iterdir():
            s3.upload_file(str(path), self.bucket, path.name)

    def deploy(self, template, name, capabilities, **parameters):
        """By a change set, as `aws cloudformation deploy` does."""
        cloudformation = self.client("cloudformation")
        cloudformation.create_change_set(
            StackName=name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=capabilities,
        )  # fmt: skip
        cloudformation.execute_change_set(StackName=name, ChangeSetName="first")
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        if "QueueToProcessorId" in outputs:  # the emulator stumbles over a template's number, which is text
            self.client("lambda").update_event_source_mapping(
                UUID=outputs["QueueToProcessorId"], ScalingConfig={"MaximumConcurrency": 2}
            )
        return outputs

    def post(self, outputs, body, **headers):
        gateway = self.client("apigateway")
        key = gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)["value"]
        where = f"{outputs['ApiId']}/{outputs['Stage']}/_user_request_/{outputs['ResourcePath']}"
        url = f"{self.endpoint_url}/restapis/{where}"
        return requests.post(url, json=body, headers={"x-api-key": key, **headers}, timeout=60)

    def items(self, outputs, count):
        """The table's items with an outcome, waited for."""
        dynamodb, deadline_s = self.client("dynamodb"), time.monotonic() + 30
        while time.monotonic() < deadline_s:
            items = dynamodb.scan(TableName=outputs["TableName"])["Items"]
            ended = {int(one["n"]["N"]): one for one in items if "outcome" in one}
            if len(ended) >= count:
                return ended
            time.sleep(0.05)
        raise AssertionError(f"{len(ended)} of {count} items have an outcome")

    def listener(self, outputs):
        """A queue that gets what the topic sends."""
        sqs, sns = self.client("sqs"), self.client("sns")
        url = sqs.create_queue(QueueName=f"{self.bucket}-mails")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
        return lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages", [])


@pytest.fixture
def by_hand(target):
    hand = ByHand(target.cloud)
    names = []
    deploy = hand.deploy
    hand.deploy = lambda template, name, *rest, **more: (
        names.append(name) or deploy(template, name, *rest, **more)
    )
    yield hand
    for name in names:
        hand.client("cloudformation").delete_stack(StackName=name)


def test_the_sam_application_is_driven_with_plain_http(by_hand, tmp_path):
    """The expanded stack takes datapoints with its key alone, stores each answer, tells of the dead."""
    packaging.write(tmp_path, as_sam=True, bucket=by_hand.bucket)
    by_hand.upload(tmp_path)

    outputs = by_hand.deploy(
        tmp_path / sam_template.FILE, "sam", ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"], **CONTROLS
    )
    mails = by_hand.listener(outputs)
    words = [{"n": n, "data": f"word-{n}"} for n in range(12)]
    body = {"run_id": "by-hand", "datapoints": words, "fault": "permanent:1@7"}
    answer = by_hand.post(outputs, body)
    original = by_hand.post(outputs, {"data": "word"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == list(range(12))
    assert original.json()["message"] == "Succeeded: word"
    assert by_hand.post(outputs, body, **{"x-api-key": "wrong"}).status_code == 403
    items = by_hand.items(outputs, 13)
    of_run = {n: one for n, one in items.items() if one["run_shard"]["S"].startswith("by-hand#")}
    assert of_run.pop(7)["outcome"]["S"] == "dead"
    assert {one["result"]["S"] for one in of_run.values()} == {
        f'"word-{n}_processed"' for n in {*range(12)} - {7}
    }
    [mail] = mails()
    assert "1 datapoint could not be processed by the stack sam" in mail["Body"]


def test_both_stacks_are_deployed_from_their_folder(by_hand, target, tmp_path):
    """With the bucket filled in no parameter is needed; `lambdist` finds what was deployed so."""
    packaging.write(tmp_path, bucket=by_hand.bucket)
    by_hand.upload(tmp_path)

    for kind in templates.KINDS:
        full = stacks.stack_name(kind, "by-hand")
        outputs = by_hand.deploy(tmp_path / f"{kind}.yaml", full, ["CAPABILITY_IAM"])
        answer = by_hand.post(outputs, {"data": "word"})

        assert answer.json()["message"] == "Succeeded: word", answer.text
        assert stacks.describe(target, kind, name="by-hand").outputs == outputs
        [item] = by_hand.items(outputs, 1).values()
        assert item["result"]["S"] == '"word_processed"'
        refused = by_hand.post(
            outputs, {"run_id": "x", "datapoints": [{"n": 0, "data": "a"}], "work": "io:1ms"}
        )
        assert refused.status_code == 400  # experiment controls are off in a template
