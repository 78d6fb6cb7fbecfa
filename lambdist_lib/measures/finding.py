"""State an experiment's finding in words, with all numbers from its runs.

Where it was measured comes first, then the verdict, then what casts doubt on it. No sentence asks its reader
to divide: an arm is so many times faster or slower than another.
"""

import math

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted, label
from lambdist_lib.measures import machine, sequential, ways
from lambdist_lib.measures.pairs import not_resumed, warm_runs
from lambdist_lib.measures.speedup import FASTER, NO_INTERVAL, SLOWER, Speedup, compare_arms
from lambdist_lib.protocol import arm_limits, faults
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import DEAD, STORED

LOCAL = "local cloud"
NOUNS = {"submitted": "datapoints", "chunks": "senders", "processors": "processors"}


def finding(
    runs: pd.DataFrame,
    target_label: str,
    *,
    arm: str = "distributed",
    control: str = "single_node",
    confidence: float = 0.95,
) -> str:
    """Return what the runs show: where, under which conditions, and how much faster or slower.

    Args:
        runs: One row per run (`schema.RUNS`).
        target_label: Of the target, such as `local cloud`.
        confidence: Coverage of the intervals.

    Raises:
        RunError: As `compare_arms`.
    """
    present = set(runs["arm"])
    if runs.empty:
        raise RunError("no run has ended: run some with `lambdist run FILE`")
    if not has_times_to_compare(runs):
        return seen(runs, target_label)
    if not {arm, control} <= present and len(present) > 1:
        return _finding_of_ways(runs, target_label, confidence)
    result = compare_arms(runs, arm=arm, control=control, confidence=confidence)
    shares = machine.bound(runs, arm=arm, control=control)
    sentences = [
        *([_bound_sentence(shares)] if shares.bound else []),
        f"{_measured(target_label)}: {conditions(warm_runs(runs, arm, control), arm)}.",
        f"{label(arm).capitalize()} is {verdict(result)}: {result.arm_s:.3g} s against "
        f"{result.control_s:.3g} s.",
        *_against_others(runs, arm, present - {arm, control}, confidence),
        *_doubts(runs, target_label),
    ]
    return " ".join(sentences)


def _against_others(runs: pd.DataFrame, arm: str, others: set[str], confidence: float) -> list[str]:
    """Compare an arm with as many senders without a queue, and with the further ways of fanning out."""
    sentences = []
    queueless = [name for name, traits in ARMS.items() if traits.isolates_queue and name in others]
    for name in queueless:
        against = compare_arms(runs, arm=arm, control=name, confidence=confidence)
        sentences.append(
            f"As many senders without a queue ({label(name)}) need {against.control_s:.3g} s; "
            f"{label(arm)} is {verdict(against)}."
        )
    further = [name for name in ARMS if name in others and name not in queueless and ARMS[name].stack]
    if further:
        sentences.append(_ways_sentence(runs[runs["arm"].isin([arm, *further])], arm, confidence))
    return sentences


def has_times_to_compare(runs: pd.DataFrame) -> bool:
    """Return whether two arms ran warm in pairs, and every such run stored a datapoint."""
    warm = runs[(runs["pair"] > 0) & (runs["temperature"] == "warm")]
    return warm["arm"].nunique() > 1 and bool(warm["stored"].gt(0).all())


def seen(runs: pd.DataFrame, target_label: str) -> str:
    """Return what was seen where there is nothing to compare: what each arm stored, and how fast."""
    first = str(runs["arm"].iloc[0])
    sentences = [f"{_measured(target_label)}: {conditions(runs, first)}."]
    for name, of_arm in runs.groupby("arm", sort=False):
        counts = {outcome: int(of_arm[outcome].sum()) for outcome in (STORED, DEAD)}
        of_all = f"{counts[STORED]:,} of {counted(int(of_arm['submitted'].sum()), 'datapoints')}"
        dead = f", {counts[DEAD]:,} died" if counts[DEAD] else ""
        times = f"{counted(len(of_arm), 'runs')}{_median(of_arm)}"
        sentences.append(f"{label(str(name)).capitalize()} stored {of_all}{dead} ({times}).")
    return " ".join([*sentences, *_no_comparison(runs), *_doubts(runs, target_label)])


def _no_comparison(runs: pd.DataFrame) -> list[str]:
    """Say why nothing can be compared; an empty list where something can."""
    if has_times_to_compare(runs):
        return []
    if runs["arm"].nunique() < 2:
        return ["Only one arm ran, so there is no comparison."]
    if not runs["stored"].gt(0).all():
        return ["A run that stores nothing has no time, so there is no comparison."]
    return ["No two arms ran warm in pairs, so there is no comparison."]


def _median(runs: pd.DataFrame) -> str:
    """Return the median time of runs by temperature, in words; "" where nothing was stored."""
    timed = not_resumed(runs[runs["stored"].gt(0)])
    medians = timed.groupby("temperature", sort=False)["makespan_s"].median().dropna()
    return "".join(f", {temperature} {median:.3g} s" for temperature, median in medians.items())


