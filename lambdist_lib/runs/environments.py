"""Keep an experiment's stacks as its runs need them, and know which environments are warm."""

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from lambdist_lib.cloud import locks
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import datapoints
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import lifecycle, stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.progress import Progress
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs import warm_up
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.schedule import ScheduledRun
from lambdist_lib.runs.warm_up import WARM_UP_ROUNDS

OF_MAPPING = {"queue_batch", "maximum_concurrency"}  # settings whose change leaves environments warm


class Functions(NamedTuple):
    """The functions that an arm's datapoints pass; arms that share them share their environments."""

    stack: str
    first_lambda: bool


class Width(NamedTuple):
    """How many environments are open: of the first function, and of the processor behind a queue."""

    senders: int = 0
    processors: int = 0


@dataclass(slots=True, kw_only=True)
class Environments:
    """Deploy an experiment's stacks, and make environments cold or warm before a run.

    settings: Of the stacks, beside the conditions.
    """

    experiment_id: str
    target: Target
    points: Datapoints
    processing: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)
    _deployed: dict[str, Any] = field(default_factory=dict)  # settings of the stacks as deployed
    _warm: dict[Functions, Width] = field(default_factory=dict)

    def forget_warm(self) -> None:
        """Take every environment for cold."""
        self._warm.clear()

    def deploy(self, conditions: Conditions, progress: Progress) -> None:
        """Deploy or update the stacks to match the conditions."""
        settings = {**conditions.settings(), **self.settings}
        if self.stacks and settings == self._deployed:
            return
        changed = {name for name, value in settings.items() if self._deployed.get(name) != value}
        if not changed <= OF_MAPPING:
            self._warm.clear()
        if not self.stacks:
            code = self.processing or ""
            self.stacks = lifecycle.deploy(
                self.target, settings, processing=code, confirmed=True, for_experiment=True,
                log=progress.show,
            )  # fmt: skip
        elif self.target.name == "local" and changed <= OF_MAPPING:
            queued = self.stacks["distributed"]
            self.stacks = {**self.stacks, "distributed": stacks.apply_mapping(self.target, queued, settings)}
        else:  # the code stays the same, so its functions start
            with locks.stacks(self.target, f"lambdist run {self.experiment_id}"):
                self.stacks = stacks.apply_stacks(
                    self.target, settings=settings, processing=self.processing, log=progress.show
                )
        self._deployed = settings

    def prepare(self, scheduled: ScheduledRun, progress: Progress) -> None:
        """Make fresh environments for a cold run; open them by unmeasured datapoints for a warm one.

        Arms with many senders come first: they open the environments of an arm with one.
        """
        if scheduled.temperature == "cold":
            stack = ARMS[scheduled.arm].stack
            self._warm = {key: width for key, width in self._warm.items() if key.stack != stack}
            stacks.make_cold(self.target, self.stacks[stack])
        for arm in sorted(scheduled.warm_up, key=lambda arm: not ARMS[arm].parallel):
            functions = Functions(ARMS[arm].stack, ARMS[arm].first_lambda)
            needed, known = self._needed(arm, scheduled), self._warm.get(functions, Width())
            if needed.senders > known.senders or needed.processors > known.processors:
                progress.show(f"warming up {arm}")
                self._open(arm, scheduled, needed.senders)
                self._warm[functions] = Width(*map(max, needed, known))

    def _needed(self, arm: str, scheduled: ScheduledRun) -> Width:
        senders = scheduled.warm_up_chunks if ARMS[arm].parallel else 1
        processors = scheduled.conditions.width if ARMS[arm].cloud_retries else 0
        return Width(min(senders, self.points.submitted), processors)

    def _open(self, arm: str, scheduled: ScheduledRun, senders: int) -> None:
        """Warm up with the file's own datapoints: a user's job may reject any other input."""
        count = senders * WARM_UP_ROUNDS
        own = list(itertools.islice((line.data for line in self.points if not line.reason), count))
        if not own:
            return
        conditions = replace(scheduled.conditions, chunks=senders)
        points = datapoints.from_iterable(
            itertools.islice(itertools.cycle(own), count),
            max_chars=conditions.max_chars,
            pattern=conditions.pattern,
        )
        stack = self.stacks[ARMS[arm].stack]
        warm_up.open_environments(self.target, stack, arm, points, conditions, self.experiment_id)
