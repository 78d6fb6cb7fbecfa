"""Deploy, describe and destroy the two stacks, by change sets.

    deployed = stacks.deploy(target, settings={"memory_mb": 256})
    deployed["distributed"].outputs["QueueUrl"]
    stacks.destroy(target)

A deploy of what is there already changes nothing. What the local cloud does not do by
itself is done in `_close_gaps`, through public calls, for the local cloud only.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib import bundles, mailbox, project, templates
from lambdist_lib.errors import DeployError, TargetError
from lambdist_lib.targets import Api, ApiKey, Target

NAME = "lambdist"  # stacks are NAME-distributed and NAME-single-node
HANDLERS = {  # template parameter -> module of lambdas/
    "distributed": {"CollectorKey": "collector", "ProcessorKey": "processor", "DeadLetterKey": "dead_letter"},
    "single_node": {"SingleNodeKey": "single_node"},
}
FUNCTION_OUTPUTS = ("CollectorName", "ProcessorName", "DeadLetterHandlerName", "SingleNodeName")
DEADLINE_S = 900.0  # of a deploy or a destroy; a first one on AWS takes about two minutes
POLL_S = {"local": 0.05, "aws": 2.0}
ABSENT = {"", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
BROKEN = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"}  # never become good again

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed stack. `code` maps handlers to the hashes of their bundles."""

    kind: str
    name: str
    outputs: dict[str, str]
    parameters: dict[str, str]
    code: dict[str, str]


def stack_name(kind: str, name: str = NAME) -> str:
    return f"{name}-{kind.replace('_', '-')}"


def deploy(
    target: Target,
    kinds: Iterable[str] = templates.KINDS,
    *,
    name: str = NAME,
    settings: dict[str, Any] | None = None,
    lambdas: Path = project.LAMBDAS,
    say: Say = lambda line: None,
) -> dict[str, Stack]:
    """Create or update stacks until they are as asked for.

    Args:
        settings: Parameters in Python's spelling (`templates`); others keep their defaults.
        lambdas: Folder of the functions' code.
        say: Called with a line for each thing that CloudFormation reports.

    Raises:
        UsageError: A setting is unknown or out of bounds: nothing was touched.
        DeployError: A resource failed; the message names it and CloudFormation's reason.
    """
    kinds = list(kinds)
    values = {kind: templates.given(kind, settings or {}) for kind in kinds}
    if "distributed" in values:
        templates.require_visibility(values["distributed"])
    built = {
        kind: {key: bundles.build(handler, lambdas=lambdas) for key, handler in HANDLERS[kind].items()}
        for kind in kinds
    }
    cloudformation, bucket = target.client("cloudformation"), _artifact_bucket(target, name)
    _upload(target, bucket, [bundle for keys in built.values() for bundle in keys.values()], say)
    begun = {}
    for kind in kinds:
        keys = {key: bundle.key for key, bundle in built[kind].items()}
        begun[kind] = _begin(
            target, cloudformation, kind, name, {**values[kind], "ArtifactBucket": bucket, **keys}, say
        )
    deployed = {}
    for kind in kinds:
        if begun[kind]:
            _await(target, cloudformation, stack_name(kind, name), begun[kind], say)
        deployed[kind] = describe(target, kind, name=name)
        _close_gaps(target, deployed[kind])
    return deployed


def describe(target: Target, kind: str, *, name: str = NAME) -> Stack:
    """A stack as it stands.

    Raises:
        TargetError: It is not deployed here.
    """
    full = stack_name(kind, name)
    described = _describe(target.client("cloudformation"), full)
    status = described.get("StackStatus", "")
    if status in ABSENT | BROKEN or "Outputs" not in described:
        what = f"is {status}" if status else "is not deployed"
        raise TargetError(
            f"the stack {full} {what} on {target.stamp}; type `lambdist deploy --target {target.name}`"
        )
    values = {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in described["Parameters"]}
    return Stack(
        kind=kind,
        name=full,
        outputs={entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]},
        parameters=values,
        code={handler: values[key] for key, handler in HANDLERS[kind].items()},
    )


def api(target: Target, stack: Stack) -> Api:
    """The stack's API with its key, which is read from API Gateway and kept out of sight."""
    key_id = stack.outputs["ApiKeyId"]
    answer = target.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)
    return Api(url=target.api_url(stack.outputs), key=ApiKey(answer["value"]))