def _finding_of_ways(runs: pd.DataFrame, target_label: str, confidence: float) -> str:
    """Return the finding of runs without a fan-out and its control: each way against one reference."""
    reference = ways.reference_of(runs["arm"])
    compared = ways.compare_ways(runs, reference=reference, confidence=confidence)
    if not compared:
        raise RunError(
            f"no complete warm pair of {reference} and another arm among {len(runs)} runs: run some with "
            "`lambdist run FILE --repetitions 10`"
        )
    control_s = compared[0][0].control_s
    warm = runs[(runs["temperature"] == "warm") & (runs["arm"] == reference)]
    sentences = [
        f"{_measured(target_label)}: {conditions(warm, reference)}.",
        f"{label(reference).capitalize()} takes {control_s:.3g} s.",
        _ways_sentence(runs, reference, confidence),
    ]
    bound = [machine.bound(runs, arm=result.arm, control=reference) for result, _ in compared]
    first_bound = [_bound_sentence(shares) for shares in bound if shares.bound][:1]
    return " ".join([*first_bound, *sentences, *_doubts(runs, target_label)])


def _ways_sentence(runs: pd.DataFrame, reference: str, confidence: float) -> str:
    """Say how each way compares with the reference, the fastest first."""
    compared = ways.compare_ways(runs, reference=reference, confidence=confidence)
    if not compared:
        return ""
    ranked = sorted(compared, key=lambda pair: -pair[0].ratio)
    parts = [
        f"{label(result.arm)} ({result.arm_s:.3g} s) is {ways.in_words(result, p)}" for result, p in ranked
    ]
    pairs = sorted({result.pairs for result, _ in compared})
    least = f"{pairs[0]} to " if len(pairs) > 1 else ""
    notes = dict.fromkeys(result.note for result, _ in compared if result.note)
    has_intervals = any(math.isfinite(result.low) for result, _ in compared)
    intervals = f"{confidence * 100:g} % intervals, " if has_intervals else ""
    how = "; ".join([f"{intervals}n = {least}{counted(pairs[-1], 'warm pairs')}", *notes])
    return f"Against {label(reference)}, {', '.join(parts)} ({how})."


def _doubts(runs: pd.DataFrame, target_label: str) -> list[str]:
    doubts = [*_ended_early(runs), *machine.warnings(runs), *_marks(runs, target_label)]
    return [f"Beware: {text}." for text in doubts]


def _ended_early(runs: pd.DataFrame) -> list[str]:
    """Say that the pairs ended between two planned looks, which the time limit does."""
    warm = not_resumed(runs[(runs["pair"] > 0) & (runs["temperature"] == "warm")])
    if warm.empty or not (looks := sequential.planned(warm["looks"])):
        return []
    pairs = int(warm.groupby("arm")["pair"].nunique().min())
    missing = [look for look in looks if look > pairs]
    if pairs in looks or not missing:
        return []
    return [
        f"the pairs ended after {pairs} of at most {looks[-1]}, before the look planned at {missing[0]}: the "
        "time limit was reached"
    ]


def verdict(result: Speedup) -> str:
    """Return how an arm compares to its control, such as `1.8 times slower than single node (...)`."""
    pairs = f"n = {counted(result.pairs, 'warm pairs')}"
    note = f"; {result.note}" if result.note else ""
    control = label(result.control)
    faster = f"{result.ratio:.3g} times faster than {control}"
    slower = f"{1 / result.ratio:.3g} times slower than {control}"
    if result.verdict == NO_INTERVAL:
        return f"{faster if result.ratio >= 1 else slower} ({pairs}{note})"
    percent = f"{result.confidence * 100:g} % interval"
    if result.verdict == FASTER:
        return f"{faster} ({percent} {result.low:.3g} to {result.high:.3g}, {pairs}{note})"
    if result.verdict == SLOWER:
        return f"{slower} ({percent} {1 / result.high:.3g} to {1 / result.low:.3g}, {pairs}{note})"
    ends = " to ".join(
        f"{end:.3g} times faster" if end >= 1 else f"{1 / end:.3g} times slower"
        for end in (result.high, result.low)
    )
    return f"neither faster nor slower than {control} ({percent} from {ends}, {pairs}{note})"


def conditions(runs: pd.DataFrame, arm: str) -> str:
    """Name what the runs held equal: datapoints, work, senders and processors."""
    run = runs[runs["arm"] == arm].iloc[0]
    plan = faults.parse_fault(str(run["fault"]))
    failing = len(plan.always_failing(int(run["submitted"])))
    on_purpose = f" ({failing} made to fail on purpose)" if failing else ""
    work = "no added work" if run["work"] in ("", "none") else f"work {run['work']}"
    declared = [str(fault) for fault in plan.faults if fault.among is None]
    if declared:
        work += f", faults {','.join(declared)}"
    counts = [counted(int(run[name]), things) for name, things in NOUNS.items()]
    return f"{counts[0]}{on_purpose}, {work}, {', '.join(counts[1:])}"


def _marks(runs: pd.DataFrame, target_label: str) -> list[str]:
    """Name what the target does otherwise than AWS for the arms that ran."""
    target = arm_limits.LOCAL if target_label.startswith(LOCAL) else ""
    conditions_of_run = {"request_batch": runs["request_batch"].max(), "fault": runs["fault"].iloc[0]}
    marks = arm_limits.marks(runs["arm"].unique(), target, conditions_of_run)
    return [f"{label(arms)}: {why}" for arms, _, why in (text.partition(": ") for text in marks)]


def _measured(target_label: str) -> str:
    if target_label.startswith(LOCAL):
        return f"Measured on an emulator on this machine ({target_label})"
    return f"Measured on {target_label}"


def _bound_sentence(shares: machine.MachineShare) -> str:
    return (
        f"This machine, not the queue, decides this ratio: {label(shares.arm)} and {label(shares.control)} "
        f"kept its cores {100 * shares.arm_share:.0f} and {100 * shares.control_share:.0f} % busy, and the "
        f"ratio of their CPU seconds is {shares.cpu_ratio:.3g}."
    )
