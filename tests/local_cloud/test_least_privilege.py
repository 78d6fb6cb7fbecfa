"""The templates' permissions suffice where they are enforced, and none that can be taken away is too many."""

import json
import pathlib
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from permissions import aws_calls, policies
from permissions import reasons as permission_reasons
from permissions import table as permission_table
from support import scan, strict_cloud
from support.strict_cloud import Called

from lambdist_lib.cloud.api import describe_api
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import datapoints
from lambdist_lib.data import files as data_files
from lambdist_lib.deployment import leaks, polling, preflight, smoke_test, stacks, uncollected
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AccessDeniedError
from lambdist_lib.protocol import contract, faults
from lambdist_lib.records import invocations
from lambdist_lib.runs import completion, redrive, run, senders, throttle_fault
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.redrive_result import RedriveResult
from lambdist_lib.submission import client, doors
from lambdist_lib.submission.receipts import SendOptions

RECEIVES = 2
SETTINGS = {
    "experiment_controls": True,
    "retry_delay_seconds": 0,
    "max_receives": RECEIVES,
    "require_tls": False,  # it speaks HTTP, and enforces the policies that refuse it
    "maximum_concurrency": 2,
    "digest_window_seconds": 1,
    "distributed_map": True,
}
DEPLOYS = ("Deployer", "DeployerRoles", "DeployerOptions", "Watcher", "Runner")
HANDLERS = {
    "CollectorRole": "CollectorName",
    "ProcessorRole": "ProcessorName",
    "DeadLetterRole": "DeadLetterHandlerName",
    "SingleNodeRole": "SingleNodeName",
}


@dataclass(frozen=True, slots=True)
class Path:
    """The experiment's path as it was gone by users with no more than the policies allow."""

    folder: pathlib.Path
    root: Target
    deployer: Target
    runner: Target
    stacks: dict[str, Stack]
    runs: dict[str, dict[str, Any]]  # rows of the runs by arm
    redriven: RedriveResult
    calls: list[Called]  # of deployer and runner, growing
    told: list[Called]  # of the functions
    policies: dict[str, str]  # ARNs

    def output(self, name: str) -> str:
        return next(one.outputs[name] for one in self.stacks.values() if name in one.outputs)

    def role(self, name: str) -> str:
        function = self.output(HANDLERS[name])
        described = self.root.client("lambda").get_function_configuration(FunctionName=function)
        return described["Role"].rpartition("/")[2]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Deployed, run through both stacks with dead letters, and redriven; then the queues are left alone."""
    folder = tmp_path_factory.mktemp("strict")
    with pytest.MonkeyPatch.context() as patched, strict_cloud.running(folder) as root:
        for module in (polling, completion):
            patched.setitem(module.POLL_S, "aws", 0.05)
        yield _gone(root, folder)


def _gone(root, folder):
    arns = strict_cloud.policies(root)
    runner = strict_cloud.user(root, "runner", [arns["Runner"]])
    allowed = [arns[name] for name in DEPLOYS]
    deployer = strict_cloud.user(root, "deployer", allowed)
    calls: list[Called] = []
    for user in (deployer, runner):
        strict_cloud.record(user, calls)
    bounded = {**SETTINGS, "permissions_boundary_arn": arns["Boundary"]}
    lambdas = strict_cloud.telling_lambdas(folder / "lambdas")
    deployed = stacks.apply_stacks(deployer, settings=bounded, processing=lambdas)
    distributed = deployed["distributed"]
    _open_gaps(root, deployed, arns)
    smoke_test.check_functions_start(deployer, deployed.values())
    words = folder / "words.txt"
    words.write_text("one\ntwo\nthree\n")
    points = data_files.read(words)
    runs = {}
    for arm, stack in deployed.items():
        stacks.make_cold(runner, stack)
        held = Conditions(chunks=2, fault="raise:1@1")
        home = folder / f"run-{arm.replace('_', '-')}"
        info = run.new_run(runner, stack, points, home, held, arm=arm)
        runs[arm] = run.run_once(runner, stack, points, home, info)
    redriven = redrive.redrive_run(runner, distributed, folder / "run-distributed")
    with throttle_fault.during(runner, distributed, faults.parse_fault("throttle:0.5")):
        pass
    uncollected.uncollected(deployer, distributed)
    preflight.inspect(deployer, {})
    leaks.find(deployer)
    completion.wait_until_complete(root, distributed, "any", expected=99)
    _stop_mappings(root, distributed)
    return Path(
        folder, root, deployer, runner, deployed, runs, redriven, calls, _told(root, distributed), arns
    )


def _told(root, stack):
    return strict_cloud.told([event["message"] for event in invocations.log_events(root, stack, 0, 2**31)])


def _open_gaps(root, deployed, arns):
    """Make good for what is the emulator's own.

    Text for a number, roles from templates without a boundary, names of log groups, an action that
    AWS does not know, and `*` for lists that AWS gives for `stack/*/*` and `alarm:*`. The topic's
    policy is the template's without what demands TLS: a default one lets in every user of the account.
    """
    functions, iam, distributed = root.client("lambda"), root.client("iam"), deployed["distributed"]
    functions.update_event_source_mapping(
        UUID=distributed.outputs["QueueToProcessorId"], ScalingConfig={"MaximumConcurrency": 2}
    )
    root.client("sns").set_topic_attributes(
        TopicArn=distributed.outputs["TopicArn"],
        AttributeName="Policy",
        AttributeValue=_part_of("TopicPolicy", "Allow", distributed.outputs["TopicArn"]),
    )
    strict_cloud.allow_more(root, arns["Boundary"], strict_cloud.BATCH)
    strict_cloud.allow_more(root, arns["Runner"], "logs:FilterLogEvents")
    for listing in ("cloudformation:DescribeStacks", "cloudwatch:DescribeAlarms"):
        strict_cloud.allow_more(root, arns["Watcher"], listing)
    for stack in deployed.values():
        for name in set(HANDLERS.values()) & stack.outputs.keys():
            role = functions.get_function_configuration(FunctionName=stack.outputs[name])["Role"]
            iam.put_role_permissions_boundary(
                RoleName=role.rpartition("/")[2], PermissionsBoundary=arns["Boundary"]
            )
    role = functions.get_function_configuration(FunctionName=distributed.outputs["CollectorName"])["Role"]
    allow = {"Effect": "Allow", "Action": strict_cloud.BATCH, "Resource": distributed.outputs["QueueArn"]}
    iam.put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName=strict_cloud.BATCH[4:],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )  # fmt: skip


def _part_of(name, effect, arn):
    """The statement of a template's policy that allows, or denies, for this resource."""
    document = policies.template("distributed")["Resources"][name]["Properties"]["PolicyDocument"]
    [statement] = [one for one in document["Statement"] if one["Effect"] == effect]
    text = json.dumps({**document, "Statement": [{**statement, "Resource": arn}]})
    return text.replace('{"Ref": "AWS::AccountId"}', json.dumps(arn.split(":")[4]))


