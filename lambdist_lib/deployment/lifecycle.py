"""Deploy and destroy both stacks.

    deployed = deploy(connect("local"), {"memory_mb": 256})
    destroy(connect("local"))

On AWS a deploy first shows its cost and asks for consent. After an interrupt both name the
resources that remain and the command that continues.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import local_cloud, locks, targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import (
    bundles,
    callables,
    leaks,
    owners,
    preflight,
    rollback,
    smoke_test,
    stacks,
    templates,
)
from lambdist_lib.deployment.callables import Module
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.deployment.uncollected import require_collected, require_unchanged
from lambdist_lib.errors import DeployError, LambdistError, UsageError
from lambdist_lib.progress import Log, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What processes datapoints: a folder with a processing.py ("": ours), or a function.

    A function brings the `requirements` and `modules` that it imports (`callables.write`).
    """

    processing: str | Path = ""
    process: Callable[[Any], object] | None = None
    requirements: Sequence[str] = ()
    modules: Iterable[Module] = ()

    def folder(self, *, as_json: bool = True) -> Path:
        """Return the folder of its processing.py.

        Raises:
            UsageError: Both are given, there is no such folder, or the function cannot be pickled.
        """
        if self.process is None:
            if self.requirements or any(True for _ in self.modules):
                raise UsageError("requirements and modules go with process=; a folder has a requirements.txt")
            return bundles.folder(self.processing)
        if str(self.processing):
            raise UsageError("process and processing are both given: pass a function or a folder")
        return callables.write(
            self.process, requirements=self.requirements, modules=self.modules, as_json=as_json
        )


def deploy(
    target: Target,
    settings: Mapping[str, Any] | None = None,
    *,
    processing: str | Path = "",
    process: Callable[[Any], object] | None = None,
    requirements: Sequence[str] = (),
    modules: Iterable[Module] = (),
    kinds: Iterable[str] = templates.KINDS,
    lifetime_s: float | None = None,
    budget_usd: float = 0.0,
    yes: bool | None = None,
    confirmed: bool = False,
    force: bool = False,
    for_experiment: bool = False,
    log: Log | None = None,
) -> dict[str, Stack]:
    """Create or update both stacks and check that their functions start.

    Args:
        settings: Template parameters in Python's spelling (`templates`); others keep their defaults.
        processing: Folder with the processing.py to deploy; "" for the one that ships with lambdist.
        process: A function to deploy instead of a folder, with the `requirements` and `modules` that it
            imports (`callables.write`).
        kinds: Which stacks.
        lifetime_s: Seconds until `lambdist leaks --delete` may remove the stacks; 24 hours by default.
        budget_usd: Maximum of the estimated cost in US dollars; 0 for no limit.
        yes: True creates without asking, False asks on the terminal. None asks unless there is a budget.
        confirmed: Skip the estimate and the question: the caller has confirmed both (`preflight.confirm`).
        force: Change a stack even under the queued messages of an unfinished run.
        for_experiment: The caller records to whom the stacks belong (`ownership`); else they are to stay.
        log: Called with each line of progress; by default the progress is shown.

    Returns:
        The deployed stacks by kind: `distributed` and `single_node`.

    Raises:
        UsageError: A setting or folder is invalid, or the estimate exceeds the budget; nothing was created.
        UncollectedError: A run that is not finished has messages in a stack that would change.
        DeployError: Consent was refused, CloudFormation failed or a function does not start; then the stacks
            that were there have their code and settings again.
        KeyboardInterrupt: The message names what remains and how to continue or remove it.
    """
    source = Code(processing=processing, process=process, requirements=requirements, modules=modules)
    code = source.folder()
    wanted, kinds = callables.with_runtime(settings or {}, code, target.name), tuple(kinds)
    if target.name == "aws" and not confirmed:
        inspected = preflight.inspect(target, wanted, lifetime_s=lifetime_s)
        preflight.confirm(inspected, budget_usd=budget_usd, yes=yes)
    try:
        if log:
            with locks.stacks(target, "lambdist deploy"):
                return _apply(target, kinds, wanted, code, lifetime_s, log, force, for_experiment)
        with Progress("deploy") as progress, locks.stacks(target, "lambdist deploy"):
            deployed = _apply(target, kinds, wanted, code, lifetime_s, progress.show, force, for_experiment)
            progress.show(f"{len(deployed)} stacks on {target.label}")
            return deployed
    except KeyboardInterrupt:
        option = f"--target {target.name}"
        advice = (
            f"`lambdist deploy {option}` goes on, `lambdist leaks {option} --delete` removes what was created"
        )
        raise KeyboardInterrupt(f"interrupted; {remaining(target, advice)}") from None


