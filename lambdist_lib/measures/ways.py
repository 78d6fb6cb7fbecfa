"""Compare several ways of fanning the same job out: times, CPU seconds, cold starts, failures.

Input are the tables of one experiment (`results.schema`). Every way is compared with one reference, within
its round; verdicts are adjusted for the number of ways (`multiplicity`).
"""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.formatting import compared, faster, label
from lambdist_lib.measures import cold_starts
from lambdist_lib.measures.autocorrelation import paired_interval
from lambdist_lib.measures.intervals import as_numbers
from lambdist_lib.measures.multiplicity import adjusted_p
from lambdist_lib.measures.pairs import not_resumed, paired_ratios
from lambdist_lib.measures.speedup import FASTER, NO_DIFFERENCE, SLOWER, Speedup, compare_arms
from lambdist_lib.protocol.arms import ARMS, in_order
from lambdist_lib.protocol.contract import DEAD, STORED

REFERENCE = "distributed"
COLUMNS = ["arm", "runs", "median_s", "ratio", "low", "high", "pairs", "adjusted_p", "verdict",
           "cpu_s", "cold_s", "cold_starts"]  # fmt: skip


def fan_outs() -> tuple[str, ...]:
    """Return the arms that fan a file out in a cloud, in the order of ARMS.

    They send with many senders at once, or hand the file over to no Lambda that takes its lines in turn.
    """
    return tuple(
        arm
        for arm, traits in ARMS.items()
        if traits.stack and not traits.is_original and (traits.parallel or not traits.first_lambda)
    )


def reference_of(arms: Iterable[str]) -> str:
    """Return the arm that the others are compared with: REFERENCE, or the first known one of ARMS.

    Raises:
        RunError: None of the arms is known.
    """
    present = set(arms)
    known = [arm for arm in (REFERENCE, *ARMS) if arm in present]
    if not known:
        raise RunError(f"no arm to compare with among {len(present)}: `lambdist run FILE` makes runs")
    return known[0]


def compare_ways(
    runs: pd.DataFrame, *, reference: str = "", confidence: float = 0.95
) -> list[tuple[Speedup, float]]:
    """Compare every arm with the reference, pair by pair; arms without a complete pair are left out.

    Args:
        runs: One row per run.
        reference: An arm; "" for that of `reference_of`.

    Returns:
        For each other arm, in the order of ARMS: the speedup of the arm over the reference (above 1 the arm
        is faster), and its p-value adjusted for the number of ways.
    """
    control = reference or reference_of(runs["arm"])
    results, log_ratios = [], {}
    for arm in in_order({*runs["arm"]} - {control}):
        try:
            results.append(compare_arms(runs, arm=arm, control=control, confidence=confidence))
        except RunError:
            continue
        paired = paired_ratios(runs, arm=arm, control=control)
        log_ratios[arm] = np.log(paired.set_index(["experiment_id", "pair"])["ratio"])
    p_values = adjusted_p(pd.DataFrame(log_ratios).to_numpy()) if results else np.empty(0)
    return list(zip(results, map(float, p_values), strict=True))


def watched_ratios(runs: pd.DataFrame, *, control: str = "single_node") -> pd.Series:
    """Return the pairs' ratios whose precision decides whether there are enough pairs.

    Those of REFERENCE and the control where both run; otherwise those of the way that is known least
    precisely against the reference. Empty before the first pair.
    """
    present = set(runs["arm"])
    if {REFERENCE, control} <= present or len(present & set(ARMS)) < 2:
        return paired_ratios(runs, control=control)["ratio"]
    reference = reference_of(present)
    others = in_order(present - {reference})
    ratios = [paired_ratios(runs, arm=arm, control=reference)["ratio"] for arm in others]
    return max(ratios, key=_relative_width)


def _relative_width(ratios: pd.Series) -> float:
    """Return the width of a median's interval relative to the median; infinite without an interval."""
    if ratios.empty:
        return math.inf
    interval = paired_interval(ratios, 0.95)
    width = (interval.high - interval.low) / float(ratios.median())
    return width if math.isfinite(width) else math.inf


def verdict_of(result: Speedup, p: float) -> str:
    """Return a comparison's verdict; what the number of ways may explain by chance is no difference."""
    chance = p > 1 - result.confidence + 1e-9
    return NO_DIFFERENCE if chance and result.verdict in (FASTER, SLOWER) else result.verdict


def in_words(result: Speedup, p: float) -> str:
    """Return how a way compares with the reference, such as `1.5 times faster (1.3 to 2.4)`."""
    return ratio_in_words(result.ratio, result.low, result.high, verdict_of(result, p))


def ratio_in_words(ratio: float, low: float, high: float, verdict: str) -> str:
    """Return a ratio with its interval in words, under the verdict that is adjusted for all ways."""
    text = compared(ratio, low, high)
    if verdict == NO_DIFFERENCE and not text.startswith("no clear"):
        return f"no clear difference among so many ways ({faster(low)} to {faster(high)})"
    return text


