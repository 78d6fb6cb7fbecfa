"""A failed stack operation names the cause."""

from lambdist_lib.deployment import change_sets


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
