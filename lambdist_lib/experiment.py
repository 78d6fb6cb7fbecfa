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
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import (
    columns,
    datapoints,
    faults,
    folders,
    project,
    records,
    running,
    stacks,
    targets,
    teardown,
)
from lambdist_lib.conditions import ARMS, Conditions
from lambdist_lib.datapoints import Datapoints
from lambdist_lib.errors import DeployError, RunError, UsageError
from lambdist_lib.measures import cold_starts, dead_letters, ledger, speedup, stages
from lambdist_lib.progress import Progress
from lambdist_lib.stacks import Stack
from lambdist_lib.targets import Target

BOTH = ("distributed", "single_node")  # of an experiment, unless it asks for more
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
    stacks: dict[str, Stack] = field(default_factory=dict)
    runs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(columns.RUNS)))

    def deploy(self, **settings: Any) -> dict[str, Stack]:
        """Both stacks as the conditions want them; further settings as in `stacks.deploy`."""
        with Progress("deploy") as progress:
            wanted = {**self.conditions.settings(), **settings}
            self.stacks = stacks.deploy(self.target, settings=wanted, say=progress.show)
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

    def run_cold(self) -> pd.DataFrame:
        """One run of each arm, all of it in fresh environments; returns their rows."""
        with Progress("cold runs") as progress, running.exclusive(self.target):
            rows = []
            for arm in self._cloud_arms():
                stacks.make_cold(self.target, self._stack(arm))
                rows.append(self._run(arm, "cold", 0, progress))
            progress.show(f"{len(rows)} arms done")
        return pd.DataFrame(rows)

    def run_pairs(self, pairs: int) -> pd.DataFrame:
        """Warm-up, then `pairs` adjacent runs of each arm in random order; returns their rows."""
        order = random.Random(self.seed)
        with Progress("warm pairs") as progress, running.exclusive(self.target):
            self._warm_up(progress)
            rows = []
            for pair in range(1, pairs + 1):
                for arm in order.sample(self.arms, k=len(self.arms)):
                    rows.append(self._run(arm, "warm", pair, progress, f"pair {pair} of {pairs}, {arm}: "))
            progress.show(f"{pairs} pairs done")
        return pd.DataFrame(rows)

    def ledger(self) -> pd.DataFrame:
        """The ledger of every run, which must balance before anything is measured.

        Raises:
            RunError, UnfinishedError: Datapoints are lost, unsent or in flight.
        """
        counts = ledger.count(self.records())
        ledger.require_balanced(counts)
        for row in self.runs.to_dict("records"):
            running.require_finished(row)
        return counts

    def records(self) -> pd.DataFrame:
        """One row per datapoint and run (`columns.RECORDS`)."""
        return self._tables("records")

    def invocations(self) -> pd.DataFrame:
        """One row per Lambda invocation (`columns.INVOCATIONS`)."""
        return self._tables("invocations")

    def outputs(self) -> Iterator[dict[str, Any]]:
        """Each datapoint's answer in input order, from the first distributed run."""
        chosen = self.runs[self.runs["arm"] == "distributed"]
        if chosen.empty:
            raise RunError("no distributed run has ended yet; run one first")
        return records.outputs(self.folder / "runs" / chosen.iloc[0]["run_id"])

    def finding(self) -> str:
        """The conclusion, computed from the runs."""
        return speedup.sentence(self.runs, self.target.stamp)

    def summarise(self) -> dict[str, Any]:
        """Every measure in one file, `summary.json`; returns its content."""
        table = self.records()
        summary = {
            "experiment_id": self.id,
            "target": self.target.stamp,
            "finding": self.finding(),
            "ledger": _rows(self.ledger()),
            "speedup": _rows(speedup.table(self.runs).reset_index()),
            "cold_starts": _rows(cold_starts.by_run(self.invocations(), self.runs)),
            "dead_letters": _rows(dead_letters.rate(table)),
        }
        folders.write_json(self.folder / "summary.json", summary)
        return summary

    def teardown(self, *, keep_stacks: bool = False) -> str:
        """Delete the stacks, unless they are to be kept; says what was done."""
        if keep_stacks:
            where, how = self.target.stamp, f"lambdist destroy --target {self.target.name}"
            return f"the stacks stay on {where}; `{how}` ends them"
        with Progress("teardown") as progress:
            teardown.destroy(self.target, say=progress.show)
            progress.show("nothing is left")
        return f"both stacks and the artifact bucket are gone from {self.target.stamp}"

    def _cloud_arms(self) -> list[str]:
        return [arm for arm in self.arms if ARMS[arm].stack]

    def _stack(self, arm: str) -> Stack:
        try:
            return self.stacks[ARMS[arm].stack]
        except KeyError:
            raise DeployError("the stacks are not deployed yet; call deploy() first") from None

    def _run(
        self, arm: str, temperature: str, pair: int, progress: Progress, label: str = ""
    ) -> dict[str, Any]:
        folder = self.folder / "runs" / f"{self.id}-{temperature}-{_initials(arm)}{pair}"

        def watch(text: str) -> None:
            progress.show(f"{label or f'{arm}: '}{text}")

        if not ARMS[arm].stack:
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier sitting: it takes seconds to do again
            row = running.run_local_pool(
                self.points, self.conditions, folder, pair=pair, experiment_id=self.id
            )
        elif (folder / "run.json").exists():  # of an earlier sitting that was interrupted
            row = running.resume(self.target, self._stack(arm), self.points, folder, watch=watch)
        else:
            row = running.run(
                self.target,
                self._stack(arm),
                arm,
                self.points,
                self.conditions,
                folder,
                temperature=temperature,
                pair=pair,
                experiment_id=self.id,
                watch=watch,
            )
        columns_only = {name: row[name] for name in columns.RUNS}
        new = pd.DataFrame([columns_only])
        self.runs = new if self.runs.empty else pd.concat([self.runs, new], ignore_index=True)
        records.write_table(self.folder, "runs", self.runs)
        return columns_only

    def _warm_up(self, progress: Progress) -> None:
        """Open all environments that the pairs will use; measured by nobody, but declared."""
        points = datapoints.from_iterable(["warm-up"] * self.conditions.chunks * WARM_UP_ROUNDS)
        for arm in self._cloud_arms():
            progress.show(f"warming up {arm}")
            running.warm_up(self.target, self._stack(arm), arm, points, self.conditions, self.id)

    def _tables(self, name: str) -> pd.DataFrame:
        if self.runs.empty:
            raise RunError("no run has ended yet; run one first")
        tables = [records.load(self.folder / "runs" / run_id, name) for run_id in self.runs["run_id"]]
        filled = [table for table in tables if not table.empty]
        return pd.concat(filled, ignore_index=True) if filled else tables[0]


