"""An experiment: both stacks, the same datapoints through each, runs in adjacent pairs.

    with Experiment(data="data/words.txt", chunks=20, work="io:20ms") as experiment:
        experiment.deploy()
        experiment.run_cold()
        experiment.run_pairs(10)
        print(experiment.results.finding())

Everything is written below results/<experiment_id>/ as it comes. The order of the arms
within a pair is drawn from the seed; a warm-up of both stacks comes before the first pair.
"""

import contextlib
import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.analysis import Results
from lambdist_lib.cloud import targets
from lambdist_lib.deployment import callables, lifecycle, stacks, templates
from lambdist_lib.deployment.callables import Module
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, RunError, UncollectedError, UnfinishedError, UsageError
from lambdist_lib.measures import sequential, stages
from lambdist_lib.measures.pairs import paired_ratios
from lambdist_lib.progress import Progress
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import require_arm, settings_of
from lambdist_lib.records import lambda_reports
from lambdist_lib.results import files, folders, schema, tables
from lambdist_lib.runs import cost_estimate, redrive, schedule
from lambdist_lib.runs.conditions import parse_conditions, require_possible, resolve_faults
from lambdist_lib.runs.executor import WARM_UP_ROUNDS, Executor
from lambdist_lib.runs.inputs import Source

BOTH = ("distributed", "single_node")  # of an experiment, unless it asks for more
TARGET_PRECISION = 0.1  # of the pairs' ratio, at which they end
TIME_LIMIT_S = 600.0  # of pairs that are repeated until the ratio is known well enough
CREATED = "stacks.json"  # in the experiment's folder: the stacks that it created, and may delete


