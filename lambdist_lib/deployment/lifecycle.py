"""`lambdist deploy` and `destroy`: agreed to first where it costs money; cut short, they say what is left."""

import os
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import leaks, preflight, smoke_test, stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.deployment.uncollected import require_collected
from lambdist_lib.errors import LambdistError
from lambdist_lib.progress import Progress


def deploy(
    target: Target,
    settings: dict[str, Any],
    *,
    processing: Path,
    lifetime_s: float | None,
    budget_usd: float,
    yes: bool,
) -> dict[str, Stack]:
    """Both stacks, as `stacks.deploy` makes them, after `preflight` on AWS.

    Raises:
        KeyboardInterrupt: It says what remains, and how to go on or to be rid of it.
    """
    if target.name == "aws":
        found = preflight.inspect(target, settings, lifetime_s=lifetime_s)
        preflight.confirm(found, budget_usd=budget_usd, yes=yes)
    where = f"--target {target.name}"
    given: dict[str, Any] = {"settings": settings, "processing": processing, "lifetime_s": lifetime_s}
    try:
        with Progress("deploy") as progress:
            deployed = stacks.apply_stacks(target, **given, log=progress.show)
            smoke_test.check_functions_start(target, deployed.values())
            progress.show(f"{len(deployed)} stacks on {target.label}")
            return deployed
    except KeyboardInterrupt:
        how = f"`lambdist deploy {where}` goes on, `lambdist leaks {where} --delete` removes what was begun"
        raise KeyboardInterrupt(f"interrupted; {remaining(target, how)}") from None


def destroy(target: Target, *, name: str = stacks.NAME, force: bool = False) -> None:
    """Delete both stacks and the artifact bucket.

    Raises:
        UncollectedError: Messages are queued, or a table has runs that nobody has fetched;
            with `force` they go.
        KeyboardInterrupt: The message says what remains and how to go on.
    """
    if not force:
        require_collected(target, name=name)
    try:
        with Progress("destroy") as progress:
            stacks.delete_stacks(target, name=name, log=progress.show)
            progress.show("both stacks and the artifact bucket are gone")
    except KeyboardInterrupt:
        how = f"`lambdist destroy --target {target.name}` goes on"
        raise KeyboardInterrupt(f"interrupted; {remaining(target, how)}") from None
    if target.cloud and not _used_by_others(target):
        local_cloud.reset(target.cloud)  # or the functions' idle processes stay until the cloud itself ends


def remaining(target: Target, how: str) -> str:
    """What is there now, and what to type."""
    try:
        rows = leaks.find(target)
    except LambdistError as error:
        return f"what remains on {target.label} is not known ({error}); {how}"
    if not rows:
        return f"nothing of it is on {target.label}"
    return (
        f"on {target.label} remain {', '.join(f'{row.thing.kind} {row.thing.name}' for row in rows)}; {how}"
    )


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