def _stop_mappings(root, stack):
    functions = root.client("lambda")
    for name in ("ProcessorName", "DeadLetterHandlerName"):
        mappings = functions.list_event_source_mappings(FunctionName=stack.outputs[name])
        for mapping in mappings["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def test_the_experiment_passes_with_the_templates_permissions(path):
    """Deployed, sent, stored, dead, told by digest, and sent again, with a boundary around every role."""
    counts = {arm: [row[name] for name in ("stored", "dead", "lost")] for arm, row in path.runs.items()}
    assert counts == {"distributed": [2, 1, 0], "single_node": [2, 1, 0]}
    assert (path.redriven.letters, path.redriven.recovered) == (1, 1)
    assert any(one.operation == "Publish" for one in path.told), "no digest was published"
    assert [one for one in path.told if one.is_denied] == []
    iam = path.root.client("iam")
    bounds = [iam.get_role(RoleName=path.role(name))["Role"]["PermissionsBoundary"] for name in HANDLERS]
    assert {one["PermissionsBoundaryArn"] for one in bounds} == {path.policies["Boundary"]}


def posted(path):
    return {"body": json.dumps({"run_id": _fresh(), "datapoints": [{"n": 0, "data": "word"}]})}


def received(path, count=1, *, receives=1, fault="none"):
    """What a mapping gives its function: messages that are really in the queue."""
    sqs, url, run_id = path.root.client("sqs"), path.output("QueueUrl"), _fresh()
    sqs.purge_queue(QueueUrl=url)
    for n in range(count):
        point = contract.Datapoint(run_id=run_id, n=n, data="word", fault=fault)
        body = contract.message_body(point, collector={"request_id": "r"})
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=contract.message_attributes(point))
    found = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=count, MessageAttributeNames=["All"], AttributeNames=["All"]
    )["Messages"]
    assert len(found) == count
    return {"Records": [_record(message, receives) for message in found]}


def _fresh():
    """A run that has left no trace yet."""
    return f"strict-{uuid.uuid4().hex[:12]}"


def _record(message, receives):
    attributes = {
        name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
        for name, value in message["MessageAttributes"].items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {**message["Attributes"], "ApproximateReceiveCount": str(receives)},
        "messageAttributes": attributes,
    }


