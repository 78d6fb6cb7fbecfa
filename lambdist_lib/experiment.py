"""An experiment: both stacks, the same datapoints through each, runs in adjacent pairs.

    with Experiment(data="data/words.txt", chunks=20, work="io:20ms") as experiment:
        experiment.deploy()
        experiment.run_cold()
        experiment.run_pairs(10)
        print(experiment.results.finding())

Everything is written below results/<experiment_id>/ as it comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lambdist_lib.cloud import locks
from lambdist_lib.deployment import callables, ownership, templates
from lambdist_lib.deployment.callables import Module
from lambdist_lib.deployment.lifecycle import Code
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.formatting import counted
from lambdist_lib.progress import Progress, is_headless, print_note
from lambdist_lib.protocol.arms import settings_of
from lambdist_lib.results import folders
from lambdist_lib.runs import argument_checks, cost_estimate, crash_waits
from lambdist_lib.runs.conditions import parse_conditions
from lambdist_lib.runs.inputs import Source

if TYPE_CHECKING:  # pandas loads with an instance and all that runs need: no clock of a run has started then
    import pandas as pd

    from lambdist_lib.analysis import Results
    from lambdist_lib.runs.phases import Phase

BOTH = ("distributed", "single_node")  # of an experiment, unless it asks for more
MAX_PAIRS = 10
TARGET_PRECISION = 0.1  # of the pairs' ratio, at which they end
TIME_LIMIT_S = 600.0  # of pairs that are repeated until the ratio is known well enough


class Experiment:
    """One experiment: deploy the stacks, run the arms, read `results`, destroy the stacks.

    As a context manager it ends with `destroy`, unless `keep_stacks`. Made again with the same id
    and conditions, it continues in the same folder.

    Args:
        data: Path of the data file; `-` for standard input. Or any iterable: `process` receives equal
            objects (`data.items`), a processing.py takes strings only.
        format, columns: Of a data file (`runs.inputs`); the format is guessed from its name.
        target: `local`, or `aws` with `region` and `profile`.
        seed: Draws the order of the arms and the faults.
        experiment_id: Name of the folder; made from the file's name and the time if empty.
        arms: Which arms each repetition has; names of `protocol.arms.ARMS`.
        processing: Folder with the processing.py to run; "" for lambdas/.
        process: A function to run instead, with the `requirements` and `modules` that it imports
            (`deployment.callables`). Of a data file it receives each line as a string.
        results_dir: Where the experiment's folder is made; "" for `paths.results()`.
        keep_stacks: Leave the stacks deployed, and the local cloud with them, however this process ends.
        conditions: Fields of `runs.conditions.Conditions`, such as `chunks`, `work` or `fault`.

    Raises:
        UsageError: A condition, a folder or an arm does not exist or does not parse; nothing is made.
        RunError: An experiment with this id ran under other conditions.
    """

    def __init__(
        self,
        *,
        data: str | Path | Iterable[object] = "data/words.txt",
        format: str = "",
        columns: Sequence[str] = (),
        target: str = "local",
        region: str = "",
        profile: str = "",
        seed: int = 0,
        experiment_id: str = "",
        arms: Sequence[str] = BOTH,
        processing: str | Path = "",
        process: Callable[[Any], object] | None = None,
        requirements: Sequence[str] = (),
        modules: Iterable[Module] = (),
        results_dir: str | Path = "",
        keep_stacks: bool = False,
        **conditions: Any,
    ) -> None:
        from lambdist_lib.results import tables
        from lambdist_lib.runs import executor, phases, preparation

        known = parse_conditions(conditions, Experiment)
        self.keep_stacks = argument_checks.flag("keep_stacks", keep_stacks)
        prepared = preparation.prepare(
            source=Source(data=data, format=format, columns=columns, for_function=process is not None),
            code=Code(processing=processing, process=process, requirements=requirements, modules=modules),
            target=target, region=region, profile=profile, seed=seed, experiment_id=experiment_id, arms=arms,
            results_dir=results_dir, conditions=known,
        )  # fmt: skip
        print_note(prepared.note)
        self.id, self.folder, self.target = prepared.id, prepared.folder, prepared.target
        self.points, self.conditions, self.seed = prepared.points, prepared.conditions, prepared.seed
        self.processing, self.encoding, self.arms = prepared.processing, prepared.encoding, prepared.arms
        self.runs = tables.runs_table([])
        self._allow_incomplete = self._begun = False
        self._plan, self._executor = phases.Plan(prepared), executor.of(prepared)
        self._environments = self._executor.environments
        self._lock, self._holds_lock = contextlib.ExitStack(), is_headless()

    def __enter__(self) -> Self:
        self._holds_lock = True
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            if error_type is None or self._begun:
                end = self.destroy(keep_stacks=self.keep_stacks)
                print_note(end if self.keep_stacks or ownership.created(self.folder) else "")

    def deploy(
        self, *, runs: int = 1, budget_usd: float = 0.0, yes: bool | None = None, **settings: Any
    ) -> dict[str, Stack]:
        """Deploy both stacks to match the conditions.

        Args:
            runs: Planned runs of each arm, for the cost estimate before a deploy to AWS.
            budget_usd, yes: The most that may cost, and whether it is agreed to. A budget is consent
                enough, unless `yes` is False.
            settings: Further parameters of the stacks, in Python's spelling.

        Raises:
            UsageError: A setting is invalid or a condition, or the cost is not agreed to.
        """
        argument_checks.whole("runs", runs, 1)
        argument_checks.real("budget_usd", budget_usd)
        argument_checks.require_no_condition(settings, self.conditions.settings())
        settings = {**settings_of(self.arms), **settings}
        settings = callables.with_runtime(settings, self.processing, self.target.name)
        templates.require_valid({**self.conditions.settings(), **settings})
        cost_estimate.confirm_experiment(
            self.target, self.conditions, self.arms, self.points.submitted, runs, settings,
            budget_usd=budget_usd, yes=yes,
        )  # fmt: skip
        self._environments.settings = settings
        with Progress("deploy") as progress:
            if self._holds_lock:  # until destroy(): another experiment would change or delete these stacks
                doing = f"the experiment {self.id}"
                self._lock.enter_context(locks.stacks(self.target, doing, log=progress.note))
            ownership.record_missing(self.target, self.folder, keep=self.keep_stacks, log=progress.note)
            self._begun = True
            self._environments.deploy(self.conditions, progress)
            if not self.keep_stacks:
                ownership.record_created(self.target, self.folder)
            progress.show(f"{len(self._environments.stacks)} stacks on {self.target.label}")
        print_note(crash_waits.note(self.arms, self._environments.stacks, self.conditions, self.points))
        return self._environments.stacks

    def run_cold(self) -> pd.DataFrame:
        """Run each arm once in fresh environments; return the rows."""
        return self._execute(self._plan.cold())

    def run_pairs(
        self,
        pairs: int = MAX_PAIRS,
        *,
        target_precision: float = TARGET_PRECISION,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> pd.DataFrame:
        """Warm up, then run each arm in adjacent pairs, in balanced order; return the rows.

        Args:
            pairs: The most; fewer if a planned look (`sequential.looks_until`) finds the ratio precise.
            target_precision: Stop once the interval's half-width is at most this share of the ratio,
                0.05 for 5 %; 0 for exactly `pairs`.
            time_limit_s: Begin no further pair after this time, unless exactly `pairs` are asked for.
        """
        return self._execute(self._plan.pairs(pairs, target_precision, time_limit_s, lambda: self.runs))

    def run_sweep(
        self, factor: str, levels: Sequence[Any], repetitions: int, temperatures: Sequence[str] = ("warm",)
    ) -> pd.DataFrame:
        """Run every arm at every level of a condition, in random order; return the rows.

        Args:
            factor: A key of `sweep.FACTORS`; the other conditions stay as they are. An arm that ignores
                it runs once a repetition.
            levels: In any order, each once; one level may stand alone. More senders than the file keeps
                busy are reduced to as many.
            temperatures: Of each arm at each level, one right after the other; "cold" has fresh
                environments.
        """
        return self._execute(self._plan.sweep(factor, levels, repetitions, temperatures))

    def run_matrix(self, cells: Sequence[Mapping[str, Any]], repetitions: int) -> pd.DataFrame:
        """Run the distributed arm under each of several conditions; return the rows.

        Args:
            cells: Fields of `Conditions` that each cell changes. Cells run in this order, so put those
                together that need the same stacks.
            repetitions: Runs of each cell, each with its own draws of the faults.
        """
        return self._execute(self._plan.matrix(cells, repetitions))

    @property
    def results(self) -> Results:
        """The runs that have ended, as `load_results` reads them.

        Raises:
            UnfinishedError: A phase was interrupted and not run again.
            RunError: No run has ended.
        """
        from lambdist_lib.analysis import Results

        self._executor.require_complete(len(self.runs))
        return Results(
            folder=self.folder, run_folders=self._run_folders(), allow_incomplete=self._allow_incomplete
        )

    def ledger(self, *, allow_incomplete: bool = False) -> pd.DataFrame:
        """Count where the datapoints of each run ended; raise if some are unaccounted for.

        Args:
            allow_incomplete: Go on nevertheless. From then on the target's label says so, and with it
                every figure and sentence.
        """
        if allow_incomplete:
            self._allow_incomplete = True
            self._executor.stopped.clear()
        return self.results.ledger()

    def fetch_aws_reports(self) -> pd.DataFrame:
        """Return the invocations with AWS's own figures beside ours (`lambda_reports.COLUMNS`).

        They are missing on the local cloud. On AWS they are also written into the folder, as
        `reported.csv`: the logs are deleted with the stacks.
        """
        from lambdist_lib.records import lambda_reports

        stacks, invocations = self._environments.stacks.values(), self.results.invocations
        return lambda_reports.write_reports(self.folder, self.target, stacks, invocations)

    def redrive(self, *, cause: str = "", fault: str = "none") -> pd.DataFrame:
        """Send the dead letters of every run with a queue again; return a row per run (`RedriveResult`).

        The runs then balance, but are no longer a timing.
        """
        import pandas as pd

        from lambdist_lib.runs import redrive

        with Progress("redrive") as progress:
            redriven = redrive.redrive_all(
                str(self.folder), cause=cause, fault=fault, connect=lambda label: self.target,
                watch=progress.watcher(),
            )  # fmt: skip
            progress.show(counted(sum(run.letters for run in redriven), "dead letters"))
        self._keep(map(folders.read_facts, self._run_folders()))
        return pd.DataFrame([asdict(run) for run in redriven])

    def destroy(self, *, keep_stacks: bool = False) -> str:
        """Delete the stacks that this experiment created; return a sentence on what was done."""
        with self._lock:
            if keep_stacks:
                return ownership.keep(self.target, self.folder)
            return ownership.destroy_created(self.target, self.folder)

    def describe(self) -> pd.DataFrame:
        """Return what the experiment holds equal, as a table of one column."""
        import pandas as pd

        facts = {"target": self.target.label, "data": self.points.name, "datapoints": self.points.submitted}
        return pd.DataFrame({"": {**facts, **asdict(self.conditions), "seed": self.seed}})

    def _execute(self, phase: Phase) -> pd.DataFrame:
        from lambdist_lib.results import tables

        print_note(phase.note)
        return tables.runs_table(self._executor.execute(phase, keep=self._keep, encoding=self.encoding))

    def _keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into the table of runs, which has each run once."""
        from lambdist_lib.results import tables

        by_id = {row["run_id"]: row for row in [*self.runs.to_dict("records"), *rows]}
        self.runs = tables.runs_table(by_id.values())
        tables.write_table(self.folder, "runs", self.runs)

    def _run_folders(self) -> tuple[Path, ...]:
        """Return the folders of the runs by name, as `load_results` does."""
        return tuple(self.folder / "runs" / run_id for run_id in sorted(self.runs["run_id"]))
