"""Whose a thing is, and what becomes of it: by exact forms, so that nothing of others is ever taken."""

from datetime import UTC, datetime

import pytest

from lambdist_lib.deployment import change_sets, inventory, leaks, pending, tags

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HERE = "eu-west-1:" + "000000000000"


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        (f"arn:aws:sqs:{HERE}:lambdist-distributed-Queue-A", ("queue", "lambdist-distributed-Queue-A")),
        (f"arn:aws-cn:dynamodb:{HERE}:table/t", ("table", "t")),
        (f"arn:aws:lambda:{HERE}:function:f", ("function", "f")),
        (f"arn:aws:logs:{HERE}:log-group:/aws/lambda/f:*", ("log group", "/aws/lambda/f")),
        ("arn:aws:s3:::b", ("bucket", "b")),
        ("arn:aws:apigateway:eu-west-1::/restapis/a1/stages/v1", None),  # v1 may be the name of anything else
        (f"arn:aws:lambda:{HERE}:event-source-mapping:u", None),
        (f"arn:aws:dynamodb:{HERE}:table/t/index/i", None),
        ("nonsense", None),
    ],
)
def test_a_tag_counts_for_the_thing_that_its_arn_names(arn, named):
    assert inventory.kind_and_name(arn) == named


@pytest.mark.parametrize(
    ("label", "stack"),
    [
        ("lambdist-distributed", "lambdist-distributed"),
        ("lambdist-distributed-Queue-ABC", "lambdist-distributed"),
        ("lambdist-single-node-Table-ABC", "lambdist-single-node"),
        ("/aws/lambda/lambdist-single-node-SingleNode-ABC", "lambdist-single-node"),
        ("lambdist-artifacts-0123456789ab-eu-west-1", "lambdist"),
        ("lambdist", ""),
        ("lambdist-distributed2-Queue-ABC", ""),
        ("lambdist-single-nodes", ""),
        ("acme-lambdist-distributed-Queue", ""),
        ("my-lambdist-artifacts-0123", ""),
        ("", ""),
    ],
)
def test_a_name_is_ours_by_its_whole_form(label, stack):
    assert inventory.owner_stack(label, {}, "lambdist") == stack


def test_a_tag_is_more_than_a_name():
    """Stacks of other names are ours, too."""
    assert inventory.owner_stack("old-single-node-Table-A", {tags.STACK: "old-single-node"}, "lambdist") == (
        "old-single-node"
    )


@pytest.mark.parametrize(
    ("status", "expires", "begun", "state"),
    [
        ("CREATE_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.LIVE),
        ("CREATE_COMPLETE", "", "", leaks.LIVE),
        ("CREATE_COMPLETE", "2026-11-23T00:00:00Z", "", leaks.EXPIRED),
        ("UPDATE_ROLLBACK_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.LIVE),
        ("ROLLBACK_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.BROKEN),
        ("REVIEW_IN_PROGRESS", "2026-11-24T00:00:00Z", "", leaks.BROKEN),
        ("DELETE_FAILED", "2026-11-22T00:00:00Z", "", leaks.BROKEN),
        ("REVIEW_IN_PROGRESS", "", pending.UNDER_WAY, leaks.LIVE),
        ("CREATE_IN_PROGRESS", "", pending.CUT_SHORT, leaks.CUT_SHORT),
        ("CREATE_COMPLETE", "2026-11-24T00:00:00Z", pending.CUT_SHORT, leaks.CUT_SHORT),
    ],
)
def test_the_state_of_a_stack(status, expires, begun, state):
    marks = [{"Key": tags.EXPIRES, "Value": expires}] if expires else []
    stack = {"StackName": "s", "StackStatus": status, "Tags": marks}

    assert leaks.state_of(stack, (begun, ["s"] if begun else []), NOW) == state


def test_a_stack_that_was_there_before_a_deployment_was_cut_short_stays_wanted():
    """Its update may have stopped half-way, its results are still somebody's."""
    stack = {"StackName": "s", "StackStatus": "UPDATE_COMPLETE", "Tags": []}

    assert leaks.state_of(stack, (pending.CUT_SHORT, ["other"]), NOW) == leaks.LIVE


def test_a_resource_that_may_not_be_made_names_the_permission_and_nobody():
    """CloudFormation's own words, without the account and the user."""
    account = "4711" + "08151234"
    user = f"User: arn:aws:iam::{account}:user/alice"
    reason = f"{user} is not authorized to perform: sqs:CreateQueue on resource: x"
    event = {
        "ResourceStatus": "CREATE_FAILED",
        "LogicalResourceId": "Queue",
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatusReason": reason,
    }
    told = change_sets._failure("s", "ROLLBACK_COMPLETE", [event])

    assert "the deploying credentials lack sqs:CreateQueue" in told
    assert account not in told and "alice" not in told