class Experiment:
    """One experiment: deploy the stacks, run the arms, read `results`, destroy the stacks.

    As a context manager it ends with `destroy`, unless `keep_stacks`. Made again with the same id
    and conditions, it goes on in the same folder.

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
        keep_stacks: Leave the stacks deployed at the end of `with`.
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
        parsed = parse_conditions(conditions)
        source = Source(data=data, format=format, columns=columns, for_function=process is not None)
        self.encoding = source.encoding
        self.processing = lifecycle.code_folder(
            processing, process, requirements=requirements, modules=modules, as_json=source.for_json
        )
        for arm in arms:
            require_arm(arm)
        name = str(data) if source.is_file else callables.name_of(process) if process else "items"
        self.id = folders.checked_id(experiment_id or folders.new_id(name))
        self.folder = Path(results_dir or paths.results()) / self.id
        require_possible(target, parsed)
        connected = targets.connect(target, region=region, profile=profile) if source.is_remote else None
        self.points = parsed.read(source.file(self.folder, max_chars=parsed.max_chars, target=connected))
        self.conditions = resolve_faults(parsed, self.points, seed)
        self.target = connected or targets.connect(target, region=region, profile=profile)
        self.seed, self.arms, self.keep_stacks = seed, tuple(arms), keep_stacks
        folders.open_experiment(self.folder, self._facts())
        self.runs = pd.DataFrame(columns=list(schema.RUNS))
        self._allow_incomplete = self._begun = False
        self._executor = Executor(
            experiment_id=self.id,
            folder=self.folder,
            target=self.target,
            points=self.points,
            processing=self.processing,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None:
            self.destroy(keep_stacks=self.keep_stacks)
        elif self._begun:  # results that an error left uncollected stay, for `lambdist resume`
            with contextlib.suppress(UncollectedError):
                self.destroy()

    def deploy(
        self, *, runs: int = 1, budget_usd: float = 0.0, yes: bool | None = None, **settings: Any
    ) -> dict[str, Stack]:
        """Deploy both stacks to match the conditions.

        Args:
            runs: Planned runs of each arm, for the cost estimate that precedes a deploy to AWS.
            budget_usd, yes: The most that may cost, and whether it is agreed to. A budget is consent
                enough, unless `yes` is False.
            settings: Further parameters of the stacks, in Python's spelling.

        Raises:
            UsageError: A setting is one of the conditions, the estimate is above the budget, or
                nobody agreed.
        """
        if double := set(settings) & set(self.conditions.settings()):
            raise UsageError(
                f"{', '.join(sorted(double))}: a condition of the experiment, recorded with its runs; "
                "pass it to Experiment(...) instead of deploy(...)"
            )
        settings = {**settings_of(self.arms), **settings}
        settings = callables.with_runtime(settings, self.processing, self.target.name)
        if self.target.name == "aws":
            cost_estimate.confirm_experiment(
                self.target, self.conditions, self.arms, self.points.submitted, runs, settings,
                budget_usd=budget_usd, yes=budget_usd > 0 if yes is None else yes,
            )  # fmt: skip
        self._record_created()
        self._begun = True
        self._executor.settings = settings
        with Progress("deploy") as progress:
            self._executor.deploy(self.conditions, progress)
            progress.show(f"{len(self._executor.stacks)} stacks on {self.target.label}")
        return self._executor.stacks

    def run_cold(self) -> pd.DataFrame:
        """Run each arm once in fresh environments; return the rows."""
        return self._execute("cold runs", schedule.cold(self.arms, self.conditions))

    def run_pairs(
        self,
        pairs: int = sequential.MAX_PAIRS,
        *,
        target_precision: float = TARGET_PRECISION,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> pd.DataFrame:
        """Warm up, then run each arm in adjacent pairs, in balanced order; return the rows.

        Args:
            pairs: The most; fewer if a planned look (`sequential.looks_until`) finds the ratio precise.
            target_precision: Stop once the interval's half-width is at most this share of the ratio,
                0.05 for 5 %; 0 for exactly `pairs`.
            time_limit_s: Begin no further pair after this time.
        """
        if pairs < 1 or not 0 <= target_precision < 1:
            raise UsageError(
                f"pairs is {pairs} and target_precision {target_precision}: write 1 or more pairs, and a "
                "precision between 0 and 1, such as 0.05 for 5 %"
            )
        looks = sequential.looks_until(pairs) if target_precision else ()
        plan = sequential.plan(target_precision, looks=looks) if looks else None
        began_s = time.monotonic()

        def enough() -> str:
            if plan is None:
                return ""
            ratios, spent_s = paired_ratios(self.runs)["ratio"], time.monotonic() - began_s
            look = sequential.look(ratios, plan, spent_s=spent_s, time_limit_s=time_limit_s)
            return look.why if look.enough else ""

        rounds = schedule.pairs(self.arms, self.conditions, max_pairs=pairs, seed=self.seed)
        return self._execute(
            "warm pairs", rounds, unit="pair", enough=enough, looks=" ".join(map(str, looks))
        )

    def run_sweep(
        self, factor: str, levels: Sequence[Any], repetitions: int, temperatures: Sequence[str] = ("warm",)
    ) -> pd.DataFrame:
        """Run every arm at every level of a condition, in random order; return the rows.

        Args:
            factor: A field of `Conditions`; the others stay as they are. An arm that ignores it runs
                once a repetition.
            temperatures: Of each arm at each level, one right after the other; "cold" has fresh
                environments.
        """
        arms = schedule.with_stack(self.arms) if "cold" in temperatures else self.arms
        rounds = schedule.sweep(
            arms, self.conditions, factor, levels,
            repetitions=repetitions, seed=self.seed, temperatures=temperatures,
        )  # fmt: skip
        return self._execute(f"sweep over {factor}", rounds)

    def run_matrix(self, cells: Sequence[Mapping[str, Any]], repetitions: int) -> pd.DataFrame:
        """Run the distributed arm under each of several conditions; return the rows.

        Args:
            cells: Fields of `Conditions` that each cell changes. Cells run in this order, so put those
                together that need the same stacks.
            repetitions: Runs of each cell, each with its own draws of the faults.
        """
        rounds = schedule.matrix(self.conditions, cells, repetitions=repetitions, seed=self.seed)
        return self._execute("matrix", rounds)

    @property
    def results(self) -> Results:
        """The runs that have ended, as `load_results` reads them.

        Raises:
            UnfinishedError: A phase was interrupted and not run again.
            RunError: No run has ended.
        """
        for phase, at in self._executor.stopped.items():
            raise UnfinishedError(
                f"{phase}: stopped at {at}, with {len(self.runs)} runs complete; run the stopped cell "
                "again to go on, or call ledger(allow_incomplete=True) to use what is there"
            )
        if self.runs.empty:
            raise RunError("no run has ended yet: call run_cold() or run_pairs() first")
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
        invocations = self.results.invocations
        table = lambda_reports.with_reports(self.target, self._executor.stacks.values(), invocations)
        if table["report_s"].notna().any():
            tables.write_table(self.folder, "reported", table)
        return table

    def redrive(self, *, cause: str = "", fault: str = "none") -> pd.DataFrame:
        """Send the dead letters of every run with a queue again; return a row per run (`RedriveResult`).

        The runs then balance, but are no longer a timing.
        """
        with Progress("redrive") as progress:
            redriven = redrive.redrive_all(
                str(self.folder),
                cause=cause,
                fault=fault,
                connect=lambda label: self.target,
                watch=progress.watcher(),
            )
            progress.show(f"{sum(run.letters for run in redriven):,} dead letters")
        self._keep(map(folders.read_facts, self._run_folders()))
        return pd.DataFrame([asdict(run) for run in redriven])

    def destroy(self, *, keep_stacks: bool = False) -> str:
        """Delete the stacks that this experiment created; return a sentence on what was done."""
        how = f"`lambdist destroy --target {self.target.name}` deletes them"
        if keep_stacks:
            return f"The stacks stay on {self.target.label}; {how}."
        created = sorted(self._created())
        if not created:
            return f"No stack on {self.target.label} is this experiment's, so what is there stays; {how}."
        lifecycle.destroy(self.target, kinds=created, results_dir=self.folder.parent)
        files.write_json(self.folder / CREATED, {"created": []})  # later ones are somebody else's
        if len(created) < len(templates.KINDS):
            return f"The stack {created[0]} is deleted from {self.target.label}; the other was there before."
        return f"Both stacks and the artifact bucket are deleted from {self.target.label}."

    def describe(self) -> pd.DataFrame:
        """Return what the experiment holds equal, as a table of one column."""
        facts = {"target": self.target.label, "data": self.points.name, "datapoints": self.points.submitted}
        return pd.DataFrame({"": {**facts, **asdict(self.conditions), "seed": self.seed}})

    def clock_uncertainty_s(self) -> float:
        """Bound the difference of two clocks' stamps, in seconds.

        On the local cloud all are one clock, and SQS cuts its stamps to milliseconds. Elsewhere, and where
        a run's client clock was corrected, it is the bound that the requests' stamps gave.
        """
        bounds_s = pd.to_numeric(self.runs["clock_bound_s"], errors="coerce")
        corrected = pd.to_numeric(self.runs["clock_offset_s"], errors="coerce").fillna(0.0).ne(0).any()
        if self.target.name == "local" and not corrected:
            return stages.SQS_STAMP_S
        return float(bounds_s.max() if bounds_s.notna().any() else self.results.records["total_s"].max())

    def total_work_s(self) -> float:
        """Return the declared work of all datapoints together, in seconds."""
        return faults.parse_work(self.conditions.work).seconds * self.points.submitted

    def _facts(self) -> dict[str, Any]:
        return {
            "experiment_id": self.id,
            "target": self.target.label,
            "data": self.points.name,
            "sha256": self.points.sha256,
            "datapoints": self.points.submitted,
            "seed": self.seed,
            "arms": list(self.arms),
            "processing": paths.shown(self.processing),
            **self.conditions.facts(),
            "warm_up": f"{WARM_UP_ROUNDS} datapoints per sender before the first pair",
            "python": platform.python_version(),
        }

    def _execute(self, phase: str, rounds: schedule.Schedule, **options: Any) -> pd.DataFrame:
        rows = self._executor.execute(phase, rounds, keep=self._keep, encoding=self.encoding, **options)
        return pd.DataFrame([schema.run_row(row) for row in rows], columns=list(schema.RUNS))

    def _keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows into the table of runs, which has each run once."""
        new = {row["run_id"]: schema.run_row(row) for row in rows}
        known = {row["run_id"]: row for row in self.runs.to_dict("records")}
        self.runs = pd.DataFrame(list({**known, **new}.values()))
        tables.write_table(self.folder, "runs", self.runs)

    def _run_folders(self) -> tuple[Path, ...]:
        return tuple(self.folder / "runs" / run_id for run_id in self.runs["run_id"])

    def _record_created(self) -> None:
        """Note which stacks are not there yet: only those may be deleted at the end."""
        created = self._created()
        for kind in templates.KINDS:
            try:
                stacks.describe(self.target, kind)
            except AbsentError:
                created.add(kind)
        files.write_json(self.folder / CREATED, {"created": sorted(created)})

    def _created(self) -> set[str]:
        path = self.folder / CREATED
        return set(json.loads(path.read_text(encoding="utf-8"))["created"]) if path.exists() else set()
