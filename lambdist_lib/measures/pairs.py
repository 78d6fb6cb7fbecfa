"""Pair adjacent runs of two arms, so that drift between pairs cancels within them.

With three or more arms, two are compared within their round: the runs of one repetition, in balanced order.
Input is a runs table, one row per run with the columns of `schema.RUNS`. Only warm runs are paired: cold
runs are a factor of their own, and the time of a resumed run is not comparable.
"""

import math

import numpy as np
import pandas as pd

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ledger
from lambdist_lib.protocol.arms import ARMS, is_local
from lambdist_lib.protocol.contract import OUTCOMES

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
READ = {*SAME_IN_AN_ARM, *OUTCOMES, *EVENTS, "experiment_id", "run_id", "pair", "looks", "arm", "temperature",
        "resumed"}  # fmt: skip


def not_resumed(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without those that were resumed, whose time is no measurement."""
    return runs[~runs["resumed"].eq(True).astype(bool)]


def timed_runs(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the runs that were not resumed.

    Raises:
        RunError: The ledger of one is open, or its time is missing or not positive.
    """
    timed = not_resumed(runs)
    ledger.require_balanced(timed)
    if not (good := timed[metric].between(0, math.inf, inclusive="neither")).all():
        raise RunError(
            f"{', '.join(timed.loc[~good, 'run_id'])}: {metric} is missing or not positive: leave the run out"
        )
    return timed


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
    warm = warm_runs(runs[[name for name in runs if name in READ]], arm, control)
    timed = not_resumed(warm)
    _refuse_mixed_conditions(timed, arm, control)
    ledger.require_balanced(timed)
    ids, key = timed["run_id"], ["experiment_id", "pair"]
    unsent = ids[(timed["unsent"] > 0) & ~ledger.is_accepted(timed)]
    _refuse(unsent, "left datapoints unsent, so it did less work than the others")
    _refuse(
        ids[~timed[metric].between(0, math.inf, inclusive="neither")], f"{metric} is missing or not positive"
    )
    _refuse(ids[timed.duplicated([*key, "arm"])], "its pair has another run of the same arm")
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
    arms = runs["arm"].to_numpy()
    for name, of_group, conditions in (
        (arm, arms == arm, SAME_IN_AN_ARM),
        (control, arms == control, SAME_IN_AN_ARM),
        (f"{arm} and {control}", np.full(len(runs), True), SAME_IN_BOTH_ARMS),
    ):
        ignored = ARMS[name].ignores if name in ARMS else frozenset()
        for condition in (each for each in conditions if each not in ignored):
            values = pd.unique(runs[condition].to_numpy()[of_group]).tolist()
            if condition == "target" and (is_local(arm) or is_local(control)):
                continue
            if len(values) > 1:
                raise RunError(
                    f"{name}: runs with {condition} {', '.join(map(str, values))} are not one experiment: "
                    f"compare them separately, or keep one with runs[runs['{condition}'] == {values[0]!r}]"
                )


def _refuse(run_ids: pd.Series, reason: str) -> None:
    """Raise RunError for the runs, if there are any."""
    if not run_ids.empty:
        names = ", ".join(run_ids)
        raise RunError(f"{names}: {reason}: leave the pair out, or repeat it with `lambdist run`")
