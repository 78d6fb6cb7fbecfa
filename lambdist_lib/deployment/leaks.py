"""What runs have left on a target, and its removal.

    leaks.find(target)                  every stack, and everything that is of none
    leaks.delete(target)                what is not wanted any more: all but what is live

A stack is `live` while its expiry has not passed, `expired` after it, `cut short` if the deployment that
made it did not come to its end, and `broken` if it cannot be used. What no stack of here has is
`orphaned`. The artifact bucket is as its stacks are.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdist_lib.cloud import aws_errors
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
from lambdist_lib.deployment.polling import Log
from lambdist_lib.errors import AbsentError, DeployError, TargetError

LIVE, EXPIRED, CUT_SHORT, BROKEN, ORPHANED = "live", "expired", "cut short", "broken", "orphaned"
UNKNOWN = "unknown"  # a permission is missing
STACK = "stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedResource:
    """A stack with all that is its own, or a thing that no stack has."""

    state: str
    thing: Resource

    def facts(self) -> dict[str, str]:
        """Without the physical id, which may name the account."""
        shown = ("kind", "name", "stack", "created", "expires")
        return {"state": self.state, **{name: getattr(self.thing, name) for name in shown}}

    def line(self) -> str:
        thing = self.thing
        until = f", until {thing.expires}" if thing.expires and thing.kind == STACK else ""
        since = f"  (since {thing.created}{until})" if thing.created else ""
        return f"{self.state:<10} {thing.kind:<20} {thing.name}{since}"


def find(target: Target, *, name: str = stacks.NAME, now: datetime | None = None) -> list[LeakedResource]:
    """What is there: stacks first, then what can be deleted in this order."""
    now = now or datetime.now(UTC)
    things = inventory.things(target, name)  # before the stacks: what one has made since is no orphan
    standing = [one for one in _stacks(target) if inventory.owner_stack(one["StackName"], _tags(one), name)]
    bases = {_base(one["StackName"]) for one in standing} | {one.stack for one in things}
    begun = {base: pending.status(target, base) for base in bases}
    states = {one["StackName"]: state_of(one, begun[_base(one["StackName"])], now) for one in standing}
    rows = [LeakedResource(state=states[one["StackName"]], thing=_thing(one)) for one in standing]
    owned = {id_ for one in standing for id_ in _owned(target, one["StackName"])}
    for thing in things:
        if state := _state_of_thing(thing, owned, states, begun[thing.stack][0]):
            rows.append(LeakedResource(state=state, thing=thing))
    return rows


def delete(
    target: Target,
    *,
    name: str = stacks.NAME,
    everything: bool = False,
    force: bool = False,
    log: Log = lambda line: None,
) -> list[LeakedResource]:
    """Delete what is not live, or everything; returns what was deleted.

    Raises:
        UncollectedError: A stack holds results that nobody has fetched; with `force` they go. Else all stays.
        DeployError: Something could not be deleted; the message names it. All else is gone.
    """

    def doomed() -> list[LeakedResource]:
        rows = [row for row in find(target, name=name) if row.state != UNKNOWN]
        return [row for row in rows if everything or row.state != LIVE]

    first = doomed()
    if not force:
        for row in first:
            _require_collected(target, row)
    failed = _delete_stacks(target, [row.thing for row in first if row.thing.kind == STACK], log)
    then = [row for row in doomed() if row.thing.kind != STACK]  # with what a stack has left behind
    failed |= _delete_things(target, [row.thing for row in then], log)
    if failed:
        raise DeployError("; ".join(f"{what} stays: {why}" for what, why in failed.items()))
    gone = {row.thing.id: row for row in [*first, *then]}
    for row in gone.values():
        pending.clear(target, _base(row.thing.stack))
    return list(gone.values())


def state_of(stack: dict[str, Any], begun: tuple[str, list[str]], now: datetime) -> str:
    """The state of a stack as CloudFormation describes it; `begun` is `deployments.state_of`."""
    how, new = begun
    if stack["StackName"] in new and how:
        return CUT_SHORT if how == pending.CUT_SHORT else LIVE
    if stack["StackStatus"] in change_sets.BROKEN | change_sets.ABSENT:
        return BROKEN
    return EXPIRED if tags.is_expired(_tags(stack), now) else LIVE


def summary(rows: list[LeakedResource], target: Target) -> str:
    """How many there are of each state, and what to type."""
    known = [row for row in rows if row.state != UNKNOWN]
    live = sum(row.state == LIVE for row in known)
    if not known:
        return f"nothing of lambdist's is on {target.label}" + (", as far as can be seen" if rows else "")
    how = f"lambdist leaks --target {target.name} --delete"
    if live == len(known):
        return f"all {live} are live; `{how} --all` removes them"
    return f"{live} of {len(known)} are live; `{how}` removes {'the others' if live else 'all'}"


def _state_of_thing(thing: Resource, owned: set[str], states: dict[str, str], begun: str) -> str:
    """ "" for what is part of a stack."""
    if thing.id in owned:
        return ""
    if thing.kind == "bucket":
        of_its = [state for stack, state in states.items() if stack in _names(thing.stack)]
        if LIVE in of_its or begun == pending.UNDER_WAY:
            return LIVE
        return of_its[0] if of_its else ORPHANED
    is_mail = thing.kind == "queue" and thing.name.startswith(local_mail.PREFIX)
    return "" if is_mail and thing.stack in states else ORPHANED


def _delete_stacks(target: Target, found: list[Resource], log: Log) -> dict[str, str]:
    begun: dict[str, change_sets.StackOperation | None] = {}
    failed = {}
    for one in found:
        try:
            begun[one.name] = change_sets.begin_delete(target, one.id)
        except DeployError as error:
            failed[one.name] = str(error)
    for name, deletion in begun.items():
        try:
            if deletion:
                change_sets.wait(target, deletion, log)
            if target.name == "local":
                local_mail.remove(target, name)
            log(f"{name} is gone")
        except DeployError as error:
            failed[name] = str(error)
    return failed


def _delete_things(target: Target, found: list[Resource], log: Log) -> dict[str, str]:
    failed = {}
    for thing in found:
        try:
            inventory.delete(target, thing)
            log(f"{thing.kind} {thing.name} is gone")
        except (ClientError, BotoCoreError, TargetError, DeployError) as error:
            failed[f"{thing.kind} {thing.name}"] = aws_errors.masked(str(error))
    return failed


def _require_collected(target: Target, row: LeakedResource) -> None:
    """A stack that came up whole may hold results that are nowhere else."""
    if row.thing.kind != STACK or row.state == BROKEN:
        return
    for kind in templates.KINDS:
        if row.thing.name.endswith(stacks.stack_name(kind, "")):
            with contextlib.suppress(AbsentError):
                uncollected.require_collected(target, [kind], name=_base(row.thing.name))


def _base(stack: str) -> str:
    """What a stack's name begins with, before its kind."""
    for kind in templates.KINDS:
        stack = stack.removesuffix(stacks.stack_name(kind, ""))
    return stack


def _thing(stack: dict[str, Any]) -> Resource:
    marks, name = _tags(stack), stack["StackName"]
    return Resource(
        kind=STACK, id=stack["StackId"], name=name, stack=name,
        created=marks.get(tags.CREATED, ""), expires=marks.get(tags.EXPIRES, ""),
    )  # fmt: skip


def _names(name: str) -> set[str]:
    return {stacks.stack_name(kind, name) for kind in templates.KINDS}


def _stacks(target: Target) -> Iterable[dict[str, Any]]:
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    for page in pages:
        yield from (one for one in page["Stacks"] if one["StackStatus"] != "DELETE_COMPLETE")


def _owned(target: Target, stack: str) -> Iterable[str]:
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for one in page["StackResourceSummaries"]:
            if one["ResourceStatus"] != "DELETE_COMPLETE" and one.get("PhysicalResourceId"):
                yield one["PhysicalResourceId"]


def _tags(stack: dict[str, Any]) -> dict[str, str]:
    return tags.read(stack.get("Tags", []))