def destroy(
    target: Target,
    *,
    kinds: Iterable[str] = templates.KINDS,
    force: bool = False,
    results_dir: Path | None = None,
    dropped: Collection[str] = (),
) -> None:
    """Delete the stacks, and with the last of them the artifact bucket.

    Args:
        kinds: Which stacks.
        results_dir: Where results were fetched to, if not only to `paths.results()`.
        dropped: Keys of runs whose results are deleted, fetched or not.
        force: Delete even queued messages and results that were not fetched.

    Raises:
        UncollectedError: Messages are queued, or a table holds results that were not fetched.
        DeployError: CloudFormation could not delete a resource; the message names it.
        KeyboardInterrupt: The message names what remains and how to continue.
    """
    kinds = tuple(kinds)
    try:
        with locks.stacks(target, "lambdist destroy"):
            if not force:  # before the progress: a refusal begins nothing
                require_collected(target, kinds, results_dir=results_dir, dropped=dropped)
            with Progress("destroy") as progress:
                stacks.delete_stacks(target, kinds, log=progress.show)
                progress.show(f"{' and '.join(kinds)} deleted")
    except KeyboardInterrupt:
        advice = f"`lambdist destroy --target {target.name}` goes on"
        raise KeyboardInterrupt(f"interrupted; {remaining(target, advice)}") from None
    if target.cloud and not _used_by_others(target):
        local_cloud.reset(target.cloud)  # or the functions' idle processes stay until the cloud itself ends


def stop_local_cloud(*, force: bool = False) -> bool:
    """End the local cloud with everything in it; returns whether one ran.

    Raises:
        UncollectedError: As for `destroy`.
    """
    if force or local_cloud.find() is None:
        return local_cloud.stop()
    target = targets.connect("local")
    with locks.stacks(target, "lambdist cloud stop"):  # until it is gone: no run begins between
        require_collected(target)
        return local_cloud.stop()


def remaining(target: Target, advice: str) -> str:
    """Describe the resources that exist now, followed by the advice."""
    try:
        rows = leaks.find(target)
    except LambdistError as error:
        return f"what remains on {target.label} is unknown ({error}); {advice}"
    if not rows:
        return f"nothing of it is on {target.label}"
    names = ", ".join(f"{row.resource.kind} {row.resource.name}" for row in rows)
    return f"on {target.label} remain {names}; {advice}"


def _apply(
    target: Target,
    kinds: tuple[str, ...],
    settings: dict[str, Any],
    processing: Path,
    lifetime_s: float | None,
    log: Log,
    force: bool,
    for_experiment: bool,
) -> dict[str, Stack]:
    before = rollback.remember(target, kinds)
    if not force and not for_experiment:
        existing = [old.stack for old in before]
        require_unchanged(target, existing, settings=settings, processing=processing)
    deployed = stacks.apply_stacks(
        target, kinds, settings=settings, processing=processing, lifetime_s=lifetime_s, log=log
    )
    try:
        smoke_test.check_functions_start(target, deployed.values())
    except DeployError as error:
        raise DeployError(
            "; ".join(filter(None, [str(error), rollback.put_back(target, before, log)]))
        ) from None
    if not for_experiment:
        owners.forget(target, deployed)
    return deployed


def _used_by_others(target: Target) -> bool:
    """Whether the local cloud holds another stack, or another process uses it."""
    status = local_cloud.status()
    others = {holder for holder in status.holders if holder != os.getpid()} if status else set()
    summaries = target.client("cloudformation").list_stacks()["StackSummaries"]
    return bool(others) or any(summary["StackStatus"] != "DELETE_COMPLETE" for summary in summaries)
