"""Find and delete resources that runs left on a target.

    leaks.find(target)       every stack, and every resource without a stack
    leaks.delete(target)     delete all but the live ones

A stack is `live` until its expiry, then `expired`; `cut short` if its deployment was interrupted;
`broken` if it cannot be used. A resource without a stack is `orphaned`. The artifact bucket has the
state of its stacks.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdist_lib.cloud import aws_errors, locks
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import (
    change_sets,
    inventory,
    local_mail,
    pending,
    stacks,
    tags,
    templates,
    uncollected,
)
from lambdist_lib.deployment.inventory import Resource
from lambdist_lib.errors import AbsentError, DeployError, TargetError
from lambdist_lib.progress import Log

LIVE, EXPIRED, CUT_SHORT, BROKEN, ORPHANED = "live", "expired", "cut short", "broken", "orphaned"
UNKNOWN = "unknown"  # a permission is missing
STACK = "stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedResource:
    """A stack with its resources, or a resource without a stack."""

    state: str
    resource: Resource

    def facts(self) -> dict[str, str]:
        """Return the fields to print, without the physical id, which may name the account."""
        shown = ("kind", "name", "stack", "created", "expires")
        return {"state": self.state, **{name: getattr(self.resource, name) for name in shown}}


def find(target: Target, *, name: str = stacks.NAME, now: datetime | None = None) -> list[LeakedResource]:
    """List stacks, then resources without a stack, in an order in which they can be deleted."""
    now = now or datetime.now(UTC)
    resources = inventory.list_resources(target, name)  # before the stacks: later resources are not orphans
    described = {
        stack["StackName"]: stack
        for stack in _stacks(target)
        if inventory.owner_stack(stack["StackName"], _tags(stack), name)
    }
    bases = {_base(full) for full in described} | {resource.stack for resource in resources}
    deployments = {base: pending.status(target, base) for base in bases}
    states = {full: state_of(stack, deployments[_base(full)], now) for full, stack in described.items()}
    rows = [
        LeakedResource(
            state=states[full],
            resource=inventory.tagged_resource(STACK, stack["StackId"], full, full, _tags(stack)),
        )
        for full, stack in described.items()
    ]
    owned = {id_ for full in described for id_ in _owned(target, full)}
    for resource in resources:
        if state := _state_of_resource(resource, owned, states, deployments[resource.stack][0]):
            rows.append(LeakedResource(state=state, resource=resource))
    return rows


def delete(
    target: Target,
    *,
    name: str = stacks.NAME,
    everything: bool = False,
    force: bool = False,
    log: Log = lambda line: None,
) -> list[LeakedResource]:
    """Delete all resources that are not live, or everything; returns the deleted ones.

    Waits for a run or a deploy that uses the stacks.

    Args:
        force: Delete even stacks with results that were not fetched.

    Raises:
        UncollectedError: A stack holds results that were not fetched; nothing was deleted.
        DeployError: A resource could not be deleted; the message names it. The others are gone.
    """

    with locks.stacks(target, "lambdist leaks --delete", name=name):
        return _delete(target, name, everything=everything, force=force, log=log)


def _delete(target: Target, name: str, *, everything: bool, force: bool, log: Log) -> list[LeakedResource]:
    def unwanted() -> list[LeakedResource]:
        rows = [row for row in find(target, name=name) if row.state != UNKNOWN]
        return [row for row in rows if everything or row.state != LIVE]

    first = unwanted()
    if not force:
        for row in first:
            _require_collected(target, row)
    failed = stacks.delete_each(
        target, [row.resource.name for row in first if row.resource.kind == STACK], log
    )
    rest = [row for row in unwanted() if row.resource.kind != STACK]  # includes what the stacks left behind
    failed |= _delete_resources(target, [row.resource for row in rest], log)
    if failed:
        raise DeployError("; ".join(f"{name} was not deleted: {reason}" for name, reason in failed.items()))
    gone = {row.resource.id: row for row in [*first, *rest]}
    for row in gone.values():
        pending.clear(target, _base(row.resource.stack))
    return list(gone.values())


def state_of(stack: dict[str, Any], deployment: tuple[str, list[str]], now: datetime) -> str:
    """Return the state of a stack as CloudFormation describes it; `deployment` is `pending.status`."""
    status, new = deployment
    if stack["StackName"] in new and status:
        return CUT_SHORT if status == pending.CUT_SHORT else LIVE
    if stack["StackStatus"] in change_sets.BROKEN | change_sets.ABSENT:
        return BROKEN
    return EXPIRED if tags.is_expired(_tags(stack), now) else LIVE


def summary(rows: list[LeakedResource], target: Target) -> str:
    """Return the number of live and other resources, and the command that removes them."""
    known = [row for row in rows if row.state != UNKNOWN]
    live = sum(row.state == LIVE for row in known)
    if not known:
        return f"nothing of lambdist's is on {target.label}" + (
            ", unless it may not be listed" if rows else ""
        )
    command = f"lambdist leaks --target {target.name} --delete"
    if live == len(known):
        return f"all {live} are live; `{command} --all` removes them"
    return f"{live} of {len(known)} are live; `{command}` removes {'the others' if live else 'all'}"


def _state_of_resource(resource: Resource, owned: set[str], states: dict[str, str], deployment: str) -> str:
    """The state of a resource without a stack; "" for one that a stack owns."""
    if resource.id in owned:
        return ""
    if resource.kind == "bucket":
        names = {stacks.stack_name(kind, resource.stack) for kind in templates.KINDS}
        of_stacks = [state for stack, state in states.items() if stack in names]
        if LIVE in of_stacks or deployment == pending.UNDER_WAY:
            return LIVE
        return of_stacks[0] if of_stacks else ORPHANED
    is_mail = resource.kind == "queue" and resource.name.startswith(local_mail.PREFIX)
    return "" if is_mail and resource.stack in states else ORPHANED


def _delete_resources(target: Target, unwanted: list[Resource], log: Log) -> dict[str, str]:
    failed = {}
    for resource in unwanted:
        try:
            inventory.delete(target, resource)
            log(f"{resource.kind} {resource.name} is gone")
        except (ClientError, BotoCoreError, TargetError, DeployError) as error:
            failed[f"{resource.kind} {resource.name}"] = aws_errors.masked(str(error))
    return failed


def _require_collected(target: Target, row: LeakedResource) -> None:
    """Raise UncollectedError if a usable stack holds results that were not fetched."""
    if row.resource.kind != STACK or row.state == BROKEN:
        return
    for kind in templates.KINDS:
        if row.resource.name.endswith(stacks.stack_name(kind, "")):
            with contextlib.suppress(AbsentError):
                uncollected.require_collected(target, [kind], name=_base(row.resource.name))


def _base(stack: str) -> str:
    """The beginning of a stack's name, before its kind."""
    for kind in templates.KINDS:
        stack = stack.removesuffix(stacks.stack_name(kind, ""))
    return stack


def _stacks(target: Target) -> Iterable[dict[str, Any]]:
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    for page in pages:
        yield from (stack for stack in page["Stacks"] if stack["StackStatus"] != "DELETE_COMPLETE")


def _owned(target: Target, stack: str) -> Iterable[str]:
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceStatus"] != "DELETE_COMPLETE" and resource.get("PhysicalResourceId"):
                yield resource["PhysicalResourceId"]


def _tags(stack: dict[str, Any]) -> dict[str, str]:
    return tags.read(stack.get("Tags", []))
