"""Draw the order of an experiment's runs from its seed, before the first begins.

A schedule is a list of rounds, each a list of runs. It needs no cloud and no clock.
"""

import random
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, arm_abbreviation
from lambdist_lib.runs.conditions import AS_FOUND, Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """One run of a schedule.

    round: the run's `pair`. name: the end of the run's id. label: the run for people. warm_up: arms
    whose environments are opened before it, for as many senders as `warm_up_chunks`.
    """

    arm: str
    conditions: Conditions
    temperature: str
    round: int
    name: str
    label: str
    warm_up: tuple[str, ...] = ()
    warm_up_chunks: int = 0


Schedule = list[list[ScheduledRun]]


def cold(arms: Sequence[str], conditions: Conditions) -> Schedule:
    """Schedule one cold run of each arm that has a stack."""
    runs = [
        ScheduledRun(arm=arm, conditions=conditions, temperature="cold", round=0,
             name=f"cold-{arm_abbreviation(arm)}0", label=arm)
        for arm in with_stack(arms)
    ]  # fmt: skip
    return [runs]


def pairs(arms: Sequence[str], conditions: Conditions, *, max_pairs: int, seed: int) -> Schedule:
    """Schedule a warm run of every arm in each round.

    Orders come in blocks of as many rounds as arms: Latin squares, so that within a block each arm has each
    position once. The seed draws every block.
    """
    orders = _balanced_orders(arms, random.Random(seed))

    def run(arm: str, pair: int) -> ScheduledRun:
        return ScheduledRun(
            arm=arm,
            conditions=conditions,
            temperature="warm",
            round=pair,
            name=f"warm-{arm_abbreviation(arm)}{pair}",
            label=f"pair {pair} of {max_pairs}, {arm}",
            warm_up=with_stack(arms),
            warm_up_chunks=conditions.chunks,
        )

    return [[run(arm, pair) for arm in next(orders)] for pair in range(1, max_pairs + 1)]


def sweep(
    arms: Sequence[str],
    conditions: Conditions,
    factor: str,
    levels: Sequence[Any],
    *,
    repetitions: int,
    seed: int,
    temperatures: Sequence[str] = ("warm",),
) -> Schedule:
    """Schedule every arm at every level of a condition in each round.

    The seed draws the order of a round; every second round has the reverse order of the one before it, so
    that a drift within rounds meets all arms and levels alike. Each level has all temperatures one after
    the other. An arm that ignores the factor runs at one level a round.
    """
    at_level = [replace(conditions, **{factor: level}) for level in levels]
    orders = _mirrored_orders(_arms_and_levels(arms, factor, len(levels)), random.Random(seed))
    max_chunks = max(level.chunks for level in at_level)
    is_mixed = len(temperatures) > 1

    def run(arm: str, k: int, number: int, temperature: str) -> ScheduledRun:
        name, label = (
            f"{arm_abbreviation(arm)}{k}r{number}",
            f"round {number} of {repetitions}, {arm}, {factor} {levels[k]}",
        )
        return ScheduledRun(
            arm=arm,
            conditions=at_level[k],
            temperature=temperature,
            round=number,
            name=f"{temperature}-{name}" if is_mixed else name,
            label=f"{label}, {temperature}" if is_mixed else label,
            warm_up=with_stack([arm]) if temperature == "warm" else (),
            warm_up_chunks=at_level[k].chunks if is_mixed else max_chunks,
        )

    return [
        [run(arm, k, number, temperature) for arm, k in next(orders) for temperature in temperatures]
        for number in range(1, repetitions + 1)
    ]


def matrix(
    conditions: Conditions, cells: Sequence[Mapping[str, Any]], *, repetitions: int, seed: int
) -> Schedule:
    """Schedule the distributed arm under each cell's conditions, a round for each cell, in their order.

    Every run draws its own faults, by a seed counted up from the experiment's: with the same draws
    the same datapoints would die in every cell.
    """
    runs = len(cells) * repetitions

    def run(k: int, repetition: int) -> ScheduledRun:
        number, of_cell = k * repetitions + repetition, replace(conditions, **cells[k])
        fault = faults.parse_fault(_unseeded(of_cell.fault), seed=seed + number)
        return ScheduledRun(
            arm="distributed",
            conditions=replace(of_cell, fault=str(fault)),
            temperature=AS_FOUND,
            round=repetition + 1,
            name=f"d{number}",
            label=f"run {number + 1} of {runs}, {_unseeded(str(fault))}",
        )

    return [[run(k, repetition) for repetition in range(repetitions)] for k in range(len(cells))]


def replacements(
    runs: Sequence[ScheduledRun], interrupted: Collection[str], number: int
) -> list[ScheduledRun]:
    """Schedule a round again, as the round `number`; of a round without pairs only what was interrupted.

    Args:
        interrupted: Names of the runs that were interrupted, so that they are no timings.
    """
    return [
        replace(run, round=number if run.round else 0, name=re.sub(r"\d+$", str(number), run.name),
                label=f"{run.label}, instead of an interrupted one")
        for run in runs
        if run.round or run.name in interrupted
    ]  # fmt: skip


def with_stack(arms: Sequence[str]) -> tuple[str, ...]:
    """Return the arms that go through a cloud."""
    return tuple(arm for arm in arms if ARMS[arm].stack)


def _balanced_orders(arms: Sequence[str], draw: random.Random) -> Iterator[list[str]]:
    """Yield orders of the arms for ever, in Latin squares: cyclic shifts, themselves in random order."""
    while True:
        first = draw.sample(list(arms), k=len(arms))
        for shift in draw.sample(range(len(arms)), k=len(arms)):
            yield first[shift:] + first[:shift]


def _mirrored_orders(plan: Sequence[tuple[str, int]], draw: random.Random) -> Iterator[list[tuple[str, int]]]:
    """Yield random orders for ever, each followed by its reverse."""
    while True:
        order = draw.sample(list(plan), k=len(plan))
        yield order
        yield order[::-1]


def _arms_and_levels(arms: Sequence[str], factor: str, levels: int) -> list[tuple[str, int]]:
    """The arms and levels of one round; an arm that ignores the factor runs at one level."""
    ignoring = [arm for arm in arms if factor in ARMS[arm].ignores]
    following = [arm for arm in arms if arm not in ignoring]
    return [(arm, k) for arm in following for k in range(levels)] + [(arm, 0) for arm in ignoring]


def _unseeded(fault: str) -> str:
    return str(faults.parse_fault(fault)).rpartition(",seed:")[0] or "none"
