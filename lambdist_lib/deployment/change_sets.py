"""Create, update and delete one stack with CloudFormation, and wait for the end."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdist_lib.cloud import aws_errors
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import tags
from lambdist_lib.deployment.polling import polls
from lambdist_lib.errors import DeployError
from lambdist_lib.progress import Log

ABSENT = {"", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
BROKEN = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"}  # never usable again

ROLLED_BACK_HALF = "UPDATE_ROLLBACK_FAILED"  # refuses every change until a person continues the rollback


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOperation:
    """A create, update or delete under way; `stack` is an id for a deletion, whose name is lost."""

    action: str
    stack: str
    since: float  # seconds since the epoch


def start_change(
    target: Target,
    name: str,
    body: str,
    values: Mapping[str, str],
    log: Log,
    *,
    lifetime_s: float | None = None,
) -> StackOperation | None:
    """Start a create or update; None if there is nothing to change.

    Raises:
        DeployError: CloudFormation rejects the template; nothing remains of the attempt.
    """
    cloudformation, status = target.client("cloudformation"), _settled_status(target, name, log)
    if status in BROKEN:
        log(f"{name} is {status}: deleting what is left of it")
        delete(target, name, log)
    if status == ROLLED_BACK_HALF:
        raise DeployError(describe_failure(name, status, _events(target, name)))
    action = "CREATE" if status in ABSENT | BROKEN else "UPDATE"
    before = tags.read(describe(target, name).get("Tags", [])) if action == "UPDATE" else {}
    given = tags.of_stack(name, target.region, before, datetime.now(UTC), lifetime_s)
    change_set = f"lambdist-{uuid.uuid4().hex[:12]}"
    try:
        _create_change_set(target, name, change_set, action, body, values, given)
        if not _has_changes(target, name, change_set):
            cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
            log(f"{name} is up to date")
            return None
        log(f"{name}: {action.lower()}")
        since = time.time()
        with aws_errors.own_copy_ignored("InvalidChangeSetStatus", "ChangeSetNotFound"):
            cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
    except BaseException as error:  # also an interrupt: an unexecuted change set leaves an empty stack
        _forget(target, name, change_set, action)
        if isinstance(error, ClientError):
            reason = aws_errors.masked(str(error))
            raise DeployError(f"CloudFormation rejects the template of {name}: {reason}") from error
        raise
    return StackOperation(action=action, stack=name, since=since)


def _create_change_set(
    target: Target,
    name: str,
    change_set: str,
    action: str,
    body: str,
    values: Mapping[str, str],
    stack_tags: Mapping[str, str],
) -> None:
    with aws_errors.own_copy_ignored("AlreadyExistsException"):
        target.client("cloudformation").create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType=action,
            TemplateBody=body,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_IAM"],
            Tags=tags.listed(stack_tags),
        )


def wait(target: Target, operation: StackOperation, log: Log) -> None:
    """Wait for a create, update or delete, logging each event.

    Raises:
        DeployError: A resource failed; the message names it and CloudFormation's reason.
    """
    seen: set[str] = set()
    for _ in polls(target, f"{operation.action.lower()} of {_short(operation.stack)}"):
        status = describe(target, operation.stack).get("StackStatus", "DELETE_COMPLETE")
        events = [
            event
            for event in _events(target, operation.stack)
            if event["Timestamp"].timestamp() >= operation.since - 1
        ]
        for event in reversed(events):
            if event["EventId"] not in seen:
                seen.add(event["EventId"])
                log(f"{event['ResourceStatus']:<20} {event['LogicalResourceId']}")
        if status.endswith("_IN_PROGRESS"):
            continue
        if status == f"{operation.action}_COMPLETE":
            return
        raise DeployError(describe_failure(_short(operation.stack), status, events))


def begin_delete(target: Target, name: str) -> StackOperation | None:
    """Start the deletion of a stack; returns None if it does not exist.

    Raises:
        DeployError: It is protected.
    """
    described = describe(target, name)
    if not described:
        return None
    if described["StackStatus"].startswith("UPDATE_"):  # CloudFormation cannot interrupt an update
        _settled_status(target, name, lambda line: None)
    operation = StackOperation(action="DELETE", stack=described["StackId"], since=time.time())
    try:
        target.client("cloudformation").delete_stack(StackName=operation.stack)
    except ClientError as error:
        reason = aws_errors.masked(error.response["Error"].get("Message", ""))
        raise DeployError(f"the stack {_short(operation.stack)} cannot be deleted: {reason}") from error
    return operation


def delete(target: Target, name: str, log: Log) -> None:
    """Delete a stack if it exists, and wait for its end.

    Raises:
        DeployError: A resource could not be deleted.
    """
    if operation := begin_delete(target, name):
        wait(target, operation, log)


def describe(target: Target, name: str) -> dict[str, Any]:
    """Return CloudFormation's description of a stack; empty if it does not exist."""
    try:
        [described] = target.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if _is_absent(error):
            return {}
        raise
    return {} if described["StackStatus"] == "DELETE_COMPLETE" else described


