"""What lambdist has made in a Region, service by service, and how each of it is deleted.

A thing is lambdist's by its tag `lambdist:stack`, or by the form of the name that CloudFormation gives
it: `<stack>-<logical id>-<suffix>`. Roles belong to no Region, so theirs must say that it is this one.
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
ARNS = {  # by kind: a name alone may be that of somebody's thing of another kind
    "function": "lambda:[^:]*:[^:]*:function:([^:]+)",
    "queue": "sqs:[^:]*:[^:]*:([^:]+)",
    "alarm": "cloudwatch:[^:]*:[^:]*:alarm:(.+)",
    "topic": "sns:[^:]*:[^:]*:([^:]+)",
    "table": "dynamodb:[^:]*:[^:]*:table/([^/]+)",
    "log group": r"logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?",
    "bucket": "s3:::([^/]+)",
}
Found = tuple[str, str, Mapping[str, str]]  # id, name, tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing of one kind; `id` is CloudFormation's physical id, `stack` whose it is or was."""

    kind: str
    id: str
    name: str
    stack: str
    created: str  # as tagged, "" if it is not
    expires: str


def things(target: Target, name: str) -> list[Resource]:
    """Everything but the stacks themselves, in the order in which it can be deleted.

    What may not be listed is one Thing without an id, whose name says which permission it needs.
    """
    try:
        tagged, told = _tagged(target), []
    except AccessDeniedError as error:
        tagged, told = {}, [_unknown("tags", error)]
    with ThreadPoolExecutor(4) as pool:  # a dozen services, each a round trip or more away
        listed = dict(zip(KINDS, pool.map(lambda kind: _listed(kind, target), KINDS), strict=True))
    told += [one for one in listed.values() if isinstance(one, Resource)]
    return told + [
        _thing(kind, id_, label, {**tagged.get((kind, label), {}), **own}, name)
        for kind, entries in listed.items()
        if not isinstance(entries, Resource)
        for id_, label, own in entries
        if owner_stack(label, {**tagged.get((kind, label), {}), **own}, name)
    ]


def _listed(kind: str, target: Target) -> list[Found] | Resource:
    """What there is of a kind; a Thing of state unknown if nobody may tell."""
    try:
        return list(LISTS[kind](target))
    except AccessDeniedError as error:
        return _unknown(kind, error)


def _unknown(kind: str, error: AccessDeniedError) -> Resource:
    if not error.action:  # expired, unreachable: then nothing can be told
        raise error
    return Resource(
        kind=kind, id="", name=f"not listed without {error.action}", stack="", created="", expires=""
    )


def _thing(kind: str, id_: str, label: str, marks: Mapping[str, str], name: str) -> Resource:
    return Resource(
        kind=kind, id=id_, name=label, stack=owner_stack(label, marks, name),
        created=marks.get(tags.CREATED, ""), expires=marks.get(tags.EXPIRES, ""),
    )  # fmt: skip


def owner_stack(label: str, marks: Mapping[str, str], name: str) -> str:
    """The stack that something belongs or belonged to, or ""; of the bucket, how its stacks' names begin."""
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


def delete(target: Target, thing: Resource) -> None:
    """Delete one thing with all that hangs on it; what is gone by now is no error."""
    try:
        DELETES[thing.kind](target, thing.id)
    except ClientError as error:
        if not GONE.search(f"{error.response['Error']['Code']} {error.response['Error'].get('Message', '')}"):
            raise


def _tagged(target: Target) -> dict[tuple[str, str], dict[str, str]]:
    """Tags by kind and name, of every service that tells of them in one place."""
    pages = target.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = pages.paginate(TagFilters=[{"Key": tags.STACK}])
    listed = [one for page in found for one in page["ResourceTagMappingList"]]
    return {named: tags.read(one["Tags"]) for one in listed if (named := kind_and_name(one["ResourceARN"]))}


def kind_and_name(arn: str) -> tuple[str, str] | None:
    """What an ARN names, of those kinds whose lists do not tell their tags themselves."""
    for kind, form in ARNS.items():
        if found := re.fullmatch(f"arn:[^:]+:{form}", arn):
            return kind, found[1]
    return None


def _each(paginator: Any, key: str) -> Iterator[Any]:
    for page in paginator.paginate():
        yield from page.get(key, [])


def _mappings(target: Target) -> Iterator[Found]:
    pages = target.client("lambda").get_paginator("list_event_source_mappings")
    for one in _each(pages, "EventSourceMappings"):
        yield one["UUID"], one.get("FunctionArn", "").rpartition(":")[2], {}


def _functions(target: Target) -> Iterator[Found]:
    for one in _each(target.client("lambda").get_paginator("list_functions"), "Functions"):
        yield one["FunctionName"], one["FunctionName"], {}


def _queues(target: Target) -> Iterator[Found]:
    for url in _each(target.client("sqs").get_paginator("list_queues"), "QueueUrls"):
        yield url, url.rpartition("/")[2], {}


def _topics(target: Target) -> Iterator[Found]:
    for one in _each(target.client("sns").get_paginator("list_topics"), "Topics"):
        yield one["TopicArn"], one["TopicArn"].rpartition(":")[2], {}


def _tables(target: Target) -> Iterator[Found]:
    for name in _each(target.client("dynamodb").get_paginator("list_tables"), "TableNames"):
        yield name, name, {}


def _alarms(target: Target) -> Iterator[Found]:
    for one in _each(target.client("cloudwatch").get_paginator("describe_alarms"), "MetricAlarms"):
        yield one["AlarmName"], one["AlarmName"], {}


def _log_groups(target: Target) -> Iterator[Found]:
    for one in _each(target.client("logs").get_paginator("describe_log_groups"), "logGroups"):
        yield one["logGroupName"], one["logGroupName"], {}


def _roles(target: Target) -> Iterator[Found]:
    """Of this Region only: a role of a stack that lives in another one looks the same."""
    iam = target.client("iam")
    for one in _each(iam.get_paginator("list_roles"), "Roles"):
        if any(f"-{kind.replace('_', '-')}-" in one["RoleName"] for kind in templates.KINDS):
            marks = tags.read(iam.list_role_tags(RoleName=one["RoleName"])["Tags"])
            if marks.get(tags.REGION) == target.region:
                yield one["RoleName"], one["RoleName"], marks


def _plans(target: Target) -> Iterator[Found]:
    return _of_api(target.client("apigateway").get_paginator("get_usage_plans"))


def _keys(target: Target) -> Iterator[Found]:
    return _of_api(target.client("apigateway").get_paginator("get_api_keys"))


def _apis(target: Target) -> Iterator[Found]:
    return _of_api(target.client("apigateway").get_paginator("get_rest_apis"))


def _of_api(paginator: Any) -> Iterator[Found]:
    for one in _each(paginator, "items"):
        yield one["id"], one.get("name") or one["id"], one.get("tags", {})


def _buckets(target: Target) -> Iterator[Found]:
    """Only those whose name says that they are of this Region: all are listed everywhere."""
    for one in target.client("s3").list_buckets()["Buckets"]:
        if artifact_bucket.PART in one["Name"] and one["Name"].endswith(f"-{target.region}"):
            yield one["Name"], one["Name"], {}


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


LISTS: dict[str, Callable[[Target], Iterable[Found]]] = {  # what must go first comes first
    "event source mapping": _mappings,
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
