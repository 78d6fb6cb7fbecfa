"""List and delete the resources that lambdist created in a Region, service by service.

A resource is lambdist's by its tag `lambdist:stack`, or by the form of the name that CloudFormation
gives it: `<stack>-<logical id>-<suffix>`. Roles belong to no Region, so their tag must name this entry.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import artifact_bucket, local_mail, tags, templates
from lambdist_lib.deployment.stacks import stack_name
from lambdist_lib.errors import AccessDeniedError

GONE = re.compile("NotFound|NoSuch|NonExistent|ResourceNotFound|does not exist")
ARNS = {  # by kind: resources of several kinds may share a name
    "function": "lambda:[^:]*:[^:]*:function:([^:]+)",
    "queue": "sqs:[^:]*:[^:]*:([^:]+)",
    "alarm": "cloudwatch:[^:]*:[^:]*:alarm:(.+)",
    "topic": "sns:[^:]*:[^:]*:([^:]+)",
    "table": "dynamodb:[^:]*:[^:]*:table/([^/]+)",
    "log group": r"logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?",
    "bucket": "s3:::([^/]+)",
    "state machine": "states:[^:]*:[^:]*:stateMachine:([^:]+)",
}
Listed = tuple[str, str, Mapping[str, str]]  # id, name, tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource; `id` is CloudFormation's physical id, `stack` its present or former stack."""

    kind: str
    id: str
    name: str
    stack: str
    created: str  # as tagged, "" if it is not
    expires: str


def list_resources(target: Target, name: str) -> list[Resource]:
    """List everything but the stacks, in an order in which it can be deleted.

    A kind that may not be listed is one Resource without an id; its name has the missing permission.
    """
    try:
        tagged, denied = _tagged(target), []
    except AccessDeniedError as error:
        tagged, denied = {}, [_unknown("tags", error)]
    with ThreadPoolExecutor(4) as pool:  # a dozen services, each a round trip or more away
        listed = dict(zip(KINDS, pool.map(lambda kind: _listed(kind, target), KINDS), strict=True))
    denied += [entry for entry in listed.values() if isinstance(entry, Resource)]
    resources = []
    for kind, entries in listed.items():
        for id_, label, own in [] if isinstance(entries, Resource) else entries:
            marks = {**tagged.get((kind, label), {}), **own}
            if stack := owner_stack(label, marks, name):
                resources.append(tagged_resource(kind, id_, label, stack, marks))
    return denied + resources


def _listed(kind: str, target: Target) -> list[Listed] | Resource:
    """The resources of a kind, or a placeholder if they may not be listed."""
    try:
        return list(LISTS[kind](target))
    except AccessDeniedError as error:
        return _unknown(kind, error)


def _unknown(kind: str, error: AccessDeniedError) -> Resource:
    if not error.action:  # expired or unreachable: not about this permission
        raise error
    return Resource(
        kind=kind, id="", name=f"not listed without {error.action}", stack="", created="", expires=""
    )


def tagged_resource(kind: str, id_: str, name: str, stack: str, marks: Mapping[str, str]) -> Resource:
    """Return a resource with the times in its tags."""
    return Resource(
        kind=kind, id=id_, name=name, stack=stack,
        created=marks.get(tags.CREATED, ""), expires=marks.get(tags.EXPIRES, ""),
    )  # fmt: skip


def owner_stack(label: str, marks: Mapping[str, str], name: str) -> str:
    """Return the stack of a resource, or ""; for the bucket, the beginning of its stacks' names."""
    if tags.STACK in marks:
        return marks[tags.STACK]
    if label.startswith(name + artifact_bucket.PART):
        return name
    for kind in templates.KINDS:
        stack = stack_name(kind, name)
        form = rf"(/aws/cloudformation/|/aws/lambda/|{local_mail.PREFIX})?{re.escape(stack)}($|[-/])"
        if re.match(form, label):
            return stack
    return ""


def delete(target: Target, resource: Resource) -> None:
    """Delete a resource and what depends on it; one that is gone already is ignored."""
    try:
        DELETES[resource.kind](target, resource.id)
    except ClientError as error:
        if not GONE.search(f"{error.response['Error']['Code']} {error.response['Error'].get('Message', '')}"):
            raise


def _tagged(target: Target) -> dict[tuple[str, str], dict[str, str]]:
    """Tags by kind and name, from the tagging service."""
    paginator = target.client("resourcegroupstaggingapi").get_paginator("get_resources")
    pages = paginator.paginate(TagFilters=[{"Key": tags.STACK}])
    mappings = [mapping for page in pages for mapping in page["ResourceTagMappingList"]]
    return {
        named: tags.read(mapping["Tags"])
        for mapping in mappings
        if (named := kind_and_name(mapping["ResourceARN"]))
    }


def kind_and_name(arn: str) -> tuple[str, str] | None:
    """Return the kind and name in an ARN, for kinds whose lists have no tags."""
    for kind, form in ARNS.items():
        if match := re.fullmatch(f"arn:[^:]+:{form}", arn):
            return kind, match[1]
    return None


