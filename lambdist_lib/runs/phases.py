"""Check the arguments of an experiment's phases, and schedule their runs.

A phase is what one call of `Experiment` executes: the cold runs, the warm pairs, a sweep or a matrix.
Everything is checked here, before the first run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lambdist_lib.errors import UsageError
from lambdist_lib.measures import sequential
from lambdist_lib.measures.ways import watched_ratios
from lambdist_lib.runs import argument_checks, levels, schedule
from lambdist_lib.runs.conditions import require_possible
from lambdist_lib.runs.preparation import Prepared
from lambdist_lib.runs.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The runs of one phase.

    label: Its name for people. unit: What its progress counts, run or pair. enough: Asked after each
    round; returns why no further one is needed, or "". looks: The planned looks, for the runs' facts.
    note: What the caller should be told before it begins, or "".
    """

    label: str
    rounds: Schedule
    unit: str = "run"
    enough: Callable[[], str] = lambda: ""
    looks: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases of one experiment."""

    experiment: Prepared

    def cold(self) -> Phase:
        """Schedule one cold run of each arm that has a stack."""
        return Phase(
            label="cold runs", rounds=schedule.cold(self.experiment.arms, self.experiment.conditions)
        )

    def pairs(
        self, pairs: Any, target_precision: Any, time_limit_s: Any, runs: Callable[[], pd.DataFrame]
    ) -> Phase:
        """Schedule warm pairs, until a planned look finds their ratio precise.

        Args:
            runs: Returns the table of the runs so far.

        Raises:
            UsageError: An argument is out of bounds.
        """
        pairs = argument_checks.whole("pairs", pairs, 1)
        target_precision = argument_checks.real("target_precision", target_precision, 0, 1)
        time_limit_s = argument_checks.real("time_limit_s", time_limit_s)
        looks = sequential.looks_until(pairs) if target_precision else ()
        plan = sequential.plan(target_precision, looks=looks) if looks else None
        began_s = time.monotonic()

        def enough() -> str:
            spent_s = time.monotonic() - began_s
            if plan is None:  # exactly so many pairs, or too few for an interval
                is_over = target_precision and spent_s >= time_limit_s
                return sequential.over(time_limit_s) if is_over else ""
            look = sequential.look(watched_ratios(runs()), plan, spent_s=spent_s, time_limit_s=time_limit_s)
            return look.why if look.enough else ""

        rounds = schedule.pairs(
            self.experiment.arms, self.experiment.conditions, max_pairs=pairs, seed=self.experiment.seed
        )
        return Phase(
            label="warm pairs", rounds=rounds, unit="pair", enough=enough, looks=" ".join(map(str, looks))
        )

    def sweep(self, factor: str, given: Any, repetitions: Any, temperatures: Sequence[str]) -> Phase:
        """Schedule every arm at every level of a factor.

        Raises:
            UsageError: An argument is out of bounds, or an arm cannot run at a level.
        """
        temperatures = argument_checks.temperatures(temperatures)
        repetitions = argument_checks.whole("repetitions", repetitions, 1)
        arms, conditions = self.experiment.arms, self.experiment.conditions
        checked, note = levels.check_levels(factor, given), ""
        if factor == "chunks":
            most = levels.max_senders(self.experiment.points, conditions.request_batch)
            checked, note = levels.reduce_levels(checked, most)
        for level in checked:
            require_possible(self.experiment.target.name, replace(conditions, **{factor: level}), arms)
        arms = schedule.with_stack(arms) if "cold" in temperatures else arms
        if not arms:
            raise UsageError("temperatures has 'cold', and no arm has a stack: add distributed to the arms")
        rounds = schedule.sweep(
            arms, conditions, factor, checked,
            repetitions=repetitions, seed=self.experiment.seed, temperatures=temperatures,
        )  # fmt: skip
        return Phase(label=f"sweep over {factor}", rounds=rounds, note=note)

    def matrix(self, cells: Any, repetitions: Any) -> Phase:
        """Schedule the distributed arm under each cell's conditions.

        Raises:
            UsageError: A cell or the number of repetitions is invalid.
        """
        repetitions = argument_checks.whole("repetitions", repetitions, 1)
        checked, conditions = levels.check_cells(cells), self.experiment.conditions
        for cell in checked:
            require_possible(self.experiment.target.name, replace(conditions, **cell), ["distributed"])
        rounds = schedule.matrix(conditions, checked, repetitions=repetitions, seed=self.experiment.seed)
        return Phase(label="matrix", rounds=rounds)
