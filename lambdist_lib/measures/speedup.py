"""How many times faster one arm finished the same data file than another.

Input is a runs table, one row per run with the columns of `columns.RUNS`. What is compared
is pairs: two adjacent runs, one of each arm, so that what drifts between pairs cancels
within them. Cold runs and resumed runs are in no pair here: the first are a factor of their
own, the second are no timing. Durations are seconds.
"""

import math
from dataclasses import dataclass

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ledger, sequential
from lambdist_lib.measures.intervals import median_interval, values_needed
from lambdist_lib.protocol.arms import ARMS, is_local

EVENTS = {
    "makespan_s": "until stored",
    "enqueued_s": "until enqueued",
    "seen_s": "until seen by the client",
}
SAME_IN_AN_ARM = (
    "target",
    "submitted",
    "work",
    "fault",
    "memory_mb",
    "chunks",
    "request_batch",
    "queue_batch",
    "partial_responses",
)
SAME_IN_BOTH_ARMS = ("target", "submitted", "work", "fault")  # the arms differ in the rest by design

BY_LEVEL = ["level", "ratio", "low", "high", "pairs", "arm_s", "control_s", "verdict"]
FASTER, SLOWER, NO_DIFFERENCE = "faster", "slower", "no difference shown"
NO_INTERVAL = "no interval: n too small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speedup:
    """Median of the per-pair ratios control / arm, with its interval.

    arm_s and control_s are the medians of the two arms; their quotient is close to ratio,
    not equal to it. Without an interval, low and high are NaN and note says why.
    """

    arm: str
    control: str
    at: str  # the column compared
    ratio: float
    low: float
    high: float
    pairs: int
    confidence: float
    arm_s: float
    control_s: float
    note: str = ""

    @property
    def verdict(self) -> str:
        """`faster` or `slower` only where the interval excludes 1."""
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
    at: str = "makespan_s",
    confidence: float = 0.95,
) -> Speedup:
    """Compare two arms pair by pair.

    Args:
        runs: At least six complete warm pairs for an interval; fewer give a ratio without one.
        at: A key of EVENTS.
        confidence: Coverage of the interval.

    Raises:
        RunError: What `pairs` raises, or there is no complete pair.

    Example:
        >>> from lambdist_lib import analysis
        >>> found = compare_arms(analysis.tables("results/reference").runs)
        >>> found.low < found.ratio < found.high, found.verdict
        (True, 'faster')
    """
    paired = paired_ratios(runs, arm=arm, control=control, at=at)
    if paired.empty:
        raise RunError(
            f"no complete warm pair of {arm} and {control} among {len(runs)} runs; "
            "make some with `lambdist run FILE --repetitions 10`"
        )
    left_out = len(_warm(runs, arm, control)[["experiment_id", "pair"]].drop_duplicates()) - len(paired)
    if planned := sequential.planned(paired["looks"]):
        found = sequential.look(paired["ratio"], sequential.plan(looks=planned, confidence=confidence))
        paired, low, high = paired.head(found.pairs or None), found.low, found.high
        notes = [f"a planned look, of those at {' '.join(map(str, planned))} pairs"] if found.pairs else []
        needed = planned[0]
    else:
        low, high = median_interval(paired["ratio"], confidence)
        notes, needed = [], values_needed(confidence=confidence)
    if math.isnan(low):
        notes = [f"{NO_INTERVAL} ({len(paired)} pairs, {needed} needed)"]
    if left_out:
        notes.append(f"pairs left out, incomplete or resumed: {left_out}")
    if unequal := int((paired["arm_stored"] != paired["control_stored"]).sum()):
        notes.append(f"pairs whose arms stored different numbers of datapoints: {unequal}")
    return Speedup(
        arm=arm,
        control=control,
        at=at,
        ratio=float(paired["ratio"].median()),
        low=low,
        high=high,
        pairs=len(paired),
        confidence=confidence,
        arm_s=float(paired["arm_s"].median()),
        control_s=float(paired["control_s"].median()),
        note="; ".join(notes),
    )


