"""The end of the stacks, held back while it would lose results."""

import collections
import contextlib
import os
from collections.abc import Callable, Iterable

from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import stacks, templates
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, UncollectedError
from lambdist_lib.protocol.contract import ADHOC
from lambdist_lib.results import folders
from lambdist_lib.runs import completion
from lambdist_lib.runs.run import WARM_UP


def destroy(
    target: Target, *, name: str = stacks.NAME, force: bool = False, say: Callable[[str], None] = print
) -> None:
    """Delete both stacks and the artifact bucket.

    Raises:
        UncollectedError: Messages are queued, or a table has runs that nobody has fetched;
            with `force` they go.
    """
    if not force:
        require_collected(target, name=name)
    stacks.destroy(target, name=name, say=say)
    if target.cloud and not _used_by_others(target):
        local_cloud.reset(target.cloud)  # or the functions' idle processes stay until the cloud itself ends


def _used_by_others(target: Target) -> bool:
    """Whether the local cloud holds another stack, or another process uses it."""
    status = local_cloud.status()
    others = {holder for holder in status.holders if holder != os.getpid()} if status else set()
    summaries = target.client("cloudformation").list_stacks()["StackSummaries"]
    return bool(others) or any(one["StackStatus"] != "DELETE_COMPLETE" for one in summaries)


def stop_local_cloud(*, force: bool = False) -> bool:
    """End the local cloud and all in it; whether one ran.

    Raises:
        UncollectedError: As `destroy`.
    """
    if not force and local_cloud.find() is not None:
        require_collected(targets.connect("local"))
    return local_cloud.stop()


def require_collected(
    target: Target, kinds: Iterable[str] = templates.KINDS, *, name: str = stacks.NAME
) -> None:
    """Raise UncollectedError if a stack holds something that is nowhere else."""
    for kind in kinds:
        with contextlib.suppress(AbsentError):  # a stack that is not there holds nothing
            stack = stacks.describe(target, kind, name=name)
            if queued := completion.depth(target, stack).total:
                raise UncollectedError(
                    f"{stack.name} has {queued} messages queued; wait for them, or add --force to drop them"
                )
            if runs := uncollected(target, stack):
                shown = ", ".join(sorted(runs)[:5])
                raise UncollectedError(
                    f"{stack.name} holds results that nobody has fetched: {shown}; "
                    f"`lambdist fetch {min(runs)}` gets them, --force drops them"
                )


def uncollected(target: Target, stack: Stack) -> set[str]:
    """Runs with items in the stack's table that were collected nowhere under results/.

    Reads the keys of the whole table: on AWS one read unit for each 8 KB of items.
    """
    found: collections.Counter[str] = collections.Counter()
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stack.outputs["TableName"], ProjectionExpression="run_shard")
    )
    for page in pages:
        found.update(item["run_shard"]["S"].rsplit("#", 1)[0] for item in page["Items"])
    collected = folders.collected_ids()
    return {
        run_id
        for run_id, items in found.items()
        if not run_id.endswith(WARM_UP)
        and (run_id not in collected or (run_id.startswith(ADHOC) and _fetched(run_id) < items))
    }


def _fetched(run_id: str) -> int:
    """Answers that were fetched of datapoints without a run: more may have come since."""
    with (folders.adhoc(run_id) / "outputs.jsonl").open(encoding="utf-8") as file:
        return sum(1 for _ in file)
