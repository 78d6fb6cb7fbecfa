"""Say how long planned crashes hold up a run.

A crashed processor releases nothing: SQS delivers its messages again after the visibility timeout.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lambdist_lib.data.datapoints import Datapoints
from lambdist_lib.formatting import duration
from lambdist_lib.protocol.arms import ARMS, faults_of
from lambdist_lib.runs import ground_truth
from lambdist_lib.runs.conditions import Conditions

if TYPE_CHECKING:
    from lambdist_lib.deployment.stacks import Stack

CRASHES = {"crash", "crash-after", "memory"}
WORTH_A_NOTE_S = 30.0
SHORT_S = 12  # a visibility timeout for short functions: six times their timeout, as AWS advises


def longest_s(expected: Iterable[ground_truth.ExpectedOutcome], visibility_s: float) -> float:
    """Return the seconds that the datapoint with the most crashes waits for its visibility timeouts."""
    crashes = (sum(kind in CRASHES for kind in row.strikes.split()) for row in expected)
    return visibility_s * max(crashes, default=0)


def note(
    arms: Iterable[str], stacks: Mapping[str, "Stack"], conditions: Conditions, points: Datapoints
) -> str:
    """Return a sentence on the longest such wait of a run, and the settings that shorten it; "" if short."""
    queued = [arm for arm in arms if ARMS[arm].queued]
    if not queued or "distributed" not in stacks:
        return ""
    outputs, plan = stacks["distributed"].outputs, faults_of(queued[0], conditions.fault)
    if not CRASHES & {fault.kind for fault in plan.faults}:
        return ""
    visibility_s, tries = float(outputs["VisibilityTimeoutSeconds"]), int(outputs["MaxReceives"])
    wait_s = longest_s(ground_truth.rows(plan, points, tries=tries), visibility_s)
    if wait_s < WORTH_A_NOTE_S:
        return ""
    text = (
        f"planned crashes hold up each run of {', '.join(queued)} by {duration(wait_s, rough=True)} or more: "
        f"SQS waits {visibility_s:g} s after each"
    )
    if visibility_s <= SHORT_S:
        return text
    timeout_s = SHORT_S // 6
    settings = f"--set processor_timeout_seconds={timeout_s} --set visibility_timeout_seconds={SHORT_S}"
    return f"{text}; {settings} shorten that for a process() of less than {timeout_s} s"
