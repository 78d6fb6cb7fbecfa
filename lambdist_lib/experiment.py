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
import json
import platform
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import (
    analysing,
    cloudwatch,
    columns,
    datapoints,
    faults,
    folders,
    pool_runs,
    project,
    records,
    redrive,
    running,
    stacks,
    targets,
    teardown,
    truth,
)
from lambdist_lib.conditions import (
    ARMS,
    AS_FOUND,
    Conditions,
    declared,
    initials,
    require_arm,
    require_possible,
    with_faults,
)
from lambdist_lib.datapoints import Datapoints
from lambdist_lib.errors import DeployError, RunError, UncollectedError, UsageError
from lambdist_lib.measures import ledger, sequential, speedup, stages
from lambdist_lib.progress import Progress
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target

BOTH = ("distributed", "single_node")  # of an experiment, unless it asks for more
UNTIL_S = 600.0  # budget of pairs that are repeated until the ratio is known well enough
WARM_UP_ROUNDS = 3  # datapoints per sender: enough that all senders are open at once


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
    settings: dict[str, Any] = field(default_factory=dict)  # of the stacks, beside the conditions
    stacks: dict[str, Stack] = field(default_factory=dict)
    runs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(columns.RUNS)))
    stamp: str = ""  # of tables and figures: the target's, and that the ledger is open if somebody insisted
    _wanted: dict[str, Any] = field(default_factory=dict, repr=False)  # settings of the stacks as deployed

    def __post_init__(self) -> None:
        self.stamp = self.stamp or self.target.stamp

    def deploy(self, **settings: Any) -> dict[str, Stack]:
        """Both stacks as the conditions want them; further settings as in `stacks.deploy`."""
        self.settings = settings
        with Progress("deploy") as progress:
            self._deploy(self.conditions, progress)
            progress.show(f"{len(self.stacks)} stacks on {self.target.stamp}")
        return self.stacks

    def describe(self) -> pd.DataFrame:
        """What the experiment holds equal, as a table of one column."""
        facts = {"target": self.target.stamp, "data": self.points.name, "datapoints": self.points.submitted}
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
        with Progress("cold runs") as progress, running.exclusive(self.target):
            rows = []
            for arm in self._cloud_arms():
                stacks.make_cold(self.target, self._stack(arm))
                name = f"cold-{initials(arm)}0"
                rows.append(self._run(self.conditions, arm, "cold", 0, name, progress, f"{arm}: "))
            progress.show(f"{len(rows)} arms done")
        return pd.DataFrame(rows)

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
        plan = sequential.plan(until) if until else None
        looks = " ".join(map(str, plan.looks)) if plan else ""
        order, began_s, most = random.Random(self.seed), time.monotonic(), plan.looks[-1] if plan else pairs
        rows: list[dict[str, Any]] = []
        with Progress("warm pairs") as progress, running.exclusive(self.target):
            self._warm_up(self.conditions, self._cloud_arms(), progress)
            for pair in range(1, most + 1):
                for arm in order.sample(self.arms, k=len(self.arms)):
                    label, name = f"pair {pair} of {most}, {arm}: ", f"warm-{initials(arm)}{pair}"
                    rows.append(self._run(self.conditions, arm, "warm", pair, name, progress, label, looks))
                if plan and (why := self._enough(plan, time.monotonic() - began_s, budget_s)):
                    break
            done = f"{pair} pair{'s' if pair > 1 else ''} done"
            progress.show(f"{done}, {why}" if plan else done)
        return pd.DataFrame(rows)

    def run_levels(self, factor: str, levels: Sequence[Any], repetitions: int) -> pd.DataFrame:
        """A sweep: in each round, in random order, every arm at every level of a condition; their rows.

        An arm to which the factor means nothing runs once a round.

        Args:
            factor: A field of `Conditions`; all else stays as it is.
            repetitions: Rounds.
        """
        order = random.Random(self.seed)
        held = [replace(self.conditions, **{factor: level}) for level in levels]
        plan = _sweep_plan(self.arms, factor, len(levels))
        with Progress(f"sweep over {factor}") as progress, running.exclusive(self.target):
            rows: list[dict[str, Any]] = []
            for repetition in range(1, repetitions + 1):
                for arm, k in order.sample(plan, k=len(plan)):
                    if self._deploy(held[k], progress) or not rows:
                        self._warm_up(max(held, key=lambda one: one.chunks), self._cloud_arms(), progress)
                    name = f"{initials(arm)}{k}r{repetition}"
                    label = f"round {repetition} of {repetitions}, {arm}, {factor} {levels[k]}: "
                    rows.append(self._run(held[k], arm, "warm", repetition, name, progress, label))
            progress.show(f"{len(rows)} runs done")
        return pd.DataFrame(rows)

    def run_cold_and_warm(self, factor: str, levels: Sequence[Any], repetitions: int) -> pd.DataFrame:
        """A sweep of pairs: each arm at each level in fresh environments, and warm right after; their rows.

        Args:
            factor, levels, repetitions: As in `run_levels`; rounds are in random order too.
        """
        order = random.Random(self.seed)
        held = [replace(self.conditions, **{factor: level}) for level in levels]
        plan = _sweep_plan(self._cloud_arms(), factor, len(levels))
        with Progress(f"cold and warm by {factor}") as progress, running.exclusive(self.target):
            rows: list[dict[str, Any]] = []
            for repetition in range(1, repetitions + 1):
                for arm, k in order.sample(plan, k=len(plan)):
                    self._deploy(held[k], progress)
                    for temperature in ("cold", "warm"):
                        if temperature == "cold":
                            stacks.make_cold(self.target, self._stack(arm))
                        else:
                            self._warm_up(held[k], [arm], progress)
                        name = f"{temperature}-{initials(arm)}{k}r{repetition}"
                        label = f"round {repetition}, {arm}, {factor} {levels[k]}, {temperature}: "
                        rows.append(self._run(held[k], arm, temperature, repetition, name, progress, label))
            progress.show(f"{len(rows)} runs done")
        return pd.DataFrame(rows)

    def run_matrix(self, cells: Sequence[Mapping[str, Any]], repetitions: int) -> pd.DataFrame:
        """The distributed arm under each of several conditions, of which no time is compared; their rows.

        Every run draws its faults anew, by a seed counted up from the experiment's: with the same
        draws the same datapoints would die in every cell.

        Args:
            cells: Fields of `Conditions` that each cell has of its own. They are run in this order, so
                put together what needs the same stacks.
            repetitions: Runs of each cell.
        """
        held = [replace(self.conditions, **cell) for cell in cells for _ in range(repetitions)]
        with Progress("matrix") as progress, running.exclusive(self.target):
            rows = []
            for number, one in enumerate(held):
                self._deploy(one, progress)
                fault = str(faults.parse_fault(_unseeded(one.fault), seed=self.seed + number))
                label = f"run {number + 1} of {len(held)}, {_unseeded(fault)}: "
                drawn, pair = replace(one, fault=fault), number % repetitions + 1
                rows.append(self._run(drawn, "distributed", AS_FOUND, pair, f"d{number}", progress, label))
            progress.show(f"{len(rows)} runs done")
        return pd.DataFrame(rows)

    def ledger(self, *, insist: bool = False) -> pd.DataFrame:
        """The ledger of every run, which must balance before anything is measured.

        Args:
            insist: Go on with an open one. From then on `stamp` and the runs' targets, and so every
                figure and sentence, say that it is open.

        Raises:
            RunError, UnfinishedError: Datapoints are lost, unsent or in flight, and nobody insists.
        """
        counts = ledger.count(self.records())
        if insist:
            self.stamp = self.target.stamp + ledger.open_note(self.runs, counts)
            self.runs = ledger.accept_open(self.runs, counts)
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
        table = cloudwatch.with_reports(self.target, self.stacks.values(), self.invocations())
        if table["report_s"].notna().any():
            records.write_table(self.folder, "reported", table)
        return table

    def truth(self) -> pd.DataFrame:
        """What the fault plans had decided before the runs with faults: `run_id` and `truth.Planned`."""
        homes = [self.folder / "runs" / run_id for run_id in self.runs["run_id"]]
        planned = [home for home in homes if (home / truth.FILE).exists()]
        found = [records.load(home, "truth").assign(run_id=home.name) for home in planned]
        names = ["run_id", *truth.Planned.__dataclass_fields__]
        return pd.concat(found, ignore_index=True)[names] if found else pd.DataFrame(columns=names)

    def outputs(self) -> Iterator[dict[str, Any]]:
        """Each datapoint's answer in input order, from the first distributed run."""
        chosen = self.runs[self.runs["arm"] == "distributed"]
        if chosen.empty:
            raise RunError("no distributed run has ended yet; run one first")
        return records.outputs(self.folder / "runs" / chosen.iloc[0]["run_id"])

    def redrive(self, *, cause: str = "", fault: str = "none") -> pd.DataFrame:
        """Send the dead letters of every run with a queue again; a row per run (`redrive.Report`).

        The runs then balance, but are no timing any more.
        """
        with Progress("redrive") as progress:
            reports = redrive.of(
                str(self.folder),
                cause=cause,
                fault=fault,
                connect=lambda stamp: self.target,
                watch=progress.show,
            )
            progress.show(f"{sum(report.letters for report in reports):,} dead letters")
        self._read_rows_again()
        return pd.DataFrame([asdict(report) for report in reports])

    def finding(self) -> str:
        """The conclusion, computed from the runs."""
        return speedup.sentence(self.runs, self.stamp)

    def summarise(self, finding: str = "") -> dict[str, Any]:
        """Every measure in one file, `summary.json`, with this finding or else the speedup's; its content."""
        insist = self.stamp != self.target.stamp
        return analysing.summarise(self.folder, insist=insist, finding=finding)

    def teardown(self, *, keep_stacks: bool = False) -> str:
        """Delete the stacks, unless they are to be kept; says what was done."""
        if keep_stacks:
            where, how = self.target.stamp, f"lambdist destroy --target {self.target.name}"
            return f"the stacks stay on {where}; `{how}` ends them"
        with Progress("teardown") as progress:
            teardown.destroy(self.target, say=progress.show)
            progress.show("nothing is left")
        return f"both stacks and the artifact bucket are gone from {self.target.stamp}"

    def _enough(self, plan: sequential.Plan, spent_s: float, budget_s: float) -> str:
        """Why the pairs so far are enough, or ""."""
        ratios = speedup.pairs(self.runs)["ratio"]
        found = sequential.look(ratios, plan, spent_s=spent_s, budget_s=budget_s)
        return found.why if found.enough else ""

    def _read_rows_again(self) -> None:
        """The table of runs out of their folders, which know of what came later."""
        rows = [folders.read_facts(self.folder / "runs" / run_id) for run_id in self.runs["run_id"]]
        self.runs = pd.DataFrame([{name: row[name] for name in columns.RUNS} for row in rows])
        records.write_table(self.folder, "runs", self.runs)

    def _cloud_arms(self) -> list[str]:
        return [arm for arm in self.arms if ARMS[arm].stack]

    def _stack(self, arm: str) -> Stack:
        try:
            return self.stacks[ARMS[arm].stack]
        except KeyError:
            raise DeployError("the stacks are not deployed yet; call deploy() first") from None

    def _deploy(self, held: Conditions, progress: Progress) -> bool:
        """The stacks under these conditions; whether anything had to be deployed for it."""
        wanted = {**held.settings(), **self.settings}
        if self.stacks and wanted == self._wanted:
            return False
        self.stacks = stacks.deploy(self.target, settings=wanted, say=progress.show)
        self._wanted = wanted
        return True

    def _run(
        self,
        held: Conditions,
        arm: str,
        temperature: str,
        pair: int,
        name: str,
        progress: Progress,
        label: str,
        looks: str = "",
    ) -> dict[str, Any]:
        """One run into its folder, or the rest of one that an earlier sitting left; returns its row."""
        folder = self.folder / "runs" / f"{self.id}-{name}"
        facts = {"pair": pair, "experiment_id": self.id, "looks": looks}

        def watch(text: str) -> None:
            progress.show(f"{label}{text}")

        if not ARMS[arm].stack:
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier sitting: it takes seconds to do again
            row = pool_runs.run(self.points, held, folder, **facts)
        elif (folder / "run.json").exists():
            row = running.resume(self.target, self._stack(arm), self.points, folder, watch=watch)
        else:
            stack, facts["temperature"] = self._stack(arm), temperature
            row = running.run(self.target, stack, arm, self.points, held, folder, watch=watch, **facts)
        columns_only = {name: row[name] for name in columns.RUNS}
        new = pd.DataFrame([columns_only])
        self.runs = new if self.runs.empty else pd.concat([self.runs, new], ignore_index=True)
        records.write_table(self.folder, "runs", self.runs)
        return columns_only

    def _warm_up(self, held: Conditions, arms: Sequence[str], progress: Progress) -> None:
        """Open all environments that the runs will use; measured by nobody, but declared."""
        points = datapoints.from_iterable(["warm-up"] * held.chunks * WARM_UP_ROUNDS)
        for arm in arms:
            progress.show(f"warming up {arm}")
            running.warm_up(self.target, self._stack(arm), arm, points, held, self.id)

    def _tables(self, name: str) -> pd.DataFrame:
        if self.runs.empty:
            raise RunError("no run has ended yet; run one first")
        return analysing.together([self.folder / "runs" / run_id for run_id in self.runs["run_id"]], name)


