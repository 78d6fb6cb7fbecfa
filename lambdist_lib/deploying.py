"""`lambdist deploy`: looked at and agreed to first where it costs money; cut short, it says what is left."""

from pathlib import Path
from typing import Any

from lambdist_lib import leaks, preflight, stacks
from lambdist_lib.errors import LambdistError
from lambdist_lib.progress import Progress
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target


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
    how: dict[str, Any] = {"settings": settings, "processing": processing, "lifetime_s": lifetime_s}
    try:
        with Progress("deploy") as progress:
            deployed = stacks.deploy(target, **how, say=progress.show)
            progress.show(f"{len(deployed)} stacks on {target.stamp}")
            return deployed
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {remaining(target)}") from None


def remaining(target: Target) -> str:
    """What is there now, and what to type."""
    where = f"--target {target.name}"
    how = f"`lambdist deploy {where}` goes on, `lambdist leaks {where} --delete` removes what was begun"
    try:
        rows = leaks.find(target)
    except LambdistError as error:
        return f"what remains on {target.stamp} is not known ({error}); {how}"
    if not rows:
        return f"nothing of it is on {target.stamp}"
    return (
        f"on {target.stamp} remain {', '.join(f'{row.thing.kind} {row.thing.name}' for row in rows)}; {how}"
    )
