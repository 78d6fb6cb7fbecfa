"""Pair adjacent runs of two arms, so that drift between pairs cancels within them.

With three or more arms, two are compared within their round: the runs of one repetition, in balanced order.
Input is a runs table, one row per run with the columns of `schema.RUNS`. Only warm runs are paired: cold
runs are a factor of their own, and the time of a resumed run is not comparable.
"""

import math

import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ledger
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
    "processors",
    "request_batch",
    "queue_batch",
    "partial_responses",
)
SAME_IN_BOTH_ARMS = ("target", "submitted", "work", "fault")  # the arms differ in the rest by design


def paired_ratios(
    runs: pd.DataFrame, *, arm: str = "distributed", control: str = "single_node", metric: str = "makespan_s"
) -> pd.DataFrame:
    """Return one row per complete warm pair, with the ratio control over arm.

    Columns: `experiment_id`, `pair`, `looks`, `arm_s`, `control_s`, `arm_stored`, `control_stored`, `ratio`.

    Args:
        metric: The time that is compared, a key of EVENTS, in seconds.

    Raises:
        RunError: The runs have different conditions, a run does not balance or left datapoints unsent, a
            time is missing or not positive, or a pair has two runs of one arm.
    """
    warm = warm_runs(runs, arm, control)
    timed = warm[~warm["resumed"].eq(True).astype(bool)]
    _refuse_mixed_conditions(timed, arm, control)
    ledger.require_balanced(timed)
    unsent = timed[(timed["unsent"] > 0) & ~ledger.is_accepted(timed)]
    _refuse(unsent, "left datapoints unsent, so it did less work than the others")
    _refuse(
        timed[~timed[metric].between(0, math.inf, inclusive="neither")],
        f"{metric} is missing or not positive",
    )
    key = ["experiment_id", "pair"]
    _refuse(timed[timed.duplicated([*key, "arm"])], "its pair has another run of the same arm")
    left, right = (
        timed.loc[timed["arm"] == name, [*key, "looks", metric, "stored"]].rename(
            columns={metric: f"{side}_s", "stored": f"{side}_stored"}
        )
        for side, name in (("arm", arm), ("control", control))
    )
    paired = left.merge(right.drop(columns="looks"), on=key).sort_values(key, ignore_index=True)
    paired["ratio"] = paired["control_s"] / paired["arm_s"]
    return paired


def warm_runs(runs: pd.DataFrame, arm: str, control: str) -> pd.DataFrame:
    """Return the warm runs of the two arms that belong to a pair."""
    return runs[runs["arm"].isin([arm, control]) & (runs["pair"] > 0) & (runs["temperature"] == "warm")]


def _refuse_mixed_conditions(runs: pd.DataFrame, arm: str, control: str) -> None:
    """Raise RunError unless all runs of an arm, and both arms, have the same conditions."""
    for name, group, conditions in (
        (arm, runs[runs["arm"] == arm], SAME_IN_AN_ARM),
        (control, runs[runs["arm"] == control], SAME_IN_AN_ARM),
        (f"{arm} and {control}", runs, SAME_IN_BOTH_ARMS),
    ):
        ignored = ARMS[name].ignores if name in ARMS else frozenset()
        for condition in (each for each in conditions if each not in ignored):
            values = group[condition].unique().tolist()
            if condition == "target" and (is_local(arm) or is_local(control)):
                continue
            if len(values) > 1:
                raise RunError(
                    f"{name}: runs with {condition} {', '.join(map(str, values))} are not one experiment: "
                    f"compare them separately, or keep one with runs[runs['{condition}'] == {values[0]!r}]"
                )


def _refuse(runs: pd.DataFrame, reason: str) -> None:
    """Raise RunError for the runs, if there are any."""
    if not runs.empty:
        names = ", ".join(runs["run_id"])
        raise RunError(f"{names}: {reason}: leave the pair out, or repeat it with `lambdist run`")
