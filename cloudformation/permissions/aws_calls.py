"""What asks for permissions: the library's calls on AWS, and CloudFormation in the deployer's name.

library_calls()       read from the source of lambdist_lib
of_cloudformation()   from AWS's own schemas of the resource types, as cfn-lint ships them
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from permissions.policies import STACKS, template

from lambdist_lib import paths
from lambdist_lib.cloud import aws_errors

REGION = "us-east-1"  # of the schemas

RENAMED = {
    "sqs:SendMessageBatch": "sqs:SendMessage"
}  # what IAM calls otherwise than the library's messages do
ALONG = {  # what a call needs beside the permission of its own name
    "cloudformation:CreateChangeSet": "cloudformation:TagResource",  # the stack's tags come with it
    "s3:DeleteObject": "s3:DeleteObjectVersion",  # every version is deleted by its id
}
SIGNED = {  # requests that a module signs and sends itself, by a text of it that names each
    ("doors", "AmazonSQS.SendMessageBatch"): "sqs:SendMessage",
    ("doors", "/2015-03-31/functions/{name}/invocations"): "lambda:InvokeFunction",
}
ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}  # to any identity, whatever its policies say

# Calls to the local cloud only: it ignores parts of a template, and has a queue instead of e-mail
LOCAL_ONLY = {
    ("local_fixes", None),
    ("local_mail", None),
    ("lifecycle", "_used_by_others"),
    ("throttle_fault", "_hold"),
    ("leftovers", "_purge"),
    ("leftovers", "_stop_maps"),
    ("runner", "start_cloud"),
}

PANDAS = {"get_group"}  # a method of a table is not a call
# A module that calls AWS makes a client, or has an argument or a class's field of such a name
CLIENTS = {"client", "s3", "states"}

# Permissions in AWS's schemas of a resource type that no property of the templates requires.
# Permissions to read or delete a resource are not left out, as CloudFormation may need them.
NO_KEYS = "no customer key encrypts it; the publisher uses the topic's key"
NO_VPC = "no function is in a VPC or mounts a file system"
NOT_OURS = "the web ACL is put before a stage of API Gateway, not before this service"
LEFT_OUT = {
    r"AWS::\w+::\w+ kms:.+": NO_KEYS,
    r"AWS::Lambda::Function (ec2|elasticfilesystem|s3files):.+": NO_VPC,
    r"AWS::Lambda::Function lambda:(AssociateRuntimeAlias|PassCapacityProvider|PublishVersion|GetLayerVersion"
    r"|(Put|Delete)FunctionCodeSigningConfig|GetCodeSigningConfig|Put(FunctionRecursion|FunctionScaling"
    r"|RuntimeManagement)Config)": "no layers, signing, versions, or settings of runtime and scaling",
    r"AWS::Lambda::Function s3:GetObjectVersion": "a zip is named by its content, not by a version",
    r"AWS::ApiGateway::(RestApi|Method) s3:GetObject": "the API is written out, not read from a file in S3",
    r"AWS::ApiGateway::RestApi iam:PassRole": "the function's own policy lets the API in",
    r"AWS::ApiGateway::RestApi apigateway:UpdateRestApiPolicy": "the API has no resource policy",
    r"AWS::DynamoDB::Table dynamodb:(Scan|Query|BatchWriteItem|ImportTable|DescribeImport"
    r"|(Get|Put|Update|Delete)Item)": "no import into the table, and no replica",
    r"AWS::DynamoDB::Table (s3|logs):.+": "no import into the table",
    r"AWS::DynamoDB::Table dynamodb:(Create|Associate)TableReplica": "no replica",
    r"AWS::DynamoDB::Table iam:CreateServiceLinkedRole": "no replica, and no scaling of capacity",
    r"AWS::DynamoDB::Table kinesis:.+": "no stream of changes",
    r"AWS::DynamoDB::Table dynamodb:(En|Dis)ableKinesisStreamingDestination": "no stream of changes",
    r"AWS::DynamoDB::Table dynamodb:UpdateKinesisStreamingDestination": "no stream of changes",
    r"AWS::DynamoDB::Table dynamodb:UpdateContributorInsights": "no contributor insights",
    r"AWS::DynamoDB::Table dynamodb:(Put|Delete)ResourcePolicy": "the table has no policy of its own",
    r"AWS::SNS::\w+ iam:(GetRole|PassRole)": "no subscription of a delivery stream, and no delivery log",
    r"AWS::SNS::Topic sns:PutDataProtectionPolicy": "no data protection policy",
    r"AWS::Logs::LogGroup (s3|firehose):.+": "no delivery of logs elsewhere",
    r"AWS::Logs::LogGroup logs:(CreateLogDelivery|(Put|Delete)(ResourcePolicy|IndexPolicy)"
    r"|PutDataProtectionPolicy|PutLogGroupDeletionProtection|PutBearerTokenAuthentication"
    r"|(Dis)?[Aa]ssociateKmsKey)": "no delivery, index, protection or key of a log group",
    r"AWS::IAM::Role iam:DeleteRolePermissionsBoundary": "no identity may remove the boundary",
    r"AWS::IAM::Policy iam:.+(User|Group)Policy": "the policy is a role's",
    r"AWS::StepFunctions::StateMachine s3:.+": "the machine is written out, not read from a file in S3",
    r"AWS::WAFv2::WebACLAssociation (?!wafv2|apigateway).+": NOT_OURS,
    r"AWS::WAFv2::WebACLAssociation wafv2:(Put|Get)PermissionPolicy": "no web ACL of another account",
}  # fmt: skip


def action_of(service: str, operation: str) -> str:
    """The permission that a call needs."""
    action = aws_errors.action_of(_model(service).operation_model(operation))
    return RENAMED.get(action, action)


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


@functools.cache
def library_calls() -> dict[str, set[str]]:
    """Permissions that lambdist_lib's calls on AWS need, each with the modules that make them."""
    sources = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _modules()}
    services = {name for tree in sources.values() for name in _services(tree)}
    methods = {
        xform_name(operation): (service, operation)
        for service in sorted(services)
        for operation in _model(service).operation_names
        if xform_name(operation) not in PANDAS
    }
    found: dict[str, set[str]] = {}
    for path, tree in sources.items():
        for method in _called(path.stem, tree, methods):
            action = action_of(*methods[method])
            for needed in {action, ALONG.get(action, action)}:
                found.setdefault(needed, set()).add(path.stem)
    for (module, text), action in SIGNED.items():
        assert any(path.stem == module and text in path.read_text(encoding="utf-8") for path in sources)
        found.setdefault(action, set()).add(module)
    return {action: modules for action, modules in found.items() if action not in ALWAYS_ALLOWED}