def make_cold(target: Target, stack: Stack) -> None:
    """Have the next invocation of each function start in a fresh environment.

    Lambda drops an environment when its function's configuration changes; on the local cloud
    as on AWS a new value of a variable does it.
    """
    functions = target.client("lambda")
    names = [stack.outputs[output] for output in FUNCTION_OUTPUTS if output in stack.outputs]
    for name in names:
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["FRESH"] = uuid.uuid4().hex
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    for name in names:
        for _ in _polls(target, f"the update of {name}"):
            if (
                functions.get_function_configuration(FunctionName=name).get("LastUpdateStatus")
                != "InProgress"
            ):
                break


def destroy(
    target: Target,
    kinds: Iterable[str] = templates.KINDS,
    *,
    name: str = NAME,
    say: Say = lambda line: None,
) -> None:
    """Delete the stacks, and with the last of them the artifact bucket. What is not there is no error.

    Raises:
        DeployError: Something could not be deleted; the message names it and the reason.
    """
    cloudformation = target.client("cloudformation")
    begun = {}
    for full in [stack_name(kind, name) for kind in kinds]:
        described = _describe(cloudformation, full)
        if described.get("StackStatus", "") != "":
            begun[full] = (described["StackId"], time.time())
            cloudformation.delete_stack(StackName=described["StackId"])
    for full, (stack_id, since) in begun.items():
        _await(target, cloudformation, stack_id, ("DELETE", since), say)
        if target.name == "local":
            mailbox.remove(target, full)
        say(f"{full} is gone")
    if not any(_describe(cloudformation, stack_name(kind, name)) for kind in templates.KINDS):
        _delete_bucket(target, _bucket_name(target, name))


def _begin(
    target: Target, cloudformation: Any, kind: str, name: str, values: dict[str, str], say: Say
) -> tuple[str, float] | None:
    """Start a create or update; None if there is nothing to change."""
    full = stack_name(kind, name)
    status = _settled_status(target, cloudformation, full, say)
    if status in BROKEN:
        say(f"{full} is {status}: deleting what is left of it")
        destroy(target, [kind], name=name, say=say)
    action = "CREATE" if status in ABSENT | BROKEN else "UPDATE"
    change_set = f"{NAME}-{uuid.uuid4().hex[:12]}"
    try:
        cloudformation.create_change_set(
            StackName=full,
            ChangeSetName=change_set,
            ChangeSetType=action,
            TemplateBody=templates.body(kind, resource_path=values.get("ResourcePath")),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "lambdist:stack", "Value": full}],
        )
    except ClientError as error:
        raise DeployError(f"CloudFormation refuses the template of {full}: {error}") from error
    if not _has_changes(target, cloudformation, full, change_set):
        cloudformation.delete_change_set(StackName=full, ChangeSetName=change_set)
        say(f"{full} is up to date")
        return None
    say(f"{full}: {action.lower()}")
    since = time.time()
    cloudformation.execute_change_set(StackName=full, ChangeSetName=change_set)
    return action, since


def _has_changes(target: Target, cloudformation: Any, full: str, change_set: str) -> bool:
    """Wait for a change set; False if it is empty, which CloudFormation reports as a failure."""
    for _ in _polls(target, f"the change set of {full}"):
        described = cloudformation.describe_change_set(StackName=full, ChangeSetName=change_set)
        if described["Status"] == "CREATE_COMPLETE":
            return True
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise DeployError(f"CloudFormation refuses the template of {full}: {reason}")
    raise AssertionError("unreachable")


def _settled_status(target: Target, cloudformation: Any, full: str, say: Say) -> str:
    """The stack's status once nothing is under way any more; "" if there is no stack."""
    for _ in _polls(target, f"what is under way on {full}"):
        status = _describe(cloudformation, full).get("StackStatus", "")
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            return status
        say(f"{full} is {status}: waiting")
    raise AssertionError("unreachable")


def _await(target: Target, cloudformation: Any, stack: str, begun: tuple[str, float], say: Say) -> None:
    """Wait for a create, update or delete, telling each event."""
    action, since = begun
    seen: set[str] = set()
    for _ in _polls(target, f"{action.lower()} of {stack}"):
        status = _describe(cloudformation, stack).get("StackStatus", "DELETE_COMPLETE")
        events = [
            event for event in _events(cloudformation, stack) if event["Timestamp"].timestamp() >= since - 1
        ]
        for event in reversed(events):
            if event["EventId"] not in seen:
                seen.add(event["EventId"])
                say(f"{event['ResourceStatus']:<20} {event['LogicalResourceId']}")
        if status.endswith("_IN_PROGRESS"):
            continue
        if status == f"{action}_COMPLETE":
            return
        raise DeployError(_failure(stack, status, events))


