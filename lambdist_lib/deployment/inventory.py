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

    A kind that may not be listed is entry Resource without an id; its name has the missing permission.
    """
    try:
        tagged, denied = _tagged(target), []
    except AccessDeniedError as error:
        tagged, denied = {}, [_unknown("tags", error)]
    with ThreadPoolExecutor(4) as pool:  # a dozen services, each a round trip or more away
        listed = dict(zip(KINDS, pool.map(lambda kind: _listed(kind, target), KINDS), strict=True))
    denied += [entry for entry in listed.values() if isinstance(entry, Resource)]
    return denied + [
        _resource(kind, id_, label, {**tagged.get((kind, label), {}), **own}, name)
        for kind, entries in listed.items()
        if not isinstance(entries, Resource)
        for id_, label, own in entries
        if owner_stack(label, {**tagged.get((kind, label), {}), **own}, name)
    ]


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


def _resource(kind: str, id_: str, label: str, marks: Mapping[str, str], name: str) -> Resource:
    return Resource(
        kind=kind, id=id_, name=label, stack=owner_stack(label, marks, name),
        created=marks.get(tags.CREATED, ""), expires=marks.get(tags.EXPIRES, ""),
    )  # fmt: skip


def owner_stack(label: str, marks: Mapping[str, str], name: str) -> str:
    """Return the stack of a resource, or ""; for the bucket, the beginning of its stacks' names."""
    if tags.STACK in marks:
        return marks[tags.STACK]
    if label.startswith(name + artifact_bucket.PART):
        return name
    for kind in templates.KINDS:
        stack = f"{name}-{kind.replace('_', '-')}"
        form = rf"(/aws/cloudformation/|/aws/lambda/|{local_mail.PREFIX})?{re.escape(stack)}($|[-/])"
        if re.match(form, label):
            return stack
    return ""


def delete(target: Target, resource: Resource) -> None:
    """Delete a resource and what depends on it; entry that is gone already is ignored."""
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


def _each(paginator: Any, key: str) -> Iterator[Any]:
    for page in paginator.paginate():
        yield from page.get(key, [])


def _mappings(target: Target) -> Iterator[Listed]:
    pages = target.client("lambda").get_paginator("list_event_source_mappings")
    for entry in _each(pages, "EventSourceMappings"):
        yield entry["UUID"], entry.get("FunctionArn", "").rpartition(":")[2], {}


def _functions(target: Target) -> Iterator[Listed]:
    for entry in _each(target.client("lambda").get_paginator("list_functions"), "Functions"):
        yield entry["FunctionName"], entry["FunctionName"], {}


def _queues(target: Target) -> Iterator[Listed]:
    for url in _each(target.client("sqs").get_paginator("list_queues"), "QueueUrls"):
        yield url, url.rpartition("/")[2], {}


def _topics(target: Target) -> Iterator[Listed]:
    for entry in _each(target.client("sns").get_paginator("list_topics"), "Topics"):
        yield entry["TopicArn"], entry["TopicArn"].rpartition(":")[2], {}


def _tables(target: Target) -> Iterator[Listed]:
    for name in _each(target.client("dynamodb").get_paginator("list_tables"), "TableNames"):
        yield name, name, {}


def _alarms(target: Target) -> Iterator[Listed]:
    for entry in _each(target.client("cloudwatch").get_paginator("describe_alarms"), "MetricAlarms"):
        yield entry["AlarmName"], entry["AlarmName"], {}


def _log_groups(target: Target) -> Iterator[Listed]:
    for entry in _each(target.client("logs").get_paginator("describe_log_groups"), "logGroups"):
        yield entry["logGroupName"], entry["logGroupName"], {}


def _roles(target: Target) -> Iterator[Listed]:
    """The roles of this Region: those of stacks in other Regions have similar names."""
    iam = target.client("iam")
    for entry in _each(iam.get_paginator("list_roles"), "Roles"):
        if any(f"-{kind.replace('_', '-')}-" in entry["RoleName"] for kind in templates.KINDS):
            marks = tags.read(iam.list_role_tags(RoleName=entry["RoleName"])["Tags"])
            if marks.get(tags.REGION) == target.region:
                yield entry["RoleName"], entry["RoleName"], marks


def _state_machines(target: Target) -> Iterator[Listed]:
    for entry in _each(target.client("stepfunctions").get_paginator("list_state_machines"), "stateMachines"):
        yield entry["stateMachineArn"], entry["name"], {}


def _plans(target: Target) -> Iterator[Listed]:
    return _of_api(target.client("apigateway").get_paginator("get_usage_plans"))


def _keys(target: Target) -> Iterator[Listed]:
    return _of_api(target.client("apigateway").get_paginator("get_api_keys"))


def _apis(target: Target) -> Iterator[Listed]:
    return _of_api(target.client("apigateway").get_paginator("get_rest_apis"))


def _of_api(paginator: Any) -> Iterator[Listed]:
    for entry in _each(paginator, "items"):
        yield entry["id"], entry.get("name") or entry["id"], entry.get("tags", {})


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
    "event source mapping": _mappings,
    "state machine": _state_machines,
    "function": _functions,
    "queue": _queues,
    "alarm": _alarms,
    "topic": _topics,
    "table": _tables,
    "usage plan": _plans,
    "API key": _keys,
    "API": _apis,
    "log group": _log_groups,
    "role": _roles,
    "bucket": _buckets,
}
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
