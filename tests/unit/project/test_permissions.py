"""Calls and permissions correspond, and permissions.md is up to date."""

import json
import re

import pytest
from permissions import aws_calls, policies, protections
from permissions import reasons as permission_reasons
from permissions import table as permission_table
from permissions.policies import Grant
from support import linting

from lambdist_lib import paths

FILES = (*policies.STACKS, policies.POLICIES)
MANAGED_MAX_CHARS = 6_144  # of a managed policy without white space (IAM quotas)
CALLERS = ("Deployer", "DeployerRoles", "DeployerOptions", "Runner", "DirectSender", "Watcher")


def granted(*principals):
    return {one.action for one in policies.grants(policies.POLICIES) if one.principal in principals}


@pytest.mark.parametrize("name", FILES)
def test_every_action_exists_and_takes_its_resource(name):
    """They match AWS's Service Authorization Reference; `*` only where nothing finer is supported."""
    assert [fault for grant in policies.grants(name) for fault in policies.faults(grant)] == []


@pytest.mark.parametrize(
    ("action", "resource", "fault"),
    [
        ("sqs:SendMessages", "*", "sqs:SendMessages is not an action of AWS"),
        ("sqs:SendMessage", "*", "sqs:SendMessage takes a finer resource than *"),
        ("sqs:SendMessage", "arn:${AWS::Partition}:sns:${AWS::Region}:1:x", "does not take arn"),
        ("s3:PutObject", "arn:${AWS::Partition}:s3:::bucket", "does not take arn"),
        ("xray:PutTraceSegments", "arn:${AWS::Partition}:xray:r:1:group/x", "does not take arn"),
    ],
)
def test_the_check_finds_invalid_grants(action, resource, fault):
    """Misspelt actions, a needless `*` and resources of other services are errors."""
    grant = Grant(principal="", sid="", action=action, resource=resource, of="", condition="")

    [found] = policies.faults(grant)

    assert fault in found


def test_cfn_lint_finds_nothing_in_the_callers_policies():
    """Its rules for policies are among those that run."""
    assert linting.faults(paths.cloudformation() / "deployer_policy.yaml") == []


@pytest.mark.parametrize("path", sorted(paths.cloudformation().glob("*.yaml")), ids=lambda path: path.stem)
def test_arns_work_in_every_partition(path):
    """No ARN and no URL is tied to the commercial Regions; names of services are the same in all."""
    text = path.read_text(encoding="utf-8")
    hosts = set(re.findall(r"[\w.${}:*-]+\.amazonaws\.com\b", text))
    services = {"lambda", "apigateway", "cloudwatch", "states", "sns.${AWS::Region}"}
    assert "arn:aws" not in text
    assert hosts <= {f"{service}.amazonaws.com" for service in services}


def test_everything_a_caller_may_do_is_called_by_the_library_or_by_cloudformation():
    """The policies have the permissions of deploying and running, and no others."""
    needed = aws_calls.library_calls().keys() | aws_calls.of_cloudformation().keys()

    missing, unused = needed - granted(*CALLERS), granted(*CALLERS) - needed
    assert not missing, f"add to deployer_policy.yaml, then `make permissions`: {sorted(missing)}"
    assert not unused, f"nothing calls {sorted(unused)}: take them out of deployer_policy.yaml"


def test_who_runs_may_do_what_runs_call_and_nothing_that_makes_or_ends_a_stack():
    """Runner has the library's own calls outside deploy and destroy."""
    assert granted("Runner") <= aws_calls.library_calls().keys()
    making = re.compile(r":(Create|Delete(?!FunctionConcurrency)|Put(?!FunctionConcurrency)|Execute|iam:)")
    assert [action for action in granted("Runner") if making.search(action)] == []


def test_every_reason_to_leave_something_out_is_used():
    """An unused pattern would hide the next missing permission."""
    pairs = {f"{kind} {permission}" for kind, permission in aws_calls.schema_permissions()}

    unused = [
        pattern for pattern in aws_calls.LEFT_OUT if not any(re.fullmatch(pattern, one) for one in pairs)
    ]

    assert unused == []


def test_what_only_the_local_cloud_is_asked_for_is_still_there():
    """Otherwise a call on AWS of the same name would be missed."""
    for module, function in aws_calls.LOCAL_ONLY:
        [path] = (paths.root() / "lambdist_lib").rglob(f"{module}.py")
        text = path.read_text(encoding="utf-8")
        assert function is None or f"def {function}(" in text, (module, function)


def test_each_permission_of_a_role_is_called_by_its_handler_or_by_lambda():
    """Each is enforced, derived or not provable here, and no list has a permission that no role grants."""
    proofs = {
        (one.principal, one.action, one.of): permission_table.proof_of_role(one)
        for one in permission_table.role_grants()
    }
    unprovable = {
        action for (_, action, _), proof in proofs.items() if proof == permission_reasons.UNPROVABLE
    }

    assert unprovable == {"kms:Decrypt", "kms:GenerateDataKey"}
    derived = policies.of_lambda() | policies.of_api_gateway() | policies.of_step_functions()
    assert permission_reasons.TAKEN_AWAY | derived <= proofs.keys()


def test_the_boundary_is_what_the_roles_may_do():
    """It allows exactly the permissions of the roles."""
    assert granted("Boundary") == {one.action for one in permission_table.role_grants()}


def test_roles_are_created_inside_the_boundary_only_and_passed_to_lambda_only():
    """Otherwise a deployer could give a function, and so itself, any permission of the account."""
    conditions = {
        (one.sid, one.action): one.condition
        for one in policies.grants(policies.POLICIES)
        if one.action in WIDENING
    }
    assert {action for _, action in conditions} == WIDENING - {"iam:DeleteRolePermissionsBoundary"}
    for (sid, action), condition in conditions.items():
        if sid != "AccountRole":  # it gets AWS's own policy and no other
            assert re.search("PermissionsBoundary|PolicyARN|PassedToService", condition), (sid, action)
    roles = [
        properties
        for name in policies.STACKS
        for role, properties in policies.with_policies(name)
        if role != "ApiAccountRole" and "AssumeRolePolicyDocument" in properties
    ]
    bounded = {
        "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
    }
    assert len(roles) == 6
    assert all(role["PermissionsBoundary"] == bounded for role in roles)


WIDENING = {
    *("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PassRole"),
    *("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"),
}


def test_a_managed_policy_is_within_its_quota():
    """It holds for the longest names of partition, Region and stacks."""
    for name, properties in policies.with_policies(policies.POLICIES):
        text = json.dumps(properties["PolicyDocument"]).replace("${Name}", "x" * 31)
        text = re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text)
        for variable, longest in (
            ("Partition", "aws-us-gov"),
            ("Region", "ap-southeast-2"),
            ("AccountId", "1" * 12),
        ):
            text = text.replace(f"${{AWS::{variable}}}", longest)
        assert len(re.sub(r"\s", "", text)) <= MANAGED_MAX_CHARS, name


def test_every_whole_resource_has_its_reason():
    """Each `*` has a reason in the table, and each reason is used."""
    assert {one.action for one in permission_table.wholes()} == permission_reasons.WHY_WHOLE.keys()


def test_what_protects_is_tried_by_tests_that_are_there():
    """A claim needs an existing test."""
    sources = [path.read_text(encoding="utf-8") for path in (paths.root() / "tests").rglob("test_*.py")]

    missing = [name for name in protections.tests() if not any(f"def {name}(" in one for one in sources)]

    assert missing == []


def test_the_page_is_up_to_date():
    """`make permissions` writes it."""
    assert permission_table.PAGE.read_text(encoding="utf-8") == permission_table.page()
