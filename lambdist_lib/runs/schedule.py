"""Which run comes when: the order of an experiment's runs, drawn from its seed before the first begins.

A plan is a list of rounds, each a list of turns. It needs no cloud and no clock.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambdist_lib.protocol import faults
from lambdist_lib.runs.arms import ARMS, arm_abbreviation
from lambdist_lib.runs.conditions import AS_FOUND, Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """One run to come.

    round: the run's `pair`. name: the end of the run's id. label: the run for people. warm_up: arms
    whose environments are to be open before, for as many senders as `warm_up_chunks`.
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
    """One cold run of each arm that has a stack."""
    turns = [
        ScheduledRun(arm=arm, conditions=conditions, temperature="cold", round=0,
             name=f"cold-{arm_abbreviation(arm)}0", label=arm)
        for arm in with_stack(arms)
    ]  # fmt: skip
    return [turns]


def pairs(arms: Sequence[str], conditions: Conditions, *, most: int, seed: int) -> Schedule:
    """In each round a warm run of every arm, in random order."""
    order = random.Random(seed)

    def turn(arm: str, pair: int) -> ScheduledRun:
        return ScheduledRun(
            arm=arm,
            conditions=conditions,
            temperature="warm",
            round=pair,
            name=f"warm-{arm_abbreviation(arm)}{pair}",
            label=f"pair {pair} of {most}, {arm}",
            warm_up=with_stack(arms),
            warm_up_chunks=conditions.chunks,
        )

    return [[turn(arm, pair) for arm in order.sample(list(arms), k=len(arms))] for pair in range(1, most + 1)]


def sweep(
    arms: Sequence[str],
    conditions: Conditions,
    factor: str,
    levels: Sequence[Any],
    *,
    rounds: int,
    seed: int,
    temperatures: Sequence[str] = ("warm",),
) -> Schedule:
    """In each round every arm at every level of a condition in random order, at each temperature in turn.

    An arm to which the factor means nothing has one level a round.
    """
    order, held = random.Random(seed), [replace(conditions, **{factor: level}) for level in levels]
    plan, most = _heard(arms, factor, len(levels)), max(one.chunks for one in held)
    is_mixed = len(temperatures) > 1

    def turn(arm: str, k: int, number: int, temperature: str) -> ScheduledRun:
        name, label = (
            f"{arm_abbreviation(arm)}{k}r{number}",
            f"round {number} of {rounds}, {arm}, {factor} {levels[k]}",
        )
        return ScheduledRun(
            arm=arm,
            conditions=held[k],
            temperature=temperature,
            round=number,
            name=f"{temperature}-{name}" if is_mixed else name,
            label=f"{label}, {temperature}" if is_mixed else label,
            warm_up=with_stack([arm]) if temperature == "warm" else (),
            warm_up_chunks=held[k].chunks if is_mixed else most,
        )

    return [
        [turn(arm, k, number, one) for arm, k in order.sample(plan, k=len(plan)) for one in temperatures]
        for number in range(1, rounds + 1)
    ]


def matrix(
    conditions: Conditions, cells: Sequence[Mapping[str, Any]], *, repetitions: int, seed: int
) -> Schedule:
    """The distributed arm under each cell's conditions, in the cells' order: a round for each cell.

    Every turn draws its faults anew, by a seed counted up from the experiment's: with the same draws
    the same datapoints would die in every cell.
    """
    runs = len(cells) * repetitions

    def turn(k: int, repetition: int) -> ScheduledRun:
        number, held = k * repetitions + repetition, replace(conditions, **cells[k])
        fault = faults.parse_fault(_unseeded(held.fault), seed=seed + number)
        return ScheduledRun(
            arm="distributed",
            conditions=replace(held, fault=str(fault)),
            temperature=AS_FOUND,
            round=repetition + 1,
            name=f"d{number}",
            label=f"run {number + 1} of {runs}, {_unseeded(str(fault))}",
        )

    return [[turn(k, repetition) for repetition in range(repetitions)] for k in range(len(cells))]


def with_stack(arms: Sequence[str]) -> tuple[str, ...]:
    """The arms that go through a cloud."""
    return tuple(arm for arm in arms if ARMS[arm].stack)


def _heard(arms: Sequence[str], factor: str, levels: int) -> list[tuple[str, int]]:
    """Which arm runs at which level in each round: one to which the factor means nothing only once."""
    deaf = [arm for arm in arms if arm == "single_node" and factor in ("chunks", "queue_batch")]
    heard = [arm for arm in arms if arm not in deaf]
    return [(arm, k) for arm in heard for k in range(levels)] + [(arm, 0) for arm in deaf]


def _unseeded(fault: str) -> str:
    return str(faults.parse_fault(fault)).rpartition(",seed:")[0] or "none"
