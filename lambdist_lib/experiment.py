"""An experiment: both stacks, the same datapoints through each, runs in adjacent pairs.

    with experiment.start(data="data/words.txt", target="local") as work:
        work.deploy()
        work.run_cold()
        work.run_pairs(10)
        print(work.finding())

Everything is written below results/<experiment_id>/ as it comes. The order of the arms
within a pair is drawn from the seed; a warm-up of both stacks comes before the first pair.
"""

import contextlib
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import analysis, paths
from lambdist_lib.cloud import targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.deployment import bundles, lifecycle
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import RunError, UncollectedError, UnfinishedError, UsageError
from lambdist_lib.measures import ledger, sequential, speedup, stages
from lambdist_lib.progress import Progress
from lambdist_lib.protocol import faults
from lambdist_lib.records import lambda_reports
from lambdist_lib.results import folders, schema, tables
from lambdist_lib.results import outputs as results_outputs
from lambdist_lib.runs import cost_estimate, redrive, schedule
from lambdist_lib.runs.arms import require_arm
from lambdist_lib.runs.conditions import Conditions, parse_conditions, require_possible, resolve_faults
from lambdist_lib.runs.executor import WARM_UP_ROUNDS, Executor

BOTH = ("distributed", "single_node")  # of an experiment, unless it asks for more
UNTIL_S = 600.0  # budget of pairs that are repeated until the ratio is known well enough