def paired_ratios(
    runs: pd.DataFrame, *, arm: str = "distributed", control: str = "single_node", at: str = "makespan_s"
) -> pd.DataFrame:
    """One row per complete warm pair.

    Columns: `experiment_id`, `pair`, `looks`, `arm_s`, `control_s`, `arm_stored`, `control_stored`, `ratio`.

    Raises:
        RunError: Runs made under different conditions, a run that does not balance or left
            datapoints unsent, a duration that is missing or not positive, a pair made twice.
    """
    warm = _warm(runs, arm, control)
    timed = warm[~warm["resumed"].eq(True).astype(bool)]
    _refuse_mixed_conditions(timed, arm, control)
    ledger.require_balanced(timed)
    unsent = timed[(timed["unsent"] > 0) & ~ledger.is_accepted(timed)]
    _refuse(unsent, "left datapoints unsent, so it did less than the others")
    _refuse(timed[~timed[at].between(0, math.inf, inclusive="neither")], f"{at} is missing or not positive")
    key = ["experiment_id", "pair"]
    _refuse(timed[timed.duplicated([*key, "arm"])], "its pair has another run of the same arm")
    left, right = (
        timed.loc[timed["arm"] == name, [*key, "looks", at, "stored"]].rename(
            columns={at: f"{side}_s", "stored": f"{side}_stored"}
        )
        for side, name in (("arm", arm), ("control", control))
    )
    paired = left.merge(right.drop(columns="looks"), on=key).sort_values(key, ignore_index=True)
    paired["ratio"] = paired["control_s"] / paired["arm_s"]
    return paired


def table(
    runs: pd.DataFrame, *, arm: str = "distributed", control: str = "single_node", confidence: float = 0.95
) -> pd.DataFrame:
    """The comparison with the control at each event, and with every other arm until stored, a row each.

    Columns: `control`, `arm_s`, `control_s` (medians), `ratio`, `low`, `high`, `pairs`, `verdict`.
    """
    others = [
        other
        for other in dict.fromkeys(runs["arm"])
        if other not in (arm, control) and len(paired_ratios(runs, arm=arm, control=other))
    ]
    wanted = [(control, at) for at in EVENTS] + [(other, "makespan_s") for other in others]
    found = [compare_arms(runs, arm=arm, control=who, at=at, confidence=confidence) for who, at in wanted]
    names = ["control", "arm_s", "control_s", "ratio", "low", "high", "pairs", "verdict"]
    rows = [[getattr(one, name) for name in names] for one in found]
    return pd.DataFrame(rows, columns=names, index=pd.Index([EVENTS[at] for _, at in wanted], name="time"))