def _modules() -> list[Path]:
    return sorted((paths.root() / "lambdist_lib").rglob("*.py"))


def _services(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Call(func=ast.Attribute(attr="client"), args=[ast.Constant(value=str(name)), *_])
                | ast.Call(args=[ast.Name(id="target"), ast.Constant(value=str(name)), ast.Constant(), *_])
            ):
                yield name


def _called(module: str, tree: ast.AST, methods: dict[str, Any]) -> Iterator[str]:
    """Methods of clients that a module calls, or pages through, on AWS."""
    local = {function for name, function in LOCAL_ONLY if name == module}
    given = any(
        (isinstance(one, ast.arg) and one.arg in CLIENTS)
        or (isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id in CLIENTS)
        for one in ast.walk(tree)
    )
    if None in local or not (given or any(_services(tree))):
        return
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in local
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(name)) if name in methods and id(node) not in skipped:
                yield name  # a paginator's, or a row of a table of calls
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner))) if owner in imported:
                continue
            case ast.Call(func=ast.Attribute(attr=name)) if name in methods and id(node) not in skipped:
                yield name


def of_cloudformation() -> dict[str, set[str]]:
    """Permissions that CloudFormation uses in the deployer's name, each with the resource types."""
    found: dict[str, set[str]] = {}
    for kind, permission in schema_permissions():
        if not left_out(kind, permission):
            found.setdefault(permission, set()).add(kind)
    return found


def left_out(kind: str, permission: str) -> str:
    """Why a permission of AWS's schema is not granted, or nothing."""
    reasons = (why for pattern, why in LEFT_OUT.items() if re.fullmatch(pattern, f"{kind} {permission}"))
    return next(reasons, "")


def schema_permissions() -> Iterator[tuple[str, str]]:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # takes seconds to import

    for kind in resource_types():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
        for handler in ("create", "read", "update", "delete"):
            for permission in schema["handlers"].get(handler, {}).get("permissions", []):
                yield kind, permission


def resource_types() -> list[str]:
    return sorted({one["Type"] for name in STACKS for one in template(name)["Resources"].values()})