def _failure(stack: str, status: str, events: list[dict[str, Any]]) -> str:
    """The first resource that failed, which is the cause of all later ones."""
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    causes = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
    if not causes:
        return f"the stack {stack} is {status}, and CloudFormation gives no reason; see its events"
    first = causes[-1]
    reason = first.get("ResourceStatusReason", "no reason given")
    what = f"{first['LogicalResourceId']} ({first['ResourceType']})"
    return f"the stack {stack} is {status}: {what} failed: {reason}"


def _events(cloudformation: Any, stack: str) -> list[dict[str, Any]]:
    """The stack's events, newest first; none once it is gone."""
    try:
        return cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError as error:
        if _is_absent(error):
            return []
        raise


def _describe(cloudformation: Any, stack: str) -> dict[str, Any]:
    try:
        [described] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if _is_absent(error):
            return {}
        raise
    return {} if described["StackStatus"] == "DELETE_COMPLETE" else described


def _is_absent(error: ClientError) -> bool:
    return "does not exist" in error.response["Error"].get("Message", "")


def _polls(target: Target, waiting_for: str) -> Iterable[None]:
    """Yields until the deadline, at the target's pace; then says what was waited for."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        yield
        time.sleep(POLL_S[target.name])
    raise DeployError(f"{waiting_for} did not end within {DEADLINE_S:g} s; see the stack's events")


def _bucket_name(target: Target, name: str) -> str:
    """Bucket names are global: a hash of the account tells ours from others' without naming it."""
    account = target.client("sts").get_caller_identity()["Account"]
    owner = hashlib.sha256(f"{account}:{target.region}".encode()).hexdigest()[:12]
    return f"{name}-artifacts-{owner}-{target.region}"


def _artifact_bucket(target: Target, name: str) -> str:
    """The private bucket for bundles, made if it is not there."""
    s3, bucket = target.client("s3"), _bucket_name(target, name)
    try:
        s3.head_bucket(Bucket=bucket)
        return bucket
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise TargetError(f"the artifact bucket {bucket} cannot be used: {error}") from error
    where = {} if target.region == "us-east-1" else {"LocationConstraint": target.region}
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
    shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(shut, True))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    if target.endpoint_url is None:  # an emulator speaks plain HTTP
        partition = s3.meta.partition
        arns = [f"arn:{partition}:s3:::{bucket}", f"arn:{partition}:s3:::{bucket}/*"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arns}
        deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    return bucket


def _upload(target: Target, bucket: str, built: list[bundles.Bundle], say: Say) -> None:
    """Put bundles that are not there; afterwards all are there, or a stack of no code would be made."""
    s3 = target.client("s3")
    for bundle in built:
        if not _is_there(s3, bucket, bundle.key):
            s3.put_object(Bucket=bucket, Key=bundle.key, Body=bundle.content)
            say(f"uploaded {bundle.key}")
            if not _is_there(s3, bucket, bundle.key):
                raise DeployError(f"{bundle.key} was uploaded but is not in the bucket; deploy again")


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def _delete_bucket(target: Target, bucket: str) -> None:
    s3 = target.client("s3")
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=entry["Key"])
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise


def _close_gaps(target: Target, stack: Stack) -> None:
    """What the local cloud ignores in a template, but obeys when an API call asks for it."""
    if target.name == "local":
        _validate_requests(target, stack.outputs["ApiId"])
        if stack.kind == "distributed":
            _cap_concurrency(target, stack)
            mailbox.subscribe(target, stack.name, stack.outputs["TopicArn"])


def _validate_requests(target: Target, api_id: str) -> None:
    gateway = target.client("apigateway")
    if gateway.get_request_validators(restApiId=api_id)["items"]:
        return
    validator = gateway.create_request_validator(restApiId=api_id, name="body", validateRequestBody=True)
    for resource in gateway.get_resources(restApiId=api_id)["items"]:
        if "POST" in resource.get("resourceMethods", {}):
            operation = {"op": "replace", "path": "/requestValidatorId", "value": validator["id"]}
            gateway.update_method(
                restApiId=api_id, resourceId=resource["id"], httpMethod="POST", patchOperations=[operation]
            )


def _cap_concurrency(target: Target, stack: Stack) -> None:
    """A template's reference to a number is text, on which the emulator's poller stumbles for ever."""
    cap = int(stack.parameters["MaximumConcurrency"])
    target.client("lambda").update_event_source_mapping(
        UUID=stack.outputs["QueueToProcessorId"], ScalingConfig={"MaximumConcurrency": cap}
    )
