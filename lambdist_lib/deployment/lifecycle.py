"""`lambdist deploy` and `destroy`: agreed to first where it costs money; cut short, they say what is left."""

from pathlib import Path
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import leaks, preflight, smoke_test, stacks, teardown
from lambdist_lib.deployment.stacks import Stack
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
        found = preflight.look(target, settings, lifetime_s=lifetime_s)
        preflight.require_consent(found, budget_usd=budget_usd, yes=yes)
    where = f"--target {target.name}"
    given: dict[str, Any] = {"settings": settings, "processing": processing, "lifetime_s": lifetime_s}
    try:
        with Progress("deploy") as progress:
            deployed = stacks.deploy(target, **given, say=progress.show)
            smoke_test.require(target, deployed.values())
            progress.show(f"{len(deployed)} stacks on {target.stamp}")
            return deployed
    except KeyboardInterrupt:
        how = f"`lambdist deploy {where}` goes on, `lambdist leaks {where} --delete` removes what was begun"
        raise KeyboardInterrupt(f"interrupted; {remaining(target, how)}") from None


def destroy(target: Target, *, force: bool) -> None:
    """Both stacks and the bucket, as `teardown.destroy` ends them.

    Raises:
        KeyboardInterrupt: It says what remains.
    """
    try:
        with Progress("destroy") as progress:
            teardown.destroy(target, force=force, say=progress.show)
            progress.show("both stacks and the artifact bucket are gone")
    except KeyboardInterrupt:
        how = f"`lambdist destroy --target {target.name}` goes on"
        raise KeyboardInterrupt(f"interrupted; {remaining(target, how)}") from None


def remaining(target: Target, how: str) -> str:
    """What is there now, and what to type."""
    try:
        rows = leaks.find(target)
    except LambdistError as error:
        return f"what remains on {target.stamp} is not known ({error}); {how}"
    if not rows:
        return f"nothing of it is on {target.stamp}"
    return (
        f"on {target.stamp} remain {', '.join(f'{row.thing.kind} {row.thing.name}' for row in rows)}; {how}"
    )
