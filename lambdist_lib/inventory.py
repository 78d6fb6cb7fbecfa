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

from lambdist_lib import artifacts, mailbox, tags, templates
from lambdist_lib.targets import Target

GONE = re.compile("NotFound|NoSuch|NonExistent|ResourceNotFound|does not exist")
Found = tuple[str, str, Mapping[str, str]]  # id, name, tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing of one kind; `id` is CloudFormation's physical id, `stack` whose it is or was."""

    kind: str
    id: str
    name: str
    stack: str
    created: str  # as tagged, "" if it is not
    expires: str


def things(target: Target, name: str) -> list[Thing]:
    """Everything but the stacks themselves, in the order in which it can be deleted."""
    tagged = _tagged(target)
    with ThreadPoolExecutor(4) as pool:  # a dozen services, each a round trip or more away
        found = pool.map(lambda kind: list(LISTS[kind](target)), KINDS)
        listed = dict(zip(KINDS, found, strict=True))
    return [
        _thing(kind, id_, label, {**tagged.get(label, {}), **own}, name)
        for kind, entries in listed.items()
        for id_, label, own in entries
        if whose(label, {**tagged.get(label, {}), **own}, name)
    ]


def _thing(kind: str, id_: str, label: str, marks: Mapping[str, str], name: str) -> Thing:
    return Thing(
        kind=kind, id=id_, name=label, stack=whose(label, marks, name),
        created=marks.get(tags.CREATED, ""), expires=marks.get(tags.EXPIRES, ""),
    )  # fmt: skip


def whose(label: str, marks: Mapping[str, str], name: str) -> str:
    """The stack that something belongs or belonged to, or ""; of the bucket, how its stacks' names begin."""
    if tags.STACK in marks:
        return marks[tags.STACK]
    if label.startswith(name + artifacts.PART):
        return name
    for kind in templates.KINDS:
        stack = f"{name}-{kind.replace('_', '-')}"
        form = rf"(/aws/cloudformation/|/aws/lambda/|{mailbox.PREFIX})?{re.escape(stack)}($|[-/])"
        if re.match(form, label):
            return stack
    return ""


def delete(target: Target, thing: Thing) -> None:
    """Delete one thing with all that hangs on it; what is gone by now is no error."""
    try:
        DELETES[thing.kind](target, thing.id)
    except ClientError as error:
        if not GONE.search(f"{error.response['Error']['Code']} {error.response['Error'].get('Message', '')}"):
            raise


def _tagged(target: Target) -> dict[str, dict[str, str]]:
    """Tags by the last part of the ARN, of every service that tells of them in one place."""
    pages = _pages(
        target, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList",
        TagFilters=[{"Key": tags.STACK}],
    )  # fmt: skip
    return {re.split("[:/]", one["ResourceARN"])[-1]: tags.read(one["Tags"]) for one in pages}


def _pages(target: Target, service: str, call: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in target.client(service).get_paginator(call).paginate(**arguments):
        yield from page.get(key, [])


def _mappings(target: Target) -> Iterator[Found]:
    for one in _pages(target, "lambda", "list_event_source_mappings", "EventSourceMappings"):
        yield one["UUID"], one.get("FunctionArn", "").rpartition(":")[2], {}


def _functions(target: Target) -> Iterator[Found]:
    for one in _pages(target, "lambda", "list_functions", "Functions"):
        yield one["FunctionName"], one["FunctionName"], {}


def _queues(target: Target) -> Iterator[Found]:
    for url in _pages(target, "sqs", "list_queues", "QueueUrls"):
        yield url, url.rpartition("/")[2], {}


def _topics(target: Target) -> Iterator[Found]:
    for one in _pages(target, "sns", "list_topics", "Topics"):
        yield one["TopicArn"], one["TopicArn"].rpartition(":")[2], {}


def _tables(target: Target) -> Iterator[Found]:
    for name in _pages(target, "dynamodb", "list_tables", "TableNames"):
        yield name, name, {}


def _alarms(target: Target) -> Iterator[Found]:
    for one in _pages(target, "cloudwatch", "describe_alarms", "MetricAlarms"):
        yield one["AlarmName"], one["AlarmName"], {}


def _log_groups(target: Target) -> Iterator[Found]:
    for one in _pages(target, "logs", "describe_log_groups", "logGroups"):
        yield one["logGroupName"], one["logGroupName"], {}


def _roles(target: Target) -> Iterator[Found]:
    """Of this Region only: a role of a stack that lives in another one looks the same."""
    iam = target.client("iam")
    for one in _pages(target, "iam", "list_roles", "Roles"):
        if any(f"-{kind.replace('_', '-')}-" in one["RoleName"] for kind in templates.KINDS):
            marks = tags.read(iam.list_role_tags(RoleName=one["RoleName"])["Tags"])
            if marks.get(tags.REGION) == target.region:
                yield one["RoleName"], one["RoleName"], marks


def _of_api(call: str) -> Callable[[Target], Iterable[Found]]:
    def listed(target: Target) -> Iterator[Found]:
        for one in _pages(target, "apigateway", call, "items"):
            yield one["id"], one.get("name") or one["id"], one.get("tags", {})

    return listed


def _buckets(target: Target) -> Iterator[Found]:
    """Only those whose name says that they are of this Region: all are listed everywhere."""
    for one in target.client("s3").list_buckets()["Buckets"]:
        if artifacts.PART in one["Name"] and one["Name"].endswith(f"-{target.region}"):
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


def _by(service: str, call: str, argument: str) -> Callable[[Target, str], None]:
    def deleted(target: Target, id_: str) -> None:
        getattr(target.client(service), call)(**{argument: id_})

    return deleted


LISTS: dict[str, Callable[[Target], Iterable[Found]]] = {  # what must go first comes first
    "event source mapping": _mappings,
    "function": _functions,
    "queue": _queues,
    "alarm": _alarms,
    "topic": _topics,
    "table": _tables,
    "usage plan": _of_api("get_usage_plans"),
    "API key": _of_api("get_api_keys"),
    "API": _of_api("get_rest_apis"),
    "log group": _log_groups,
    "role": _roles,
    "bucket": _buckets,
}
KINDS = tuple(LISTS)
DELETES: dict[str, Callable[[Target, str], None]] = {
    "event source mapping": _by("lambda", "delete_event_source_mapping", "UUID"),
    "function": _by("lambda", "delete_function", "FunctionName"),
    "queue": _by("sqs", "delete_queue", "QueueUrl"),
    "alarm": lambda target, name: target.client("cloudwatch").delete_alarms(AlarmNames=[name]),
    "topic": _by("sns", "delete_topic", "TopicArn"),
    "table": _by("dynamodb", "delete_table", "TableName"),
    "usage plan": _delete_plan,
    "API key": _by("apigateway", "delete_api_key", "apiKey"),
    "API": _by("apigateway", "delete_rest_api", "restApiId"),
    "log group": _by("logs", "delete_log_group", "logGroupName"),
    "role": _delete_role,
    "bucket": artifacts.delete,
}
