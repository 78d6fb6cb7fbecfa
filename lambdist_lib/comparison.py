"""Compare two experiments (or runs): is the second slower, and by how much?

    compare("results/before", "results/after", factor="code").sentence()

All conditions but the named factors must be equal on both sides; otherwise the cause of a difference is
unknown. The effect is the ratio of the medians, second over first, for each arm and temperature that both
have, with a percentile bootstrap interval (two independent samples, seeded). All intervals of a comparison
together have the requested confidence (Bonferroni).
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.errors import NotComparableError, RunError, UsageError
from lambdist_lib.formatting import closest, label, number
from lambdist_lib.measures import ledger
from lambdist_lib.measures.intervals import as_numbers, median_ratio_interval
from lambdist_lib.measures.pairs import EVENTS, SAME_IN_AN_ARM, not_resumed
from lambdist_lib.measures.speedup import FASTER, NO_DIFFERENCE, NO_INTERVAL, SLOWER
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.results import folders, schema, tables
from lambdist_lib.results.files import read_json

OF_EXPERIMENT = ("data", "retry_delay_s", "failing", "max_chars", "pattern", "warm_up", "python", "code")
FACTORS = (*SAME_IN_AN_ARM, *OF_EXPERIMENT)
RUNS_NEEDED = 6  # of each side, for an interval
Times = dict[tuple[str, str], np.ndarray]  # of an arm and temperature, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect for one arm and temperature: the ratio of the medians, second over first, in seconds.

    A ratio above 1 means that the second is slower.
    """

    arm: str
    temperature: str
    ratio: float
    low: float
    high: float
    first_s: float  # median
    second_s: float
    first_runs: int
    second_runs: int

    @property
    def verdict(self) -> str:
        """FASTER or SLOWER (the second) where the interval excludes 1, else NO_DIFFERENCE or NO_INTERVAL."""
        if math.isnan(self.low):
            return NO_INTERVAL
        if self.low > 1:
            return SLOWER
        return FASTER if self.high < 1 else NO_DIFFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The names of both sides, the factors that differ, and the effects."""

    first: str
    second: str
    target: str
    metric: str
    changed: dict[str, tuple[str, str]]  # factor: its value on either side
    confidence: float  # of all intervals together
    effects: tuple[Effect, ...]
    note: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per effect for a table or JSON, with None for NaN."""
        rows = [{**asdict(effect), "verdict": effect.verdict} for effect in self.effects]
        return [{name: None if value != value else value for name, value in row.items()} for row in rows]

    def regressed(self, tolerance: float = 0.0) -> bool:
        """Return whether the interval of some arm is above 1 + `tolerance` (0.05 for 5 %)."""
        return any(effect.low > 1 + tolerance for effect in self.effects)

    def exit_status(self, tolerance: float = 0.0) -> int:
        """Return the exit status for CI: 1 where the second regressed, else 0."""
        return int(self.regressed(tolerance))

    def sentence(self) -> str:
        """Return the conclusion as a sentence, with all numbers from the data."""
        named = ", ".join(f"{name} {before} to {after}" for name, (before, after) in self.changed.items())
        what = f"{self.second} against {self.first}, {EVENTS[self.metric]} ({named or 'nothing changed'})"
        parts = [*map(self._text, self.effects), *filter(None, [self.note])]
        return f"{self.target}: {what}: {'; '.join(parts)}."

    def _text(self, effect: Effect) -> str:
        seconds = (
            f"{effect.second_s:.3g} s after {effect.first_s:.3g} s, {number(effect.ratio)} times as long"
        )
        between = (
            NO_INTERVAL
            if math.isnan(effect.low)
            else f"{self.confidence * 100:g} % interval {effect.low:.3g} to {effect.high:.3g}"
        )
        verdict = "" if effect.verdict == NO_INTERVAL else f" is {effect.verdict}"
        verdict = ": no difference shown" if effect.verdict == NO_DIFFERENCE else verdict
        n = f"n = {effect.first_runs} and {effect.second_runs} runs"
        return f"{label(effect.arm)} {effect.temperature}{verdict}, {seconds} ({between}, {n})"