@dataclass(slots=True, kw_only=True)
class Experiment:
    """One experiment under way. `runs` has a row per finished run (`columns.RUNS`)."""

    id: str
    folder: Path
    target: Target
    points: Datapoints
    conditions: Conditions
    seed: int
    arms: tuple[str, ...] = BOTH
    processing: Path | None = None
    runs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(schema.RUNS)))
    stamp: str = ""  # of tables and figures: the target's, and that the ledger is open if somebody insisted
    begun: bool = False  # whether anything may have been made on the target
    _walker: Executor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.stamp = self.stamp or self.target.label
        self._walker = Executor(
            experiment_id=self.id,
            folder=self.folder,
            target=self.target,
            points=self.points,
            processing=self.processing,
        )

    def deploy(
        self, *, runs: int = 1, budget_usd: float = 0.0, yes: bool | None = None, **settings: Any
    ) -> dict[str, Stack]:
        """Both stacks as the conditions want them.

        Args:
            runs: Of each arm, that are going to be: for the estimate that comes before a deploy to AWS.
            budget_usd, yes: What that may cost, and whether it was agreed to (`preflight`). A budget is
                consent enough, unless `yes` is False.
            settings: Further ones, as in `stacks.deploy`.

        Raises:
            UsageError: A setting is one of the conditions; or it costs too much, or nobody agrees.
        """
        if double := set(settings) & set(self.conditions.settings()):
            raise UsageError(
                f"{', '.join(sorted(double))}: a condition of the experiment, which is written down with its "
                "runs; give it where the experiment begins"
            )
        if self.target.name == "aws":
            cost_estimate.confirm_experiment(
                self.target, self.conditions, self.arms, self.points.submitted, runs, settings,
                budget_usd=budget_usd, yes=budget_usd > 0 if yes is None else yes,
            )  # fmt: skip
        self.begun = True
        self._walker.settings = settings
        with Progress("deploy") as progress:
            self._walker.deploy(self.conditions, progress)
            progress.show(f"{len(self._walker.stacks)} stacks on {self.target.label}")
        return self._walker.stacks

    def describe(self) -> pd.DataFrame:
        """What the experiment holds equal, as a table of one column."""
        facts = {"target": self.target.label, "data": self.points.name, "datapoints": self.points.submitted}
        return pd.DataFrame({"": {**facts, **asdict(self.conditions), "seed": self.seed}})

    def clock_bound_s(self) -> float:
        """How far apart the stamps of two clocks may be.

        On the local cloud all are one clock, and SQS cuts its stamps to milliseconds. On AWS the
        client's clock differs by at most a round trip: the longest one measured here.
        """
        if self.target.name == "local":
            return stages.SQS_STAMP_S
        return float(self.records()["total_s"].max())

    def work_s(self) -> float:
        """Declared work of all datapoints together: what no number of processors makes less."""
        return faults.parse_work(self.conditions.work).seconds * self.points.submitted

    def run_cold(self) -> pd.DataFrame:
        """One run of each arm, all of it in fresh environments; returns their rows."""
        return self._take("cold runs", schedule.cold(self.arms, self.conditions))

    def run_pairs(self, pairs: int, *, until: float = 0.0, budget_s: float = UNTIL_S) -> pd.DataFrame:
        """Warm-up, then adjacent runs of each arm in random order; returns their rows.

        Args:
            pairs: How many; with `until` the looks are planned instead (`sequential.LOOKS`).
            until: Repeat until the interval's half-width is at most this share of the speedup,
                0.05 for 5 %; 0 for a fixed number of pairs.
            budget_s: Repeat no longer than this.
        """
        if pairs < 1 or not 0 <= until < 1:
            raise UsageError(
                f"pairs is {pairs}, until {until}; write 1 or more pairs, and 0.05 for until 5 %"
            )
        plan, began_s = sequential.plan(until) if until else None, time.monotonic()

        def enough() -> str:
            if plan is None:
                return ""
            ratios, spent_s = speedup.paired_ratios(self.runs)["ratio"], time.monotonic() - began_s
            found = sequential.look(ratios, plan, spent_s=spent_s, budget_s=budget_s)
            return found.why if found.enough else ""

        looks = " ".join(map(str, plan.looks)) if plan else ""
        most = plan.looks[-1] if plan else pairs
        rounds = schedule.pairs(self.arms, self.conditions, most=most, seed=self.seed)
        return self._take("warm pairs", rounds, unit="pair", enough=enough, looks=looks)

    def run_levels(
        self, factor: str, levels: Sequence[Any], repetitions: int, temperatures: Sequence[str] = ("warm",)
    ) -> pd.DataFrame:
        """A sweep: in each round, in random order, every arm at every level of a condition; their rows.

        Args:
            factor: A field of `Conditions`; all else stays as it is. An arm to which it means nothing
                runs once a round.
            repetitions: Rounds.
            temperatures: Of each arm at each level, one right after the other; "cold" has fresh environments.
        """
        arms = schedule.with_stack(self.arms) if "cold" in temperatures else self.arms
        held, how = self.conditions, {"rounds": repetitions, "seed": self.seed}
        return self._take(
            f"sweep over {factor}",
            schedule.sweep(arms, held, factor, levels, temperatures=temperatures, **how),
        )

    def run_matrix(self, cells: Sequence[Mapping[str, Any]], repetitions: int) -> pd.DataFrame:
        """The distributed arm under each of several conditions, of which no time is compared; their rows.

        Args:
            cells: Fields of `Conditions` that each cell has of its own. They are run in this order, so
                put together what needs the same stacks.
            repetitions: Runs of each cell, each with other draws of its faults.
        """
        rounds = schedule.matrix(self.conditions, cells, repetitions=repetitions, seed=self.seed)
        return self._take("matrix", rounds)

    def ledger(self, *, insist: bool = False) -> pd.DataFrame:
        """The ledger of every run, which must balance before anything is measured.

        Args:
            insist: Go on with an open one. From then on `stamp` and the runs' targets, and so every
                figure and sentence, say that it is open.

        Raises:
            RunError, UnfinishedError: Datapoints are lost, unsent or in flight, and nobody insists.
        """
        if insist:
            self._walker.stopped.clear()
        counts = ledger.count(self.records())
        if insist:
            self.stamp = self.target.label + ledger.incomplete_note(self.runs, counts)
            self.runs = ledger.mark_incomplete(self.runs, counts)
            return counts
        ledger.require_balanced(counts)
        for row in self.runs.to_dict("records"):
            folders.require_finished(row)
        return counts

    def records(self) -> pd.DataFrame:
        """One row per datapoint and run (`columns.RECORDS`)."""
        return self._tables("records")

    def invocations(self) -> pd.DataFrame:
        """One row per Lambda invocation (`columns.INVOCATIONS`)."""
        return self._tables("invocations")

    def reported(self) -> pd.DataFrame:
        """`invocations` with AWS's own figures beside ours: `report_lines.COLUMNS`.

        On the local cloud they are missing. On AWS they are written into the folder, too, as
        `reported.csv`: the logs go with the stacks.
        """
        table = lambda_reports.with_reports(self.target, self._walker.stacks.values(), self.invocations())
        if table["report_s"].notna().any():
            tables.write_table(self.folder, "reported", table)
        return table

    def truth(self) -> pd.DataFrame:
        """What the fault plans had decided before the runs with faults: `run_id` and `truth.Planned`."""
        return analysis.expected_outcomes(self._homes())

    def outputs(self) -> Iterator[dict[str, Any]]:
        """Each datapoint's answer in input order, from the first distributed run."""
        chosen = self.runs[self.runs["arm"] == "distributed"]
        if chosen.empty:
            raise RunError("no distributed run has ended yet; run one first")
        return results_outputs.outputs(self.folder / "runs" / chosen.iloc[0]["run_id"])

    def redrive(self, *, cause: str = "", fault: str = "none") -> pd.DataFrame:
        """Send the dead letters of every run with a queue again; a row per run (`redrive.Report`).

        The runs then balance, but are no timing any more.
        """
        with Progress("redrive") as progress:
            reports = redrive.redrive_all(
                str(self.folder),
                cause=cause,
                fault=fault,
                connect=lambda target_label: self.target,
                watch=progress.watcher(),
            )
            progress.show(f"{sum(report.letters for report in reports):,} dead letters")
        self._keep(map(folders.read_facts, self._homes()))
        return pd.DataFrame([asdict(report) for report in reports])

    def finding(self) -> str:
        """The conclusion, computed from the runs."""
        return speedup.conclusion(self.runs, self.stamp)

    def summarise(self, finding: str = "") -> dict[str, Any]:
        """Every measure in one file, `summary.json`, with this finding or else the speedup's; its content."""
        insist = self.stamp != self.target.label
        return analysis.summarise(self.folder, insist=insist, finding=finding)

    def teardown(self, *, keep_stacks: bool = False) -> str:
        """Delete the stacks, unless they are to be kept; says what was done."""
        if keep_stacks:
            where, how = self.target.label, f"lambdist destroy --target {self.target.name}"
            return f"the stacks stay on {where}; `{how}` ends them"
        lifecycle.destroy(self.target)
        return f"both stacks and the artifact bucket are gone from {self.target.label}"

    def _take(self, phase: str, rounds: schedule.Schedule, **how: Any) -> pd.DataFrame:
        rows = self._walker.walk(phase, rounds, keep=self._keep, **how)
        return pd.DataFrame(rows)[list(schema.RUNS)]

    def _keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows of runs into the table of runs, in which each run is once."""
        new = {row["run_id"]: {name: row[name] for name in schema.RUNS} for row in rows}
        known = {row["run_id"]: row for row in self.runs.to_dict("records")}
        self.runs = pd.DataFrame(list({**known, **new}.values()))
        tables.write_table(self.folder, "runs", self.runs)

    def _tables(self, name: str) -> pd.DataFrame:
        for phase, at in self._walker.stopped.items():
            raise UnfinishedError(
                f"{phase}: stopped at {at}, with {len(self.runs)} runs whole; run the stopped cell again, "
                "and it goes on from there, or go on with what is there: ledger(insist=True)"
            )
        if self.runs.empty:
            raise RunError("no run has ended yet; run one first")
        return analysis.concat_tables(self._homes(), name)

    def _homes(self) -> list[Path]:
        """The folders of the runs that have ended."""
        return [self.folder / "runs" / run_id for run_id in self.runs["run_id"]]


@contextlib.contextmanager
def start(*, keep_stacks: bool = False, **options: Any) -> Iterator[Experiment]:
    """`begin` for scripts: at the end the stacks go, unless they hold what an error left uncollected."""
    work = begin(**options)
    try:
        yield work
    except BaseException:
        if work.begun:  # or an experiment that was refused would take somebody's stacks away
            with contextlib.suppress(UncollectedError):  # then the stacks stay, for `lambdist resume`
                work.teardown()
        raise
    work.teardown(keep_stacks=keep_stacks)


def max_pairs(pairs: int, until: float = 0.0) -> int:
    """How many pairs `run_pairs` may come to."""
    return sequential.plan(until).looks[-1] if until else pairs


def begin(
    *,
    data: str = "data/words.txt",
    target: str = "local",
    region: str = "",
    profile: str = "",
    seed: int = 0,
    experiment_id: str = "",
    arms: Sequence[str] = BOTH,
    processing: str | Path = "",
    **conditions: Any,
) -> Experiment:
    """Read the data, connect to the target, make the experiment's folder or go on in it.

    Args:
        data: Path of the data file; `-` for standard input.
        arms: Which arms each repetition has; names of `conditions.ARMS`.
        processing: Folder with the processing.py to run; "" for lambdas/.
        conditions: Fields of `Conditions`.

    Raises:
        UsageError: A condition, a folder or an arm does not exist, or does not parse; nothing was made.
        RunError: There is an experiment of this id under other conditions.
    """
    held, code = parse_conditions(conditions), bundles.folder(processing)
    for arm in arms:
        require_arm(arm)
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    folder = paths.results() / experiment_id
    points = held.read(folders.data_file(data, folder))
    held = resolve_faults(held, points, seed)
    require_possible(target, held)
    connected = targets.connect(target, region=region, profile=profile)
    facts = {
        "experiment_id": experiment_id,
        "target": connected.label,
        "data": points.name,
        "sha256": points.sha256,
        "datapoints": points.submitted,
        "seed": seed,
        "arms": list(arms),
        "processing": paths.shown(code),
        **asdict(held),
        "warm_up": f"{WARM_UP_ROUNDS} datapoints per sender before the first pair",
        "python": platform.python_version(),
    }
    folders.open_experiment(folder, facts)
    return Experiment(
        id=experiment_id,
        folder=folder,
        target=connected,
        points=points,
        conditions=held,
        seed=seed,
        arms=tuple(arms),
        processing=code,
    )
