"""Compute how many times faster one arm finished the same data file than another.

Input is a runs table, one row per run with the columns of `schema.RUNS`. Runs are compared in pairs
(`measures.pairs`): the speedup is the median of the pairs' ratios control over arm, in seconds each.
With three or more arms, two of them are compared within their round: the runs of one repetition.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted, joined, label
from lambdist_lib.formatting import faster as times_faster
from lambdist_lib.measures import sequential
from lambdist_lib.measures.autocorrelation import PairedInterval, paired_interval
from lambdist_lib.measures.intervals import values_needed
from lambdist_lib.measures.multiplicity import adjusted_p
from lambdist_lib.measures.pairs import EVENTS, paired_ratios, warm_runs
from lambdist_lib.protocol import faults

BY_LEVEL = ["level", "ratio", "low", "high", "pairs", "arm_s", "control_s", "adjusted_p", "verdict"]
FASTER, SLOWER, NO_DIFFERENCE = "faster", "slower", "no difference shown"
NO_INTERVAL = "no interval: n too small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speedup:
    """The median of the pairs' ratios control over arm, with its interval.

    arm_s and control_s are the medians of the two arms; their quotient is close to the ratio, not equal
    to it. Without an interval, low and high are NaN and note has the reason. `autocorrelation` is that of
    consecutive pairs' log-ratios (lag 1); NaN below three pairs.
    """

    arm: str
    control: str
    metric: str  # the column compared
    ratio: float
    low: float
    high: float
    pairs: int
    confidence: float
    arm_s: float
    control_s: float
    autocorrelation: float = math.nan
    note: str = ""

    @property
    def verdict(self) -> str:
        """FASTER or SLOWER where the interval excludes 1, NO_DIFFERENCE or NO_INTERVAL otherwise."""
        if math.isnan(self.low):
            return NO_INTERVAL
        if self.low > 1:
            return FASTER
        return SLOWER if self.high < 1 else NO_DIFFERENCE


def compare_arms(
    runs: pd.DataFrame,
    *,
    arm: str = "distributed",
    control: str = "single_node",
    metric: str = "makespan_s",
    confidence: float = 0.95,
) -> Speedup:
    """Compare two arms pair by pair.

    Args:
        runs: At least six complete warm pairs for an interval; fewer give a ratio without one.
        metric: A key of EVENTS.
        confidence: Coverage of the interval.

    Raises:
        RunError: As `paired_ratios`, or there is no complete pair.

    Example:
        >>> from lambdist_lib import load_results
        >>> result = compare_arms(load_results("results/reference").runs)
        >>> result.low < result.ratio < result.high, result.verdict
        (True, 'faster')
    """
    paired = paired_ratios(runs, arm=arm, control=control, metric=metric)
    if paired.empty:
        raise RunError(
            f"no complete warm pair of {arm} and {control} among {len(runs)} runs: "
            "run some with `lambdist run FILE --repetitions 10`"
        )
    left_out = _pairs_begun(runs, arm, control) - len(paired)
    paired, interval, notes = _interval_at_last_look(paired, confidence)
    if left_out:
        notes.append(f"pairs left out, incomplete or resumed: {left_out}")
    if unequal := int((paired["arm_stored"] != paired["control_stored"]).sum()):
        notes.append(f"pairs whose arms stored different numbers of datapoints: {unequal}")
    return Speedup(
        arm=arm,
        control=control,
        metric=metric,
        ratio=float(paired["ratio"].median()),
        low=interval.low,
        high=interval.high,
        pairs=len(paired),
        confidence=confidence,
        arm_s=float(paired["arm_s"].median()),
        control_s=float(paired["control_s"].median()),
        autocorrelation=interval.autocorrelation,
        note="; ".join(notes),
    )


def _pairs_begun(runs: pd.DataFrame, arm: str, control: str) -> int:
    warm = warm_runs(runs[["experiment_id", "pair", "arm", "temperature"]], arm, control)
    return len(warm[["experiment_id", "pair"]].drop_duplicates())


def _interval_at_last_look(
    paired: pd.DataFrame, confidence: float
) -> tuple[pd.DataFrame, PairedInterval, list[str]]:
    """Return the pairs up to the last planned look (all where none was planned), the interval and notes."""
    if planned := sequential.planned(paired["looks"]):
        plan = sequential.plan(looks=planned, confidence=confidence)
        look = sequential.look(paired["ratio"], plan)
        interval = PairedInterval(look.low, look.high, look.autocorrelation, look.note)
        paired = paired.head(look.pairs or None)
        several = look.pairs and len(planned) > 1
        notes = [f"adjusted for looks at {joined([*map(str, planned)])} pairs"] if several else []
        needed = planned[0]
    else:
        interval = paired_interval(paired["ratio"], confidence)
        notes, needed = [], values_needed(confidence=confidence)
    if interval.note:
        notes.append(interval.note)
    elif math.isnan(interval.low):
        notes = [f"no interval, which needs {needed} pairs"]
    return paired, interval, notes


def table(
    runs: pd.DataFrame, *, arm: str = "distributed", control: str = "single_node", confidence: float = 0.95
) -> pd.DataFrame:
    """Compare with the control at each event, and with every other arm until stored.

    Columns: `control`, `arm_s`, `control_s` (medians), `ratio`, `low`, `high`, `pairs`,
    `autocorrelation` (lag 1, of the log-ratios), `verdict`.
    """
    others = [
        other
        for other in dict.fromkeys(runs["arm"])
        if other not in (arm, control) and len(paired_ratios(runs, arm=arm, control=other))
    ]
    wanted = [(control, metric) for metric in EVENTS] + [(other, "makespan_s") for other in others]
    results = [
        compare_arms(runs, arm=arm, control=other, metric=metric, confidence=confidence)
        for other, metric in wanted
    ]
    names = ["control", "arm_s", "control_s", "ratio", "low", "high", "pairs", "autocorrelation", "verdict"]
    rows = [[getattr(result, name) for name in names] for result in results]
    return pd.DataFrame(
        rows, columns=names, index=pd.Index([EVENTS[metric] for _, metric in wanted], name="time")
    )


def by_level(
    runs: pd.DataFrame,
    factor: str = "chunks",
    *,
    arm: str = "distributed",
    control: str = "single_node",
    metric: str = "makespan_s",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare at each level of a factor, in the order of the levels.

    Columns: `level`, `ratio`, `low`, `high`, `pairs`, `arm_s`, `control_s`, `adjusted_p`, `verdict`. The
    control's runs are those of the same level, or of the same pairs where the factor has no effect on it.
    An interval is of its level alone. A verdict is FASTER or SLOWER only if, too, the p-value adjusted for
    the number of levels (`multiplicity`) is at most 1 - confidence.

    Raises:
        RunError: As `compare_arms`, for any level.
    """
    results, log_ratios = {}, {}
    arm_runs, control_runs = runs[runs["arm"] == arm], runs[runs["arm"] == control]
    for level in sorted(arm_runs[factor].unique(), key=_in_order):
        level_runs = arm_runs[arm_runs[factor] == level]
        same = control_runs[control_runs[factor] == level]
        both = pd.concat([level_runs, control_runs if same.empty else same])
        results[level] = compare_arms(both, arm=arm, control=control, metric=metric, confidence=confidence)
        paired = paired_ratios(both, arm=arm, control=control, metric=metric)
        log_ratios[level] = np.log(paired.set_index(["experiment_id", "pair"])["ratio"])
    adjusted = adjusted_p(pd.DataFrame(log_ratios).to_numpy()) if log_ratios else np.empty(0)
    table = pd.DataFrame(
        [
            [level, *(getattr(result, name) for name in BY_LEVEL[1:-2]), p, result.verdict]
            for (level, result), p in zip(results.items(), adjusted, strict=True)
        ],
        columns=BY_LEVEL,
    )
    is_chance = table["verdict"].isin([FASTER, SLOWER]) & (table["adjusted_p"] > 1 - confidence + 1e-9)
    return table.assign(verdict=table["verdict"].mask(is_chance, NO_DIFFERENCE))