def _each(target: Target, service: str, operation: str, key: str) -> Iterator[Any]:
    """Yield the entries of every page of an operation."""
    for page in target.client(service).get_paginator(operation).paginate():
        yield from page.get(key, [])


def _listing(
    service: str, operation: str, key: str, identify: Callable[[Any], Listed]
) -> Callable[[Target], Iterator[Listed]]:
    return lambda target: map(identify, _each(target, service, operation, key))


def _named(key: str) -> Callable[[Any], Listed]:
    """Return what identifies an entry whose name is its id."""
    return lambda entry: (entry[key], entry[key], {})


def _of_api(operation: str) -> Callable[[Target], Iterator[Listed]]:
    """List entries of API Gateway, which have tags."""
    return _listing(
        "apigateway",
        operation,
        "items",
        lambda entry: (entry["id"], entry.get("name") or entry["id"], entry.get("tags", {})),
    )


def _last(address: str, separator: str = ":") -> str:
    return address.rpartition(separator)[2]


def _roles(target: Target) -> Iterator[Listed]:
    """The roles of this Region: those of stacks in other Regions have similar names."""
    iam = target.client("iam")
    for entry in _each(target, "iam", "list_roles", "Roles"):
        if any(f"{stack_name(kind, '')}-" in entry["RoleName"] for kind in templates.KINDS):
            marks = tags.read(iam.list_role_tags(RoleName=entry["RoleName"])["Tags"])
            if marks.get(tags.REGION) == target.region:
                yield entry["RoleName"], entry["RoleName"], marks


def _buckets(target: Target) -> Iterator[Listed]:
    """The buckets whose name has this Region: S3 lists all of them in every Region."""
    for entry in target.client("s3").list_buckets()["Buckets"]:
        if artifact_bucket.PART in entry["Name"] and entry["Name"].endswith(f"-{target.region}"):
            yield entry["Name"], entry["Name"], {}


def _delete_plan(target: Target, plan_id: str) -> None:
    gateway = target.client("apigateway")
    for stage in gateway.get_usage_plan(usagePlanId=plan_id).get("apiStages", []):
        path = f"{stage['apiId']}:{stage['stage']}"
        operation = {"op": "remove", "path": "/apiStages", "value": path}
        gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=[operation])
    gateway.delete_usage_plan(usagePlanId=plan_id)


def _delete_role(target: Target, name: str) -> None:
    iam = target.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName=name)


LISTS: dict[str, Callable[[Target], Iterable[Listed]]] = {  # in the order of deletion
    "event source mapping": _listing(
        "lambda", "list_event_source_mappings", "EventSourceMappings",
        lambda entry: (entry["UUID"], _last(entry.get("FunctionArn", "")), {}),
    ),
    "state machine": _listing(
        "stepfunctions", "list_state_machines", "stateMachines",
        lambda entry: (entry["stateMachineArn"], entry["name"], {}),
    ),
    "function": _listing("lambda", "list_functions", "Functions", _named("FunctionName")),
    "queue": _listing("sqs", "list_queues", "QueueUrls", lambda url: (url, _last(url, "/"), {})),
    "alarm": _listing("cloudwatch", "describe_alarms", "MetricAlarms", _named("AlarmName")),
    "topic": _listing(
        "sns", "list_topics", "Topics", lambda entry: (entry["TopicArn"], _last(entry["TopicArn"]), {})
    ),
    "table": _listing("dynamodb", "list_tables", "TableNames", lambda name: (name, name, {})),
    "usage plan": _of_api("get_usage_plans"),
    "API key": _of_api("get_api_keys"),
    "API": _of_api("get_rest_apis"),
    "log group": _listing("logs", "describe_log_groups", "logGroups", _named("logGroupName")),
    "role": _roles,
    "bucket": _buckets,
}  # fmt: skip
KINDS = tuple(LISTS)
DELETES: dict[str, Callable[[Target, str], object]] = {
    "event source mapping": lambda target, id_: target.client("lambda").delete_event_source_mapping(UUID=id_),
    "state machine": lambda target, id_: target.client("stepfunctions").delete_state_machine(
        stateMachineArn=id_
    ),
    "function": lambda target, id_: target.client("lambda").delete_function(FunctionName=id_),
    "queue": lambda target, id_: target.client("sqs").delete_queue(QueueUrl=id_),
    "alarm": lambda target, id_: target.client("cloudwatch").delete_alarms(AlarmNames=[id_]),
    "topic": lambda target, id_: target.client("sns").delete_topic(TopicArn=id_),
    "table": lambda target, id_: target.client("dynamodb").delete_table(TableName=id_),
    "usage plan": _delete_plan,
    "API key": lambda target, id_: target.client("apigateway").delete_api_key(apiKey=id_),
    "API": lambda target, id_: target.client("apigateway").delete_rest_api(restApiId=id_),
    "log group": lambda target, id_: target.client("logs").delete_log_group(logGroupName=id_),
    "role": _delete_role,
    "bucket": artifact_bucket.delete,
}