def _forget(target: Target, name: str, change_set: str, action: str) -> None:
    """Delete a change set, and the empty stack of a create."""
    cloudformation = target.client("cloudformation")
    try:
        if action == "UPDATE":
            cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        elif describe(target, name).get("StackStatus") == "REVIEW_IN_PROGRESS":
            cloudformation.delete_stack(StackName=name)
    except ClientError:  # the first error matters more; `lambdist leaks` finds the rest
        return


def _has_changes(target: Target, name: str, change_set: str) -> bool:
    """Wait for a change set; False if it is empty, which CloudFormation reports as a failure."""
    cloudformation = target.client("cloudformation")
    for _ in polls(target, f"the change set of {name}"):
        described = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if described["Status"] == "CREATE_COMPLETE":
            return True
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise DeployError(f"CloudFormation rejects the template of {name}: {aws_errors.masked(reason)}")
    raise AssertionError("unreachable")


def _settled_status(target: Target, name: str, log: Log) -> str:
    """The stack's status after an operation under way has ended; "" without a stack."""
    for _ in polls(target, f"the operation under way on {name}"):
        status: str = describe(target, name).get("StackStatus", "")
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            return status
        log(f"{name} is {status}: waiting")
    raise AssertionError("unreachable")


def describe_failure(name: str, status: str, events: list[dict[str, Any]]) -> str:
    """Describe the first resource that failed, which caused the later failures."""
    if status == ROLLED_BACK_HALF:
        return _describe_rollback(name, status, events)
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    causes = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
    if not causes:
        return f"the stack {name} is {status}, and CloudFormation gives no reason: look at its events"
    first = causes[-1]
    reason = first.get("ResourceStatusReason", "no reason given")
    what = f"{first['LogicalResourceId']} ({first['ResourceType']})"
    missing = aws_errors.missing_permission(reason)
    advice = f"; add the permission {missing} to the deploying credentials" if missing else ""
    if missing == "iam:CreateRole":  # the shipped policy allows roles within its boundary only
        advice += ", or name the required boundary: --set permissions_boundary_arn=ARN"
    return f"the stack {name} is {status}: {what} failed: {aws_errors.masked(reason)}{advice}"


def _describe_rollback(name: str, status: str, events: list[dict[str, Any]]) -> str:
    """Describe a rollback that failed: no deploy changes the stack before a person has mended it."""
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    last = next((event for event in failed if event["LogicalResourceId"] != name), None)
    what = ""
    if last:
        reason = aws_errors.masked(last.get("ResourceStatusReason", "no reason given"))
        what = f" at {last['LogicalResourceId']} ({last['ResourceType']}: {reason})"
    return (
        f"the rollback of the stack {name} failed{what}, so it is {status}: mend that resource, then choose "
        "Stack actions, Continue update rollback in CloudFormation's console, or run "
        f"`aws cloudformation continue-update-rollback --stack-name {name}`"
    )


def _events(target: Target, name: str) -> list[dict[str, Any]]:
    """The stack's events, newest first; none after its deletion."""
    try:
        response = target.client("cloudformation").describe_stack_events(StackName=name)
        events: list[dict[str, Any]] = response["StackEvents"]
        return events
    except ClientError as error:
        if _is_absent(error):
            return []
        raise


def _short(stack: str) -> str:
    """A stack's name from its name or id."""
    return stack.split("/")[1] if stack.startswith("arn:") else stack


def _is_absent(error: ClientError) -> bool:
    return "does not exist" in error.response["Error"].get("Message", "")
