"""Execute an experiment's schedule: for each run its stacks, its environments, then the run itself."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdist_lib.cloud import locks
from lambdist_lib.errors import DeployError, Interrupted, RunError, UnfinishedError, UsageError
from lambdist_lib.formatting import counted
from lambdist_lib.measures import machine
from lambdist_lib.progress import Progress, in_notebook
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import RUN_ID
from lambdist_lib.results import closing
from lambdist_lib.runs import leftovers, local_pool, resume, run
from lambdist_lib.runs.conditions import AS_FOUND
from lambdist_lib.runs.environments import Environments
from lambdist_lib.runs.phases import Phase
from lambdist_lib.runs.preparation import Prepared
from lambdist_lib.runs.schedule import ScheduledRun, replacements

MAX_REPEATS = 2  # of one run that other programs disturbed; then it is kept, and its others_share marks it
MAX_REPEATS_VARIABLE = "LAMBDIST_MAX_REPEATS"  # in the environment: another number
MAX_REPEATS_OF_A_PHASE = 6  # a machine that stays busy would triple the time without a result
DISTURBED, REPEAT = "disturbed", "x"  # folder of the disturbed runs; the end of a repeated run's id


@dataclass(slots=True, kw_only=True)
class Executor:
    """Execute the runs of one experiment.

    stopped: By phase, the run at which it was interrupted.
    """

    folder: Path
    environments: Environments
    stopped: dict[str, str] = field(default_factory=dict)
    _repeated: int = 0  # runs of this phase that others disturbed

    @property
    def experiment_id(self) -> str:
        return self.environments.experiment_id

    def require_complete(self, runs: int) -> None:
        """Check the runs so far, which are `runs`.

        Raises:
            UnfinishedError: A phase was interrupted and not run again.
            RunError: No run has ended.
        """
        for phase, run_label in self.stopped.items():
            raise UnfinishedError(
                f"{phase}: stopped at {run_label}, with {counted(runs, 'runs')} complete; run the stopped "
                "cell again to go on, or call ledger(allow_incomplete=True) to use what is there"
            )
        if not runs:
            raise RunError("no run has ended yet: call run_cold() or run_pairs() first")

    def execute(
        self,
        phase: Phase,
        *,
        keep: Callable[[list[dict[str, Any]]], None],
        **facts: Any,
    ) -> list[dict[str, Any]]:
        """Execute the rounds of a phase until it is enough; return the rows of their runs.

        A run that was interrupted is resumed, and its time is no measurement: its round is run once more
        at the end.

        Args:
            keep: Called with the row of each run.
            facts: Further fields of each `RunInfo`.

        Raises:
            Interrupted: After a notebook's stop button.
            DeadLimitError: So many datapoints died that `stop_if_dead` ended a run.
        """
        rows: list[dict[str, Any]] = []
        target, label = self.environments.target, phase.label
        try:
            with Progress(label) as progress, locks.stacks(target, f"{label} of {self.experiment_id}"):
                self._repeated = 0
                self.environments.forget_warm()  # AWS or another user may have ended them since
                rounds = list(phase.rounds)
                for scheduled_runs in rounds:  # grows by a round for each that was interrupted
                    new = self._execute_round(
                        label, scheduled_runs, progress, keep, looks=phase.looks, **facts
                    )
                    rows += new
                    progress.count(len(rows), sum(map(len, rounds)))
                    if reason := phase.enough():
                        break
                    if interrupted := _interrupted(scheduled_runs, new):
                        rounds.append(replacements(scheduled_runs, interrupted, len(rounds) + 1))
                progress.show(_summary(rows, phase.unit, reason))
        except KeyboardInterrupt:
            if not in_notebook():
                raise
            at = self.stopped.get(label, label)
            raise Interrupted(
                f"Stopped at {at}; what was measured is kept. Run this cell again to go on from there; "
                f"after a restart of the kernel, first set experiment_id to {self.experiment_id!r}."
            ) from None
        self.stopped.pop(label, None)
        return rows

    def _execute_round(
        self,
        label: str,
        scheduled_runs: list[ScheduledRun],
        progress: Progress,
        keep: Callable[[list[dict[str, Any]]], None],
        **facts: Any,
    ) -> list[dict[str, Any]]:
        rows = []
        for scheduled in scheduled_runs:
            self.stopped[label] = scheduled.label
            rows.append(self.execute_run(scheduled, progress, **facts))
            keep(rows[-1:])
            if closing.is_over_dead_limit(rows[-1]):
                closing.require_finished(rows[-1])
        return rows

    def execute_run(self, scheduled: ScheduledRun, progress: Progress, **facts: Any) -> dict[str, Any]:
        """Execute one run, or the rest of one that was interrupted; return its row.

        A timing that other programs disturbed is repeated before anybody looks at its time, at most
        MAX_REPEATS times; the experiment's folder keeps it in DISTURBED.

        Raises:
            DeployError: The stacks are not deployed.
            UsageError: MAX_REPEATS_VARIABLE is not a whole number from 0 on.
        """
        limit = max_repeats()
        name = f"{self.experiment_id}-{scheduled.name}"
        aside = self.folder / DISTURBED
        while True:
            repeats = len(list(aside.glob(f"{name}{REPEAT}*"))) + (aside / name).exists()
            folder = self.folder / "runs" / (f"{name}{REPEAT}{repeats}" if repeats else name)
            is_new = not (folder / "run.json").exists()
            row = self._execute_in(folder, scheduled, progress, **facts)
            is_timing = is_new and scheduled.temperature != AS_FOUND
            if not (is_timing and machine.is_disturbed(row.get("others_share"))) or repeats >= limit:
                return row
            if self._repeated >= MAX_REPEATS_OF_A_PHASE or not RUN_ID.fullmatch(f"{name}{REPEAT}1"):
                return row
            self._repeated += 1
            share = row["others_share"]
            progress.show(f"{scheduled.label}: other programs took {100 * share:.0f} % of the cores; again")
            aside.mkdir(exist_ok=True)
            folder.rename(aside / folder.name)

    def _execute_in(
        self, folder: Path, scheduled: ScheduledRun, progress: Progress, **facts: Any
    ) -> dict[str, Any]:
        """Execute one run in its folder, or the rest of it; return its row."""
        progress.show(scheduled.label)
        facts |= {"pair": scheduled.round, "experiment_id": self.experiment_id}
        environments, conditions = self.environments, scheduled.conditions
        points, target = environments.points, environments.target
        if not ARMS[scheduled.arm].stack:
            shutil.rmtree(folder, ignore_errors=True)  # an interrupted one: it takes seconds to do again
            return local_pool.run(points, conditions, folder, processing=environments.processing, **facts)
        if not environments.stacks:  # on AWS a person has to agree to them first
            raise DeployError("the stacks are not deployed: call deploy() first")
        environments.deploy(conditions, progress)
        stack = environments.stacks[ARMS[scheduled.arm].stack]
        watch = progress.watcher(scheduled.label)
        if (folder / "run.json").exists():
            return resume.resume(target, stack, points, folder, watch=watch, log=progress.note)
        leftovers.clear(target, stack, progress.note)
        environments.prepare(scheduled, progress)
        facts |= {"arm": scheduled.arm, "temperature": scheduled.temperature}
        info = run.new_run(target, stack, points, folder, conditions, **facts)
        return run.run_once(target, stack, points, folder, info, watch=watch)


def of(experiment: Prepared) -> Executor:
    """Return the executor of an experiment's runs."""
    environments = Environments(
        experiment_id=experiment.id,
        target=experiment.target,
        points=experiment.points,
        processing=experiment.processing,
    )
    return Executor(folder=experiment.folder, environments=environments)


def max_repeats() -> int:
    """Return how often a run is repeated at most that other programs disturbed.

    Raises:
        UsageError: MAX_REPEATS_VARIABLE is not a whole number from 0 on.
    """
    text = os.environ.get(MAX_REPEATS_VARIABLE, "").strip() or str(MAX_REPEATS)
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{MAX_REPEATS_VARIABLE} is {text!r}; write a whole number from 0 on")
    return int(text)


def _interrupted(runs: list[ScheduledRun], rows: list[dict[str, Any]]) -> set[str]:
    """Names of the timings that were interrupted and resumed."""
    return {
        run.name
        for run, row in zip(runs, rows, strict=True)
        if row.get("resumed") and run.temperature != AS_FOUND
    }


def _summary(rows: list[dict[str, Any]], unit: str, reason: str) -> str:
    """How much was run, its outcomes, and why it was enough."""
    runs = len({row["pair"] for row in rows}) if unit == "pair" else len(rows)
    parts = [f"{runs} {unit}{'s' if runs != 1 else ''} done", reason]
    return ", ".join([part for part in parts if part] + [closing.closing_line(rows)])
