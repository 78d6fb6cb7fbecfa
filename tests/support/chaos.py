"""Trials that strike a process in the middle of a run, and then do what a person does.

    trials = plan(seed=15, count=48)
    row = Chaos(state, results, scratch, nursery).run(trials[0])

A trial submits a file of its own and strikes one process at a drawn moment of the run. Then it waits, types
`lambdist resume`, or the commands that the message prints, until the run is closed.
"""

import contextlib
import itertools
import os
import random
import re
import shlex
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from support import closed, faulty
from support.processes import Nursery

from lambdist_lib.cloud import emulator_state
from lambdist_lib.deployment import stacks
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.results import folders

VICTIMS = ("client", "emulator", "supervisor", "worker")
SIGNALS = ("SIGKILL", "SIGSTOP", "SIGTERM")
ENDS_CLOUD = {(victim, name) for victim in ("emulator", "supervisor") for name in ("SIGKILL", "SIGTERM")}
STRUCK_ARMS = (
    "distributed", "distributed", "queue_client", "single_node_parallel", "single_node", "as_original"
)  # fmt: skip
WORDS, INVALID = 40, 2  # lines that are datapoints, and lines that are not
MAX_RESUMES = 3
BEGINS_S, ENDS_S = 30.0, 100.0  # at most, of a run and of a command
UNDER_WAY = ("submitting", "settling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One strike: `delay_s` after the run has so many `receipts`, or sooner if it settles before.

    frozen_s: How long SIGSTOP lasts. again: Whether the first resume is killed, too.
    """

    number: int
    arm: str
    victim: str
    signal: str
    receipts: int
    delay_s: float
    frozen_s: float
    again: bool

    @property
    def name(self) -> str:
        return f"chaos-{self.number}"


def plan(seed: int, count: int) -> list[Trial]:
    """Draw trials; each victim meets each signal as often as any other."""
    draw, strikes = random.Random(seed), list(itertools.product(VICTIMS, SIGNALS))
    trials = []
    for number in range(count):
        if number % len(strikes) == 0:
            draw.shuffle(strikes)
        victim, name = strikes[number % len(strikes)]
        is_late = draw.random() < 0.3
        trials.append(
            Trial(
                number=number,
                arm=draw.choice(STRUCK_ARMS),
                victim=victim,
                signal=name,
                receipts=WORDS + INVALID if is_late else draw.randint(1, WORDS - 4),
                delay_s=draw.uniform(0, 0.2 if is_late else 0.02),
                frozen_s=draw.uniform(0.5, 3.0),
                again=victim == "client" and name != "SIGSTOP" and draw.random() < 0.5,
            )
        )
    return trials


class Chaos:
    """The local cloud that is struck, and the commands that use it."""

    def __init__(self, state: Path, results: Path, scratch: Path, nursery: Nursery) -> None:
        self._state, self._results, self._scratch, self._nursery = state, results, scratch, nursery
        self._log = scratch / "command.log"

    def deploy(self) -> None:
        """Deploy both stacks, quick to retry."""
        settings = {name: "on" if value is True else value for name, value in faulty.SETTINGS.items()}
        words = [f"--set={name}={value}" for name, value in settings.items()]
        self._require(0, *self._lambdist("deploy", *words))
        with closed.connected() as target:
            stack = stacks.describe(target, "distributed")
            faulty.hasten(_Deployed(target, stack.outputs))

    def run(self, trial: Trial) -> dict[str, object]:
        """Run one trial to the end of its run; returns its row of the table."""
        record = emulator_state.read(self._state)
        if record is None or not record.is_alive():
            self.deploy()
        data = write_data(trial, self._scratch)
        self._begin(
            "submit", data, "--id", trial.name, "--arm", trial.arm, "--chunks", 4, "--work", "io:60ms",
            "--fault", f"permanent:0.1,seed:{trial.number}", "--allow-rejected",
        )  # fmt: skip
        reached = self._strike(trial)
        statuses = [self._end()[0]]
        [folder] = (self._results / trial.name / "runs").iterdir()
        if trial.again and folders.read_facts(folder)["state"] != "collected":
            self._begin("resume", folder.name)
            time.sleep(10 * trial.delay_s)
            self._signal(signal.SIGKILL)
            statuses.append(self._end()[0])
        text = ""
        while statuses[-1] != 0 and len(statuses) <= MAX_RESUMES + trial.again:
            status, text = self._lambdist("resume", folder.name, "--allow-rejected")
            statuses.append(status)
            if (trial.victim, trial.signal) in ENDS_CLOUD:
                break
        afresh = statuses[-1] != 0 and (trial.victim, trial.signal) in ENDS_CLOUD
        if afresh:
            folder = self._start_afresh(text)
        else:
            self._require(0, statuses[-1], text)
        return {
            "trial": trial.number,
            "arm": trial.arm,
            "victim": trial.victim,
            "signal": trial.signal,
            **reached,
            "statuses": " ".join(map(str, statuses)),
            "afresh": "yes" if afresh else "",
            **closed.require_closed(folder, data, rejected=INVALID),
        }

    def _begin(self, *words: object) -> None:
        self._log.write_text("")
        self._client = self._nursery.begin(self._results, words, log=self._log)

    def _end(self) -> tuple[int, str]:
        status = self._nursery.wait(self._client, ENDS_S)
        text = self._log.read_text()
        assert "Traceback" not in text, text
        return status, text

    def _lambdist(self, *words: object) -> tuple[int, str]:
        self._begin(*words)
        return self._end()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._client, number)

    @staticmethod
    def _require(expected: int, status: int, text: str) -> None:
        assert status == expected, text

    def _start_afresh(self, text: str) -> Path:
        """Type the commands of the message; returns the new run's folder."""
        deploy, submit = (shlex.split(command) for command in re.findall("`lambdist ([^`]+)`", text))
        assert (deploy, submit[0]) == (["deploy"], "submit")
        self.deploy()
        before = set(self._results.glob("*/runs/*"))
        self._require(0, *self._lambdist(*submit, "--allow-rejected"))
        [folder] = set(self._results.glob("*/runs/*")) - before
        return folder

    def _strike(self, trial: Trial) -> dict[str, object]:
        """Send the signal at the trial's moment; returns what of the run was on disk just after it."""
        runs, deadline_s = self._results / trial.name / "runs", time.monotonic() + BEGINS_S
        while not _is_due(trial, runs) and time.monotonic() < deadline_s:
            time.sleep(0.003)
        time.sleep(trial.delay_s)
        pid, number = self._pid(trial), getattr(signal, trial.signal)
        os.kill(pid, number)
        [folder] = runs.iterdir()
        state, receipts = folders.read_facts(folder)["state"], _receipts(folder)
        if number == signal.SIGSTOP:
            time.sleep(trial.frozen_s)
            with contextlib.suppress(ProcessLookupError):  # the emulator may have ended the worker
                os.kill(pid, signal.SIGCONT)
        is_reached = state in UNDER_WAY and receipts > 0
        return {"state": state, "receipts": receipts, "reached": "yes" if is_reached else ""}

    def _pid(self, trial: Trial) -> int:
        if trial.victim == "client":
            return self._client
        record = emulator_state.read(self._state)
        if trial.victim == "worker":
            names = ("Collector", "Processor") if ARMS[trial.arm].queued else ("SingleNode",)
            return random.Random(trial.number).choice(workers(record.emulator.pid, names))
        return record.emulator.pid if trial.victim == "emulator" else record.supervisor.pid


@dataclass(frozen=True, slots=True)
class _Deployed:
    target: object
    outputs: dict[str, str]

    def __getitem__(self, output):
        return self.outputs[output]

    def client(self, service):
        return self.target.client(service)


def write_data(trial: Trial, folder: Path) -> Path:
    """Write the trial's file: words that no other trial has, and lines that are rejected."""
    words = [f"{trial.name}-word-{n}" for n in range(WORDS)]
    for n in range(INVALID):
        words.insert(7 + 11 * n, "x" * 1_100)
    path = folder / f"{trial.name}.txt"
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return path


def workers(emulator: int, names: tuple[str, ...]) -> list[int]:
    """Pids of the processes of functions with one of these words in their names."""
    pids = []
    for child in psutil.Process(emulator).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            function = child.environ().get("AWS_LAMBDA_FUNCTION_NAME", "")
            if any(name in function for name in names):
                pids.append(child.pid)
    return sorted(pids)


def _is_due(trial: Trial, runs: Path) -> bool:
    for path in runs.glob("*/run.json"):
        is_sent = folders.read_facts(path.parent)["state"] != "submitting"
        return is_sent or _receipts(path.parent) >= trial.receipts
    return False


def _receipts(folder: Path) -> int:
    path = folder / "journal"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0
