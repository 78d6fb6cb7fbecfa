"""A failed stack operation names the cause; one that only its own copy refuses has not failed."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from lambdist_lib.deployment import artifact_bucket, change_sets
from lambdist_lib.errors import DeployError

REFUSED = {"create_change_set": "AlreadyExistsException", "execute_change_set": "InvalidChangeSetStatus"}


class CloudFormation:
    """A stack that does not exist; `refuses` (call, code, attempts) is what one call answers."""

    def __init__(self, refuses):
        self.refuses, self.deleted = refuses, []

    def __getattr__(self, name):
        call, code, attempts = self.refuses
        if name != call:
            return lambda **_: {"Status": "CREATE_COMPLETE"}

        def refuse(**_):
            metadata = {"RetryAttempts": attempts}
            error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}
            raise ClientError(error, call)

        return refuse

    def describe_stacks(self, **_):
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "s does not exist"}}, "Describe")


def start(client):
    target = SimpleNamespace(name="local", region="us-east-1", client=lambda service: client)
    return change_sets.start_change(target, "s", "{}", {}, lambda line: None)


@pytest.mark.parametrize("call", REFUSED)
def test_a_change_whose_own_first_copy_succeeded_goes_on(call):
    """botocore sends a call again that got no response, and CloudFormation refuses the second copy."""
    assert start(CloudFormation((call, REFUSED[call], 1))).action == "CREATE"


@pytest.mark.parametrize(("code", "attempts"), [("ValidationError", 1), (None, 0)])
@pytest.mark.parametrize("call", REFUSED)
def test_any_other_refusal_of_a_change_fails(call, code, attempts):
    with pytest.raises(DeployError):
        start(CloudFormation((call, code or REFUSED[call], attempts)))


def test_a_bucket_whose_own_first_copy_was_created_is_there():
    """Outside us-east-1 S3 refuses to create it twice."""

    def refuse(**_):
        raise ClientError({"Error": {"Code": "BucketAlreadyOwnedByYou"}}, "CreateBucket")

    target = SimpleNamespace(
        name="local", region="eu-west-1", client=lambda service: SimpleNamespace(create_bucket=refuse)
    )

    artifact_bucket._create(target, "bucket")


def test_a_failure_names_the_missing_permission_and_no_account():
    """The message has CloudFormation's reason without account and user."""
    account = "4711" + "08151234"
    user = f"User: arn:aws:iam::{account}:user/alice"
    reason = f"{user} is not authorized to perform: sqs:CreateQueue on resource: x"
    event = {
        "ResourceStatus": "CREATE_FAILED",
        "LogicalResourceId": "Queue",
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatusReason": reason,
    }
    told = change_sets.describe_failure("s", "ROLLBACK_COMPLETE", [event])

    assert "add the permission sqs:CreateQueue to the deploying credentials" in told
    assert account not in told and "alice" not in told


def test_a_rollback_that_failed_is_called_that():
    """With the resource, and the next step: no deploy changes such a stack."""
    event = {
        "ResourceStatus": "UPDATE_FAILED",
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::Table",
        "ResourceStatusReason": "no permission to restore",
    }

    text = change_sets.describe_failure("lambdist-distributed", "UPDATE_ROLLBACK_FAILED", [event])

    assert text.startswith("the rollback of the stack lambdist-distributed failed at Table (")
    assert "`aws cloudformation continue-update-rollback --stack-name lambdist-distributed`" in text