def compare(
    a: str | Path,
    b: str | Path,
    *,
    factor: str | None = None,
    metric: str = "makespan_s",
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare a second experiment or run with a first.

    Args:
        a, b: The first and the second: folders or ids of experiments or runs.
        factor: The condition that may differ, one of FACTORS, or several separated by commas.
        metric: The time that is compared, a key of EVENTS.
        confidence: Of all intervals together.
        seed: Of the bootstrap's random numbers.

    Raises:
        UsageError: No such factor or time.
        NotFoundError: There is no such experiment or run.
        NotComparableError: The two differ in what was not named, have no arm in common, or left
            datapoints unsent.
        RunError: A folder is damaged, or a ledger is open.
    """
    named = _named(factor)
    if metric not in EVENTS:
        raise UsageError(f"{metric!r} is not a time of a run: use one of {', '.join(EVENTS)}")
    first, second = _load(a), _load(b)
    changed = _changed(first, second, named)
    times = _timed(first, metric), _timed(second, metric)
    if not (effects := _effects(*times, confidence, seed)):
        raise NotComparableError(
            f"{first.name} and {second.name} have no timed run of the same arm and temperature"
        )
    return Comparison(
        first=first.name,
        second=second.name,
        target=" and ".join(dict.fromkeys(str(side.runs["target"].iloc[0]) for side in (first, second))),
        metric=metric,
        changed=changed,
        confidence=confidence,
        effects=effects,
        note="; ".join(_notes(first, second, {*times[0]} ^ {*times[1]})),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    runs: pd.DataFrame
    facts: dict[str, str]  # of OF_EXPERIMENT, those that are known


def _named(factor: str | None) -> set[str]:
    named = {part.strip() for part in (factor or "").split(",")} - {""}
    for name in sorted(named - set(FACTORS)):
        near = closest(name, FACTORS)
        hint = f"did you mean {near}? Known: " if near else "known: "
        raise UsageError(f"unknown factor {name!r}: {hint}{', '.join(FACTORS)}")
    return named


def _load(where: str | Path) -> _Side:
    """Read the runs and facts of an experiment or a run, by folder or id."""
    result = folders.locate(where)
    facts = [folders.read_facts(folder) for folder in result.runs]
    if path := result.experiment_file:
        experiment = read_json(path, "compare another experiment") | {"code": _code(facts)}
        return _side(result.folder.name, tables.load(result.folder, "runs"), experiment)
    for run in facts:
        if missing := [name for name in schema.RUNS if name not in run | schema.ADDED_LATER]:
            command = f"`lambdist resume {run['run_id']}`"
            raise RunError(f"run {run['run_id']} has no {missing[0]} yet: finish it with {command}")
    runs = pd.DataFrame([schema.run_row(run) for run in facts])
    return _side(result.folder.name, runs, _common(facts) | {"code": _code(facts)})


def _common(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts of an experiment without experiment.json, from those of its runs."""
    names = {name for facts in runs for name in facts}
    values = {name: list(dict.fromkeys(str(facts.get(name)) for facts in runs)) for name in names}
    return {
        name: runs[0].get(name) if len(texts) == 1 else ", ".join(texts) for name, texts in values.items()
    }


def _side(name: str, runs: pd.DataFrame, facts: dict[str, Any]) -> _Side:
    if runs.empty:
        raise NotComparableError(f"{name} has no run that has ended")
    ledger.require_balanced(runs)
    if not (short := runs[runs["unsent"] > 0]).empty:
        raise NotComparableError(
            f"{', '.join(short['run_id'])}: left datapoints unsent, so it did less than the others"
        )
    known = {name: str(facts[name]) for name in OF_EXPERIMENT if facts.get(name) not in (None, {})}
    if "sha256" in facts:
        known["data"] = f"{Path(str(facts.get('data', ''))).name} {str(facts['sha256'])[:8]}"
    if "python" in known:
        known["python"] = ".".join(known["python"].split(".")[:2])
    return _Side(name, runs, known)


def _code(runs: list[dict[str, Any]]) -> dict[str, str]:
    """Return the hash of each bundle that the runs used, by name."""
    return {name: zipped for facts in runs for name, zipped in sorted((facts.get("code") or {}).items())}


def _changed(first: _Side, second: _Side, named: set[str]) -> dict[str, tuple[str, str]]:
    """Return the factors in which the sides' common arms differ; refuse those that were not named."""
    arms = set(first.runs["arm"]) & set(second.runs["arm"])
    changed = {}
    for name in FACTORS:
        before, after = (_value(side, name, arms) for side in (first, second))
        if before is not None and after is not None and before != after:
            changed[name] = (before, after)
    if hidden := [name for name in changed if name not in named]:
        differences = "; ".join(f"{name} {' against '.join(_short(changed[name]))}" for name in hidden)
        raise NotComparableError(
            f"{first.name} and {second.name} differ in {differences}; "
            f"to compare them nevertheless, name what differs: --factor {','.join(changed)}"
        )
    return {name: _short(values) for name, values in changed.items()}


def _value(side: _Side, factor: str, arms: set[str]) -> str | None:
    """Return the factor's value or values as text, None where it is not known."""
    if factor in OF_EXPERIMENT:
        return side.facts.get(factor)
    values = side.runs.loc[side.runs["arm"].isin(arms), factor].unique()
    return ", ".join(map(str, sorted(values)))


def _short(values: tuple[str, str], max_chars: int = 40) -> tuple[str, str]:
    """Return values that fit into a sentence; longer ones, such as hashes, only as changed."""
    return values if max(map(len, values)) <= max_chars else ("one value", "another")


def _timed(side: _Side, metric: str) -> Times:
    """Return the times by arm and temperature, without resumed runs and those without a time."""
    timed = {}
    for (arm, temperature), runs in side.runs.groupby(["arm", "temperature"], sort=False):
        ignored = ARMS[arm].ignores if arm in ARMS else frozenset()
        for name in (each for each in SAME_IN_AN_ARM if each not in ignored):
            if len(values := runs[name].unique()) > 1:
                raise NotComparableError(
                    f"{side.name}: {arm} ran with {name} {', '.join(map(str, values))}, which is not one "
                    f"side of a comparison: compare an experiment for each value"
                )
        times = as_numbers(not_resumed(runs)[metric])
        times = times[(times > 0) & (times < math.inf)].to_numpy(float)
        if len(times):
            timed[arm, temperature] = times
    return timed


def _notes(first: _Side, second: _Side, alone: set[tuple[str, str]]) -> list[str]:
    notes = [f"on one side only: {label(', '.join(sorted(map(' '.join, alone))))}"] if alone else []
    stored = [side.runs.groupby("arm")["stored"].median() for side in (first, second)]
    if unequal := [
        arm for arm in stored[0].index.intersection(stored[1].index) if stored[0][arm] != stored[1][arm]
    ]:
        notes.append(f"stored different numbers of datapoints: {', '.join(map(label, unequal))}")
    return notes


def _effects(first: Times, second: Times, confidence: float, seed: int) -> tuple[Effect, ...]:
    """Compare what both sides have; all intervals together have the confidence (Bonferroni)."""
    keys = [key for key in first if key in second]
    enough = [key for key in keys if min(len(first[key]), len(second[key])) >= RUNS_NEEDED]
    each = 1 - (1 - confidence) / max(len(enough), 1)
    return tuple(_effect(key, first[key], second[key], each if key in enough else None, seed) for key in keys)


def _effect(
    key: tuple[str, str], first: np.ndarray, second: np.ndarray, confidence: float | None, seed: int
) -> Effect:
    low = high = math.nan
    if confidence:
        low, high = median_ratio_interval(first, second, confidence, seed=seed)
    return Effect(
        arm=key[0],
        temperature=key[1],
        ratio=float(np.median(second) / np.median(first)),
        low=low,
        high=high,
        first_s=float(np.median(first)),
        second_s=float(np.median(second)),
        first_runs=len(first),
        second_runs=len(second),
    )