def by_level(
    runs: pd.DataFrame,
    factor: str = "chunks",
    *,
    arm: str = "distributed",
    control: str = "single_node",
    at: str = "makespan_s",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The comparison at each level of a factor that the arm was run at, in order.

    Columns: `level`, `ratio`, `low`, `high`, `pairs`, `arm_s`, `control_s`, `verdict`. The control's runs are
    those of the same level, or of the same pairs where the factor means nothing to it.

    Raises:
        RunError: What `speedup` raises, for any level.
    """
    rows = []
    ours, theirs = runs[runs["arm"] == arm], runs[runs["arm"] == control]
    for level, of_level in ours.groupby(factor, sort=True):
        same = theirs[theirs[factor] == level]
        both = pd.concat([of_level, theirs if same.empty else same])
        found = compare_arms(both, arm=arm, control=control, at=at, confidence=confidence)
        rows.append([level, *(getattr(found, name) for name in BY_LEVEL[1:])])
    return pd.DataFrame(rows, columns=BY_LEVEL)


def conclusion(
    runs: pd.DataFrame,
    target: str,
    *,
    arm: str = "distributed",
    control: str = "single_node",
    confidence: float = 0.95,
) -> str:
    """The conclusion, every number of it from the data; `target` as in `local cloud`.

    One sentence, and where the control was also sent to without waiting, one of what the queue changes.
    """
    found = compare_arms(runs, arm=arm, control=control, confidence=confidence)
    submitted = int(_warm(runs, arm, control)["submitted"].iloc[0])
    said = (
        f"{target}, {submitted:,} datapoints: {arm} has stored the last one after {found.arm_s:.3g} s, "
        f"{control} after {found.control_s:.3g} s (medians); {_verdict_in_words(found)}."
    )
    others = set(runs["arm"]) - {arm, control}
    for queueless in (name for name, traits in ARMS.items() if traits.isolates_queue and name in others):
        found = compare_arms(runs, arm=arm, control=queueless, confidence=confidence)
        said += (
            f" As many senders without a queue ({queueless}) need {found.control_s:.3g} s; "
            f"against them {_verdict_in_words(found)}."
        )
    return said


def _verdict_in_words(found: Speedup) -> str:
    pairs_counted = f"n = {found.pairs} warm pair{'s' if found.pairs > 1 else ''}"
    if found.verdict == NO_INTERVAL:
        return f"the ratio is {found.ratio:.3g}, {found.note}; {pairs_counted}"
    between = f"({found.confidence * 100:g} % interval {found.low:.3g} to {found.high:.3g}, {pairs_counted})"
    conclusion = {
        FASTER: f"{found.arm} is {found.ratio:.3g} times faster {between}",
        SLOWER: f"{found.arm} is slower, at {found.ratio:.3g} times the speed {between}",
        NO_DIFFERENCE: f"no difference shown, the ratio is {found.ratio:.3g} {between}",
    }[found.verdict]
    return f"{conclusion}{'; ' + found.note if found.note else ''}"


def conclusion_by_level(
    table: pd.DataFrame,
    target: str,
    *,
    factor: str = "chunks",
    arm: str = "distributed",
    control: str = "single_node",
) -> str:
    """What `by_level` found, in one sentence: where the arm is surely faster, and where it is fastest."""
    levels = ", ".join(
        f"{level:g}" if isinstance(level, int | float) else str(level) for level in table["level"]
    )
    where = f"{target}, {factor} of {levels}"
    faster = table[table["verdict"] == FASTER]
    if faster.empty:
        return f"{where}: {arm} is at no level shown to be faster than {control}."
    best = faster.loc[faster["arm_s"].idxmin()]
    between = f"interval {best['low']:.3g} to {best['high']:.3g}, n = {best['pairs']} pairs"
    return (
        f"{where}: {arm} is surely faster than {control} at {len(faster)} of {len(table)} levels, "
        f"and fastest at {factor} {best['level']}: {best['arm_s']:.3g} s against {best['control_s']:.3g} s, "
        f"{best['ratio']:.3g} times faster ({between})."
    )


def _warm(runs: pd.DataFrame, arm: str, control: str) -> pd.DataFrame:
    """Warm runs of the two arms that belong to a pair."""
    return runs[runs["arm"].isin([arm, control]) & (runs["pair"] > 0) & (runs["temperature"] == "warm")]


def _refuse_mixed_conditions(runs: pd.DataFrame, arm: str, control: str) -> None:
    """Raises RunError unless the runs of an arm, and the arms, were made under the same conditions."""
    for who, among, conditions in (
        (arm, runs[runs["arm"] == arm], SAME_IN_AN_ARM),
        (control, runs[runs["arm"] == control], SAME_IN_AN_ARM),
        (f"{arm} and {control}", runs, SAME_IN_BOTH_ARMS),
    ):
        for condition in conditions:
            values = among[condition].unique().tolist()
            if condition == "target" and (is_local(arm) or is_local(control)):
                continue
            if len(values) > 1:
                raise RunError(
                    f"{who}: runs with {condition} {', '.join(map(str, values))} are not one experiment; "
                    f"compare them separately, or keep one with runs[runs['{condition}'] == {values[0]!r}]"
                )


def _refuse(runs: pd.DataFrame, why: str) -> None:
    if not runs.empty:
        names = ", ".join(runs["run_id"])
        raise RunError(f"{names}: {why}; leave the pair out, or make it again with `lambdist run`")