def _in_order(level: Any) -> float:
    """Return a level's place: its number, of declared work its seconds."""
    return faults.parse_work(level).seconds if isinstance(level, str) else float(level)


def conclusion_by_level(
    table: pd.DataFrame,
    target: str,
    *,
    factor: str = "chunks",
    arm: str = "distributed",
    control: str = "single_node",
) -> str:
    """Return the conclusion from a table of `by_level`: where the arm is faster, and fastest."""
    arm, control, factor = map(label, (arm, control, factor))
    levels = ", ".join(
        f"{level:g}" if isinstance(level, int | float) else str(level) for level in table["level"]
    )
    where = f"{target}, {factor} of {levels}"
    faster = table[table["verdict"] == FASTER]
    if faster.empty:
        near = table.loc[table["ratio"].idxmax()]
        few = "" if table["low"].notna().any() else f"; an interval needs {values_needed()} pairs"
        return (
            f"{where}: {arm} is shown to be faster than {control} at no level. It comes nearest at {factor} "
            f"{near['level']}: {near['arm_s']:.3g} s against {near['control_s']:.3g} s, "
            f"{times_faster(near['ratio'])} (n = {counted(int(near['pairs']), 'pairs')}{few})."
        )
    best = faster.loc[faster["arm_s"].idxmin()]
    between = f"interval {best['low']:.3g} to {best['high']:.3g}, n = {counted(best['pairs'], 'pairs')}"
    return (
        f"{where}: {arm} is surely faster than {control} at {len(faster)} of {counted(len(table), 'levels')} "
        "(adjusted for their number), "
        f"and fastest at {factor} {best['level']}: {best['arm_s']:.3g} s against {best['control_s']:.3g} s, "
        f"{best['ratio']:.3g} times faster ({between})."
    )