STEPS = {  # what needs each permission, as an event of the function
    ("CollectorRole", "sqs:SendMessage", "Queue"): posted,
    ("ProcessorRole", "dynamodb:UpdateItem", "Table"): received,
    ("ProcessorRole", "sqs:ChangeMessageVisibility", "Queue"): partial(received, fault="raise:1"),
    ("ProcessorRole", "sqs:SendMessage", "DeadLetterQueue"): partial(received, fault="permanent:1"),
    ("ProcessorRole", "dynamodb:GetItem", "Table"): partial(received, count=2, receives=RECEIVES),
    ("ProcessorRole", "sqs:SendMessage", "Queue"): partial(received, count=2, receives=RECEIVES),
    ("ProcessorRole", "sqs:DeleteMessage", "Queue"): partial(received, count=2, receives=RECEIVES),
    ("DeadLetterRole", "dynamodb:GetItem", "Table"): received,
    ("DeadLetterRole", "dynamodb:UpdateItem", "Table"): received,
    ("DeadLetterRole", "sns:Publish", "Topic"): received,
    ("SingleNodeRole", "dynamodb:UpdateItem", "Table"): posted,
}
ARN_OUTPUTS = {"Queue": "QueueArn", "DeadLetterQueue": "DeadLetterQueueArn"}  # the rest has one statement


def invoked(path, role, event):
    """The actions that a handler called for an event, and those that were refused."""
    _, calls = strict_cloud.invoke(path.root, path.output(HANDLERS[role]), event(path))
    return (
        {aws_calls.action_of(one.service, one.operation) for one in calls},
        {aws_calls.action_of(one.service, one.operation) for one in calls if one.is_denied},
    )


@pytest.mark.parametrize("taken", STEPS, ids=" ".join)
def test_without_one_permission_exactly_its_step_fails(path, taken):
    """Refused while it is taken away, and by a warm function; done again as soon as it is back."""
    role, action, of = taken
    resource = path.output(ARN_OUTPUTS[of]) if of in ARN_OUTPUTS else ""

    with strict_cloud.taken_away(path.root, path.role(role), action, resource):
        called, refused = invoked(path, role, STEPS[taken])
    afterwards = invoked(path, role, STEPS[taken])

    assert refused == {action} <= called
    assert action in afterwards[0] and afterwards[1] == set()


def test_every_enforced_permission_is_taken_away():
    """The table calls enforced what the test above tries, no more and no less."""
    assert set(STEPS) == permission_reasons.TAKEN_AWAY


@pytest.mark.parametrize("role", HANDLERS)
def test_handlers_call_what_their_roles_allow(path, role):
    """Every call of a function is allowed, and what is allowed is called, by it or by Lambda."""
    seen = {action for one, event in _events(role) for action in invoked(path, one, event)[0]}
    granted = {grant.action for grant in permission_table.role_grants() if grant.principal == role}
    of_lambda = {action for owner, action, _ in policies.of_lambda() if owner == role}
    unprovable = {
        grant.action
        for grant in permission_table.role_grants()
        if permission_table.proof_of_role(grant) == permission_reasons.UNPROVABLE
    }

    assert seen <= granted
    assert granted - seen <= of_lambda | unprovable


def _events(role):
    return [(owner, event) for (owner, _, _), event in STEPS.items() if owner == role]


@pytest.mark.parametrize(("door", "kind"), [("queue", "distributed"), ("invoke", "single_node")])
def test_a_direct_sender_needs_its_policy_and_no_other(path, door, kind):
    """Without DirectSender a signed request is denied: the sending stops, and no datapoint is rejected."""
    strict_cloud.allow_more(path.root, path.policies["DirectSender"], strict_cloud.BATCH)
    sender = strict_cloud.user(path.root, f"sender-{door}", [path.policies["DirectSender"]])
    outcomes = {}
    for name, who in (("runner", path.runner), ("sender", sender)):
        opened = doors.open_door(door, who, path.stacks[kind].outputs)
        lines = datapoints.from_iterable(["one", "two"])
        outcomes[name] = client.submit(
            lines, opened, SendOptions(chunks=1, tries=2), run_id=f"direct-{door}", keep=lambda receipts: None
        )

    path.root.client("sqs").purge_queue(QueueUrl=path.output("QueueUrl"))
    assert (outcomes["runner"].not_accepted, outcomes["runner"].rejected) == (2, 0)
    assert "AccessDenied" in outcomes["runner"].stopped or "not authorized" in outcomes["runner"].stopped
    assert (outcomes["sender"].accepted, outcomes["sender"].stopped) == (2, "")