@contextlib.contextmanager
def start(*, keep_stacks: bool = False, **options: Any) -> Iterator[Experiment]:
    """`begin` for scripts: at the end the stacks go, unless they hold what an error left uncollected."""
    work = begin(**options)
    try:
        yield work
    except BaseException:
        with contextlib.suppress(UncollectedError):  # then the stacks stay, for `lambdist resume`
            work.teardown()
        raise
    work.teardown(keep_stacks=keep_stacks)


def begin(
    *,
    data: str = "data/words.txt",
    target: str = "local",
    region: str = "",
    profile: str = "",
    seed: int = 0,
    experiment_id: str = "",
    arms: Sequence[str] = BOTH,
    **conditions: Any,
) -> Experiment:
    """Read the data, connect to the target, make the experiment's folder or go on in it.

    Args:
        data: Path of the data file; `-` for standard input.
        arms: Which arms each repetition has; names of `conditions.ARMS`.
        conditions: Fields of `Conditions`.

    Raises:
        UsageError: A condition or an arm does not exist, or does not parse; nothing was made.
        RunError: There is an experiment of this id under other conditions.
    """
    held = declared(conditions)
    for arm in arms:
        require_arm(arm)
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    folder = project.RESULTS / experiment_id
    points = held.read(folders.data_file(data, folder))
    held = with_faults(held, points, seed)
    require_possible(target, held)
    connected = targets.connect(target, region=region, profile=profile)
    facts = {
        "experiment_id": experiment_id,
        "target": connected.stamp,
        "data": points.name,
        "sha256": points.sha256,
        "datapoints": points.submitted,
        "seed": seed,
        "arms": list(arms),
        **asdict(held),
        "warm_up": f"{WARM_UP_ROUNDS} datapoints per sender before the first pair",
        "python": platform.python_version(),
    }
    _open_folder(folder, facts)
    return Experiment(
        id=experiment_id,
        folder=folder,
        target=connected,
        points=points,
        conditions=held,
        seed=seed,
        arms=tuple(arms),
    )


def _unseeded(fault: str) -> str:
    return str(faults.parse_fault(fault)).rpartition(",seed:")[0] or "none"


def _sweep_plan(arms: Sequence[str], factor: str, levels: int) -> list[tuple[str, int]]:
    """Which arm runs at which level in each round: one to which the factor means nothing only once."""
    deaf = [arm for arm in arms if arm == "single_node" and factor in ("chunks", "queue_batch")]
    heard = [arm for arm in arms if arm not in deaf]
    return [(arm, k) for arm in heard for k in range(levels)] + [(arm, 0) for arm in deaf]


def _open_folder(folder: Path, facts: dict[str, Any]) -> None:
    """Make the experiment's folder; one that is there must have been begun with the same facts."""
    path = folder / "experiment.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name in facts if before.get(name) != facts[name] and name != "python"]:
            raise RunError(
                f"there is an experiment {folder.name} with other {', '.join(other)}; "
                "take another experiment id, or remove its folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)  # the notebook's runner may have opened its output there
    folders.write_json(path, facts)
