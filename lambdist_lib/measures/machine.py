"""Decide whether the machine's cores, not the compared arms, set a measured time.

Input is a runs table (`schema.RUNS`); older results lack its shares, and then nothing is claimed.
"""

import math
from dataclasses import dataclass

import pandas as pd

from lambdist_lib.costs import metering
from lambdist_lib.measures.intervals import as_numbers
from lambdist_lib.measures.pairs import not_resumed, warm_runs

# Calibrated with `benchmarks/machine.py` on two quiet cores; its README has the tables.
# Of the cores, used by an arm's client and local cloud. With io:60ms both arms used 0.67 or more and the
# ratio of makespans was that of the CPU seconds; with io:150ms one used 0.46, and it was not.
BOUND_SHARE = 0.6
RATIO_WITHIN = 0.15  # of the ratio of CPU seconds: where the machine bound, they differed by 1 to 5 %
MIN_SHARE = 0.4  # below it cores are idle most of the time: a like ratio is then a coincidence
# Of the cores, used by other programs. A fifth of two cores is what a shell, an editor and a browser at rest
# take at most; beside 0.23 makespans were 9 % longer, beside 0.34 they were 14 % longer.
DISTURBED_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineShare:
    """What two arms used of the machine, as medians of their warm runs; NaN where it was not recorded.

    ratio, cpu_ratio: control over arm, of makespans and of CPU seconds. others_share: the larger of the
    two arms'. bound: whether the machine decided the ratio.
    """

    arm: str
    control: str
    arm_share: float
    control_share: float
    arm_cpu_s: float
    control_cpu_s: float
    ratio: float
    cpu_ratio: float
    others_share: float
    bound: bool


def bound(runs: pd.DataFrame, *, arm: str = "distributed", control: str = "single_node") -> MachineShare:
    """Say whether the machine bound both arms.

    It did if both used at least BOUND_SHARE of the cores, or if both used at least MIN_SHARE and the ratio
    of makespans lies within RATIO_WITHIN of the ratio of CPU seconds.
    """
    warm = not_resumed(warm_runs(runs, arm, control))
    numbers = warm[["machine_share", "others_share", "client_cpu_s", "cloud_cpu_s", "makespan_s"]].apply(
        as_numbers
    )
    numbers["cpu_s"] = numbers["client_cpu_s"] + numbers["cloud_cpu_s"].fillna(0.0)
    medians = {name: numbers[warm["arm"] == name].median() for name in (arm, control)}
    of_arm, of_control = medians[arm], medians[control]
    shares = [float(of_arm["machine_share"]), float(of_control["machine_share"])]
    ratio = float(of_control["makespan_s"] / of_arm["makespan_s"])
    cpu_ratio = float(of_control["cpu_s"] / of_arm["cpu_s"]) if of_arm["cpu_s"] else math.nan
    is_like = abs(ratio / cpu_ratio - 1) <= RATIO_WITHIN if cpu_ratio else False
    return MachineShare(
        arm=arm,
        control=control,
        arm_share=shares[0],
        control_share=shares[1],
        arm_cpu_s=float(of_arm["cpu_s"]),
        control_cpu_s=float(of_control["cpu_s"]),
        ratio=ratio,
        cpu_ratio=cpu_ratio,
        others_share=max(float(of_arm["others_share"]), float(of_control["others_share"])),
        bound=min(shares) >= BOUND_SHARE or (min(shares) >= MIN_SHARE and is_like),
    )


def is_disturbed(others_share: float | None) -> bool:
    """Return whether other programs took so much of the machine that a run's time is not its own."""
    return others_share is not None and others_share > DISTURBED_SHARE


def warnings(runs: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of doubt about the runs' times and bills, with the runs' names."""
    disturbed = runs[as_numbers(runs["others_share"]) > DISTURBED_SHARE]
    offset = runs[as_numbers(runs["clock_offset_s"]).fillna(0.0) != 0]
    moved = runs[as_numbers(runs["clock_moved_s"]).fillna(0.0) != 0]
    cut = runs[[metering.lacks_invocations(run) for run in runs.itertuples()]]
    texts = []
    if len(disturbed):
        share = 100 * pd.to_numeric(disturbed["others_share"]).median()
        texts.append(
            f"other programs took {share:.0f} % of the cores during {_named(disturbed)}: repeat them on a "
            "quiet machine"
        )
    if len(offset):
        offset_s = pd.to_numeric(offset["clock_offset_s"]).median()
        bound_s = pd.to_numeric(offset["clock_bound_s"]).max()
        texts.append(
            f"the client's clock was {abs(offset_s):.3g} s {'behind' if offset_s > 0 else 'ahead of'} the "
            f"Lambdas' during {_named(offset)}: its stamps are corrected, to within {bound_s:.2g} s"
        )
    if len(moved):
        moved_s = pd.to_numeric(moved["clock_moved_s"]).abs().max()
        texts.append(
            f"a clock moved by {moved_s:.3g} s during {_named(moved)}: these are no timings, repeat them"
        )
    if len(cut):
        missing = int(pd.to_numeric(cut["missing_invocations"]).sum())
        texts.append(
            f"the logs lack {missing:,} invocations of {_named(cut)}: their invocations.csv is incomplete, "
            "so no bill is made from it"
        )
    return texts


def _named(runs: pd.DataFrame) -> str:
    names = list(runs["run_id"])
    return names[0] if len(names) == 1 else f"{len(names)} runs ({names[0]} and others)"