@contextlib.contextmanager
def start(**options: Any) -> Iterator[Experiment]:
    """`begin`, and the end of the stacks whatever happens, for scripts."""
    work = begin(**options)
    try:
        yield work
    finally:
        work.teardown()


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
    held = _checked(conditions)
    for arm in arms:
        _require_arm(arm)
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    folder = project.RESULTS / experiment_id
    points = held.read(_here(data, folder))
    held = _with_faults(held, points, seed)
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


def _here(data: str, folder: Path) -> str | Path:
    """The data file's path; standard input is kept as a file in the experiment's folder first."""
    if data != "-":
        return data
    folder.mkdir(parents=True, exist_ok=True)
    return datapoints.spool(sys.stdin.buffer, folder / "input.txt")


def submit(
    target: Target,
    arm: str,
    *,
    data: str,
    seed: int = 0,
    experiment_id: str = "",
    watch: Callable[[str], None] = lambda text: None,
    **conditions: Any,
) -> dict[str, Any]:
    """One run of one arm against the stacks as they are deployed; returns its row with its folder.

    Raises:
        UsageError: There is no such arm.
        TargetError: The stacks are not deployed here.
    """
    _require_arm(arm)
    if not ARMS[arm].stack:
        raise UsageError(f"{arm} sends nothing; it is an arm of `lambdist run`")
    stack = stacks.describe(target, ARMS[arm].stack)
    rule = {
        "max_chars": int(stack.parameters["DatapointMaxChars"]),
        "pattern": stack.parameters["DatapointPattern"],
    }
    held = _checked({**conditions, **rule})
    experiment_id = folders.checked_id(experiment_id or folders.new_id(data))
    points = held.read(_here(data, project.RESULTS / experiment_id))
    held = _with_faults(held, points, seed)
    folder = project.RESULTS / experiment_id / "runs" / f"{experiment_id}-{_initials(arm)}"
    with running.exclusive(target):
        row = running.run(target, stack, arm, points, held, folder, experiment_id=experiment_id, watch=watch)
    return {**row, "folder": project.shown(folder)}


def _require_arm(arm: str) -> None:
    if arm not in ARMS:
        raise UsageError(f"arm {arm!r} is unknown; write one of {', '.join(ARMS)}")


def _checked(given: dict[str, Any]) -> Conditions:
    """Conditions whose words parse, before anything is deployed."""
    if unknown := set(given) - set(Conditions.__dataclass_fields__):
        known = ", ".join(Conditions.__dataclass_fields__)
        raise UsageError(f"unknown condition {', '.join(sorted(unknown))}; known: {known}")
    held = Conditions(**given)
    faults.parse_work(held.work)
    if held.failing < 0:
        raise UsageError(f"failing is {held.failing}; write 0 or more")
    return held


def _with_faults(held: Conditions, points: Datapoints, seed: int) -> Conditions:
    """The fault plan in full: of the failing datapoints, as declared, and its seed."""
    first = points.next_n - held.failing
    always = [f"raise:1@{first}-{first + held.failing - 1}"] if held.failing else []
    declared = [held.fault] if held.fault not in ("", "none") else []
    return replace(held, fault=str(faults.parse_fault(",".join([*always, *declared]), seed=seed)))


def _initials(arm: str) -> str:
    return "".join(word[0] for word in arm.split("_"))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records"))