def test_who_starts_a_map_needs_the_policy_of_a_direct_sender(path):
    """Without it the upload is denied, and nothing is accepted; with it file, start and end are its own."""
    # the emulator asks for `*` where AWS takes the map run
    strict_cloud.allow_more(path.root, path.policies["DirectSender"], "states:DescribeMapRun")
    policies_of_sender = [path.policies[name] for name in ("DirectSender", "Runner")]
    sender = strict_cloud.user(path.root, "sender-map", policies_of_sender)
    stack, options = path.stacks["distributed"], SendOptions()
    lines = datapoints.from_iterable(["one", "two"])
    for output in ("QueueUrl", "DeadLetterQueueUrl"):  # the run's end waits for every message
        path.root.client("sqs").purge_queue(QueueUrl=stack.outputs[output])
    receipts = []
    with pytest.raises(AccessDeniedError):
        senders.send(
            path.runner, stack, "distributed_map", lines, options, run_id="no-map", keep=receipts.extend
        )

    counts = senders.send(
        sender, stack, "distributed_map", lines, options, run_id="direct-map", keep=lambda new: None
    )

    assert [receipt.verdict for receipt in receipts] == ["refused", "refused"]
    depth = senders.depth(sender, stack, "distributed_map", "direct-map")
    ended = completion.wait_until_complete(sender, stack, "direct-map", expected=2, depth=depth)
    senders.clean_up(sender, stack, "distributed_map", "direct-map")
    assert (counts.accepted, ended.settled) == (2, 2)


def test_no_file_of_a_run_has_a_key(path):
    """Neither the API's nor AWS's: not in what a run writes, and not in what CloudFormation tells."""
    keys = [describe_api(path.runner, stack.outputs).key.reveal() for stack in path.stacks.values()]
    keys += [path.runner.session.get_credentials().secret_key]
    files = [file for file in path.folder.glob("run-*/**/*") if file.is_file()]
    assert {"journal", "run.json"} <= {file.name for file in files} and all(keys)

    told = [scan.unpacked(file) for file in files] + [repr(path.stacks).encode()]

    assert not any(key.encode() in text for key in keys for text in told)


def test_plain_http_is_refused_by_the_policies_that_demand_tls(path):
    """The templates' statements for queue and topic, on others: not even root gets through."""
    root, account = path.root, path.output("QueueArn").split(":")[4]
    url = root.client("sqs").create_queue(QueueName="lambdist-plain")["QueueUrl"]
    topic = root.client("sns").create_topic(Name="lambdist-plain")["TopicArn"]
    sending = "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": "x"}
    publishing = "sns", "Publish", {"TopicArn": topic, "Message": "x"}
    assert not any(strict_cloud.is_refused(root, *call) for call in (sending, publishing))

    demand = _part_of("QueuePolicy", "Deny", f"arn:aws:sqs:{root.region}:{account}:lambdist-plain")
    root.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": demand})
    demand = _part_of("TopicPolicy", "Deny", topic)
    root.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=demand)

    assert [strict_cloud.is_refused(root, *call) for call in (sending, publishing)] == [True, True]


def test_every_call_of_the_library_is_refused_without_its_permission(path):
    """Each action's first call, again by a user who has the policies without that action."""
    allowed = [path.policies[name] for name in DEPLOYS]
    documents = [strict_cloud.document(path.root, arn) for arn in allowed]
    less = strict_cloud.user(path.root, "less", [])

    def refused(calls):
        found = set()
        for action, call in _firsts(calls).items():
            held = [strict_cloud.without(one, action) for one in documents]
            strict_cloud.allow(path.root, "less", held)
            if strict_cloud.is_refused(less, call.service, call.operation, call.parameters):
                found.add(action)
        return found

    before, count = refused(path.calls), len(path.calls)
    stacks.delete_stacks(path.deployer)
    bucket = next(one.parameters["Bucket"] for one in path.calls if one.operation == "CreateBucket")
    path.root.client("s3").create_bucket(Bucket=bucket)  # without one S3 says so, and looks at no policy

    assert before | refused(path.calls[count:]) == permission_reasons.CALLS_TAKEN_AWAY
    called = _firsts(path.calls).keys() - aws_calls.ALWAYS_ALLOWED
    unchecked = {"lambda:DeleteFunctionConcurrency", "lambda:GetAccountSettings"}  # by the emulator
    assert called - permission_reasons.CALLS_TAKEN_AWAY == unchecked
    assert called <= aws_calls.library_calls().keys()


def _firsts(calls):
    """The first call of each action."""
    found = {}
    for call in calls:
        found.setdefault(aws_calls.action_of(call.service, call.operation), call)
    return found
