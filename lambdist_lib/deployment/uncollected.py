"""Find runs whose results were not fetched, or whose messages are still queued."""

import collections
import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import queue_depth, stacks, templates, unended
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, UncollectedError
from lambdist_lib.formatting import counted
from lambdist_lib.protocol.contract import ADHOC, WARM_UP
from lambdist_lib.results import folders


def require_collected(
    target: Target,
    kinds: Iterable[str] = templates.KINDS,
    *,
    name: str = stacks.NAME,
    results_dir: Path | None = None,
    dropped: Collection[str] = (),
) -> None:
    """Raise UncollectedError if a stack has queued messages or results that were not fetched.

    Args:
        dropped: Keys of runs whose results nobody wants.
    """
    for kind in kinds:
        with contextlib.suppress(AbsentError):  # a stack that does not exist holds nothing
            stack = stacks.describe(target, kind, name=name)
            if queued := queue_depth.queue_depth(target, stack).total:
                raise UncollectedError(
                    f"{stack.name} has {counted(queued, 'messages')} queued: wait for their end, or add "
                    "--force to drop them"
                )
            if runs := uncollected(target, stack, results_dir) - {*dropped}:
                shown = ", ".join(sorted(runs)[:5])
                raise UncollectedError(
                    f"{stack.name} holds results that were not fetched ({shown}): "
                    f"run `lambdist fetch {min(runs)}`, or add --force to drop them"
                )


def require_unchanged(
    target: Target, existing: Iterable[Stack], *, settings: dict[str, Any], processing: Path
) -> None:
    """Raise UncollectedError if a deploy would change a stack under the queued messages of a run."""
    for stack in existing:
        runs = unended.unfinished_runs(stack)
        queued = queue_depth.queue_depth(target, stack).total if runs else 0
        if queued and not stacks.up_to_date(target, stack.kind, settings=settings, processing=processing):
            raise UncollectedError(
                f"{stack.name} has {counted(queued, 'messages')} queued, and {runs[0]} is not finished: "
                f"run `lambdist resume {runs[0]}` first, or add --force to deploy nevertheless"
            )


def uncollected(target: Target, stack: Stack, results_dir: Path | None = None) -> set[str]:
    """Return the runs with items in the stack's table that are not collected under results/ or `results_dir`.

    Reads the keys of the whole table: on AWS one read unit for each 8 KB of items.
    """
    items_by_run: collections.Counter[str] = collections.Counter()
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=stack.outputs["TableName"], ProjectionExpression="run_shard")
    )
    for page in pages:
        items_by_run.update(item["run_shard"]["S"].rsplit("#", 1)[0] for item in page["Items"])
    collected = folders.collected_ids(results_dir)
    return {
        run_id
        for run_id, items in items_by_run.items()
        if not run_id.endswith(WARM_UP)
        and (run_id not in collected or (run_id.startswith(ADHOC) and _fetched(run_id) < items))
    }


def _fetched(run_id: str) -> int:
    """The number of fetched answers of datapoints without a run; more may have arrived since."""
    with (folders.adhoc(run_id) / "outputs.jsonl").open(encoding="utf-8") as file:
        return sum(1 for _ in file)
