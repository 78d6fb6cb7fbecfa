"""The turns of an experiment, taken one by one: stacks as a turn wants them, its environments, its run."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.data import datapoints
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import smoke_test, stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import DeployError, Interrupted
from lambdist_lib.progress import Progress, in_notebook
from lambdist_lib.runs import local_pool, resume, run
from lambdist_lib.runs.arms import ARMS
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.schedule import Schedule, ScheduledRun

WARM_UP_ROUNDS = 3  # datapoints per sender: enough that all senders are open at once


@dataclass(slots=True, kw_only=True)
class Executor:
    """Takes the turns of one experiment into its folder, and knows what is deployed and warm meanwhile."""

    experiment_id: str
    folder: Path
    target: Target
    points: Datapoints
    processing: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)  # of the stacks, beside the conditions
    stacks: dict[str, Stack] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)  # by phase the turn that was not finished
    _wanted: dict[str, Any] = field(default_factory=dict)  # settings of the stacks as deployed
    _warm: set[str] = field(default_factory=set)  # arms whose environments are open

    def deploy(self, conditions: Conditions, progress: Progress) -> None:
        """Have the stacks as the conditions want them."""
        wanted = {**conditions.settings(), **self.settings}
        if not self.stacks or wanted != self._wanted:
            self._warm.clear()
            deployed = stacks.apply_stacks(
                self.target, settings=wanted, processing=self.processing, log=progress.show
            )
            if not self.stacks:  # the code stays the same afterwards
                smoke_test.check_functions_start(self.target, deployed.values())
            self.stacks, self._wanted = deployed, wanted

    def walk(
        self,
        phase: str,
        rounds: Schedule,
        *,
        keep: Callable[[list[dict[str, Any]]], None],
        unit: str = "run",
        enough: Callable[[], str] = lambda: "",
        **facts: Any,
    ) -> list[dict[str, Any]]:
        """Take the turns round by round until it is enough; the rows of their runs.

        Args:
            phase: What it is, for people, and in which unit it is counted: run or pair.
            keep: Called with the row of each run.
            enough: Asked after each round; says why no further one is needed, or "".
            facts: Further ones for the runs' folders.
        """
        rows: list[dict[str, Any]] = []
        try:
            with Progress(phase) as progress, run.exclusive_use(self.target):
                self._warm.clear()  # nobody knows what became of them since
                for of_round in rounds:
                    for turn in of_round:
                        self.stopped[phase] = turn.label
                        rows.append(self.take(turn, progress, **facts))
                        keep(rows[-1:])
                    if why := enough():
                        break
                progress.show(_done(rows, unit, why))
        except KeyboardInterrupt:
            if not in_notebook():
                raise
            at = self.stopped.get(phase, phase)
            raise Interrupted(
                f"Stopped at {at}; what was measured is kept. Run this cell again, and it goes on from "
                f"there; after a restart of the kernel, first set experiment_id to {self.experiment_id!r}."
            ) from None
        self.stopped.pop(phase, None)
        return rows

    def take(self, turn: ScheduledRun, progress: Progress, **facts: Any) -> dict[str, Any]:
        """The turn's run, or the rest of one that an earlier sitting left; returns its row.

        Args:
            facts: Further ones for the run's folder.

        Raises:
            DeployError: Nothing was deployed yet.
        """
        progress.show(turn.label)
        folder = self.folder / "runs" / f"{self.experiment_id}-{turn.name}"
        facts |= {"pair": turn.round, "experiment_id": self.experiment_id}
        if not ARMS[turn.arm].stack:
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier sitting: it takes seconds to do again
            return local_pool.run(self.points, turn.conditions, folder, processing=self.processing, **facts)
        if not self.stacks:  # on AWS somebody has to agree to them first
            raise DeployError("the stacks are not deployed yet; call deploy() first")
        self.deploy(turn.conditions, progress)
        stack = self.stacks[ARMS[turn.arm].stack]
        watch = progress.watcher(turn.label)
        if (folder / "run.json").exists():
            return resume.resume(self.target, stack, self.points, folder, watch=watch)
        self._prepare(turn, progress)
        return run.run_once(
            self.target,
            stack,
            turn.arm,
            self.points,
            turn.conditions,
            folder,
            temperature=turn.temperature,
            watch=watch,
            **facts,
        )

    def _prepare(self, turn: ScheduledRun, progress: Progress) -> None:
        """Fresh environments for a cold turn; open ones, measured by nobody but declared, for a warm one."""
        if turn.temperature == "cold":
            self._warm.discard(turn.arm)
            stacks.make_cold(self.target, self.stacks[ARMS[turn.arm].stack])
        for arm in turn.warm_up:
            if arm not in self._warm:
                progress.show(f"warming up {arm}")
                self._open(arm, turn)
                self._warm.add(arm)

    def _open(self, arm: str, turn: ScheduledRun) -> None:
        """By the file's own datapoints: a job of a person's own may know what to do with no others."""
        many = turn.warm_up_chunks * WARM_UP_ROUNDS
        own = list(itertools.islice((line.data for line in self.points if not line.reason), many))
        if not own:
            return
        held = replace(turn.conditions, chunks=turn.warm_up_chunks)
        points = datapoints.from_iterable(
            itertools.islice(itertools.cycle(own), many), max_chars=held.max_chars, pattern=held.pattern
        )
        run.warm_up(self.target, self.stacks[ARMS[arm].stack], arm, points, held, self.experiment_id)


def _done(rows: list[dict[str, Any]], unit: str, why: str) -> str:
    """How much was run, what came of it, and why it was enough."""
    runs = len({row["pair"] for row in rows}) if unit == "pair" else len(rows)
    parts = [f"{runs} {unit}{'s' if runs != 1 else ''} done", why]
    parts += [f"{sum(row[name] for row in rows):,} {name}" for name in ("stored", "dead")]
    return ", ".join(part for part in parts if part)
