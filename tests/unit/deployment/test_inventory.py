"""A resource belongs to a stack by its tag or the exact form of its name."""

import pytest

from lambdist_lib.deployment import inventory, tags

HERE = "eu-west-1:" + "000000000000"


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        (f"arn:aws:sqs:{HERE}:lambdist-distributed-Queue-A", ("queue", "lambdist-distributed-Queue-A")),
        (f"arn:aws-cn:dynamodb:{HERE}:table/t", ("table", "t")),
        (f"arn:aws:lambda:{HERE}:function:f", ("function", "f")),
        (f"arn:aws:logs:{HERE}:log-group:/aws/lambda/f:*", ("log group", "/aws/lambda/f")),
        ("arn:aws:s3:::b", ("bucket", "b")),
        (f"arn:aws:states:{HERE}:stateMachine:MapMachine-A", ("state machine", "MapMachine-A")),
        (f"arn:aws:states:{HERE}:stateMachine:MapMachine-A/Lines", ("state machine", "MapMachine-A/Lines")),
        ("arn:aws:apigateway:eu-west-1::/restapis/a1/stages/v1", None),  # v1 may be the name of anything else
        (f"arn:aws:lambda:{HERE}:event-source-mapping:u", None),
        (f"arn:aws:dynamodb:{HERE}:table/t/index/i", None),
        ("nonsense", None),
    ],
)
def test_an_arn_names_kind_and_resource(arn, named):
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
def test_a_resource_belongs_to_a_stack_by_its_whole_name(label, stack):
    assert inventory.owner_stack(label, {}, "lambdist") == stack


def test_a_tag_takes_precedence_over_the_name():
    """A tagged resource may have a stack of any name."""
    assert inventory.owner_stack("old-single-node-Table-A", {tags.STACK: "old-single-node"}, "lambdist") == (
        "old-single-node"
    )