def by_way(
    runs: pd.DataFrame, invocations: pd.DataFrame, *, reference: str = "", confidence: float = 0.95
) -> pd.DataFrame:
    """Measure each way.

    Returns:
        One row per arm, in the order of ARMS: `runs` (warm ones), `median_s` until stored, `ratio` with
        `low` and `high` (how many times faster than the reference), `pairs`, `adjusted_p`, `verdict`,
        `cpu_s` (median of client and local cloud together), `cold_s` (median of its cold runs) and
        `cold_starts` (median over them). NaN for what was not measured.
    """
    control = reference or reference_of(runs["arm"])
    results = {result.arm: (result, p) for result, p in compare_ways(runs, reference=control)}
    colds = _cold_starts(runs, invocations)
    rows: list[list[object]] = []
    for arm in in_order(runs["arm"]):
        of_arm = runs[runs["arm"] == arm]
        warm, cold = (not_resumed(of_arm[of_arm["temperature"] == name]) for name in ("warm", "cold"))
        result, p = results.get(arm, (None, math.nan))
        ratio = [getattr(result, name, math.nan) for name in ("ratio", "low", "high")]
        cpu_s = as_numbers(warm["client_cpu_s"]) + as_numbers(warm["cloud_cpu_s"]).fillna(0.0)
        verdict = verdict_of(result, p) if result else ("the reference" if arm == control else "")
        rows.append([
            arm, len(warm), _median(warm["makespan_s"]), *ratio, result.pairs if result else 0, p, verdict,
            _median(cpu_s), _median(cold["makespan_s"]), colds.get(arm, math.nan),
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def fastest(table: pd.DataFrame, runs: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the arm of the least median, and the arms that are not shown to be slower.

    Args:
        table: What `by_way` returned. runs: The runs that it measured.

    Returns:
        "" and no arms where no way has a time.
    """
    timed = table[table["median_s"] > 0]
    if timed.empty:
        return "", []
    best = str(timed.loc[timed["median_s"].idxmin(), "arm"])
    slower = {
        result.arm
        for result, p in compare_ways(runs[runs["arm"].isin(timed["arm"])], reference=best)
        if verdict_of(result, p) == SLOWER
    }
    return best, [arm for arm in timed["arm"] if arm != best and arm not in slower]


def failures(records: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Count what declared faults did in each way, beside what their plan had decided.

    Args:
        records: Of runs with declared faults.
        expected: What `Results.expected_outcomes` returns; may be empty.

    Returns:
        One row per arm, in the order of ARMS: `submitted`, `stored`, `dead`, `to_die` (by the plan; NaN
        without one), `failed_attempts` and `tries_per_datapoint`.
    """
    planned = expected[expected["outcome"] == DEAD].groupby("run_id").size() if len(expected) else {}
    rows: list[list[object]] = []
    for arm in in_order(records["arm"]):
        of_arm = records[records["arm"] == arm]
        ids = [run_id for run_id in of_arm["run_id"].unique() if len(expected)]
        to_die = sum(int(planned.get(run_id, 0)) for run_id in ids) if ids else math.nan
        ends = of_arm["outcome"]
        receives = as_numbers(of_arm["receives"])
        rows.append([
            arm, len(of_arm), int((ends == STORED).sum()), int((ends == DEAD).sum()), to_die,
            int(as_numbers(of_arm["failures"]).sum()), float(receives.mean()),
        ])  # fmt: skip
    names = ["arm", "submitted", "stored", "dead", "to_die", "failed_attempts", "tries_per_datapoint"]
    return pd.DataFrame(rows, columns=names)


def failures_sentence(table: pd.DataFrame, fault: str) -> str:
    """Return in words whether as many datapoints died in each way as the plan had decided.

    Args:
        table: What `failures` returned.
        fault: The declared faults.
    """
    planned = table.dropna(subset="to_die")
    if planned.empty:
        return f"With the faults {fault} no way had a plan to check."
    others = planned[planned["dead"] != planned["to_die"]]
    if others.empty:
        dead = ", ".join(f"{label(row.arm)} {row.dead}" for row in planned.itertuples())
        return f"With the faults {fault} as many datapoints died in each way as planned: {dead}."
    parts = (f"{row.dead} instead of {row.to_die:.0f} in {label(row.arm)}" for row in others.itertuples())
    return f"With the faults {fault} other numbers of datapoints died than planned: {', '.join(parts)}."


def _cold_starts(runs: pd.DataFrame, invocations: pd.DataFrame) -> dict[str, float]:
    """Return the median number of cold starts of each arm's cold runs that have log lines."""
    cold = runs[runs["temperature"] == "cold"]
    if cold.empty or invocations.empty:
        return {}
    by_run = cold_starts.by_run(invocations, cold).query("invocations > 0")
    of_runs = by_run.groupby(["arm", "run_id"])["cold"].sum()
    return of_runs.groupby("arm").median().to_dict() if len(of_runs) else {}


def _median(values: pd.Series) -> float:
    known = as_numbers(values)
    return float(known[known > 0].median())
