"""Compute what a fault plan will do to each datapoint: `truth.csv` in the folder of a run with faults.

The plan's draws depend on seed, datapoint and attempt only, so each datapoint's way can be
told in advance, as if it were alone in its batch. Where a batch is larger than one, a crash
also spends receives of its neighbours, and without partial responses each failure does.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lambdist_lib.data.datapoints import Line
from lambdist_lib.protocol.contract import APPLICATION, CRASH, DEAD, POISON, STORED, THROTTLE_ONLY, TIMEOUT
from lambdist_lib.protocol.faults import FaultPlan

CLASSES = {
    "crash": CRASH,
    "memory": CRASH,
    "slow": TIMEOUT,
    "permanent": APPLICATION,
    "raise": APPLICATION,
    "poison": POISON,
}
TRACED = ("slow", "permanent", "raise", "poison")  # kinds that leave a failed attempt on the item
FILE = "truth.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedOutcome:
    """One row of truth.csv.

    outcome: stored or dead; "" where it cannot be known: which messages a throttle meets is
    nobody's plan. cause_class: of the last attempt of a dead one (`contract.CAUSE_CLASSES`).
    receives: until stored or dead. failures: failed attempts that the item will have.
    duplicates: results that will be refused. strikes: what meets each attempt, joined by " ".
    """

    n: int
    outcome: str
    cause_class: str
    receives: int
    failures: int
    duplicates: int
    strikes: str


def of(plan: FaultPlan, n: int, *, tries: int, at_once: bool = True) -> ExpectedOutcome:
    """Predict the way of datapoint n.

    Args:
        plan: With only those kinds that the arm can have (`FaultPlan.only`).
        tries: Attempts before it is dead.
        at_once: Whether a permanent failure is dead at its first attempt.
    """
    if throttled := plan.share("throttle"):
        known = throttled == 1
        outcome, cause_class = (DEAD, THROTTLE_ONLY) if known else ("", "")
        return ExpectedOutcome(
            n=n, outcome=outcome, cause_class=cause_class, receives=tries if known else 0,
            failures=0, duplicates=0, strikes="throttle",
        )  # fmt: skip
    met = _met(plan, n, tries, at_once)
    copies = 2 if plan.strikes("duplicate", n) else 1
    stored_at = next((attempt for attempt, kind in enumerate(met, 1) if not kind), None)
    strikes = [kind or "-" for kind in met[:stored_at]]
    duplicates = 0
    if stored_at is not None:
        crashed = plan.strikes("crash-after", n, stored_at)
        found_done = crashed and any(not kind for kind in met[stored_at:])
        duplicates = copies - 1 + found_done
        strikes += ["crash-after"] if crashed else []
    failures = copies * sum(kind in TRACED for kind in met[:stored_at])
    if stored_at is not None and plan.strikes("crash-after", n, stored_at):
        failures += _failures_after(met[stored_at:])
    strikes += ["duplicate"] if copies == 2 else []
    return ExpectedOutcome(
        n=n,
        outcome=DEAD if stored_at is None else STORED,
        cause_class=CLASSES[met[-1]] if stored_at is None else "",
        receives=stored_at or len(met),
        failures=failures,
        duplicates=duplicates,
        strikes=" ".join(strikes),
    )


def rows(
    plan: FaultPlan, points: Iterable[Line], *, tries: int, at_once: bool = True
) -> Iterator[ExpectedOutcome]:
    """Predict the way of each datapoint that is not rejected."""
    return (of(plan, line.n, tries=tries, at_once=at_once) for line in points if not line.reason)


def write(folder: Path, outcomes: Iterable[ExpectedOutcome]) -> None:
    with (folder / FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ExpectedOutcome.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in outcomes)


def _met(plan: FaultPlan, n: int, tries: int, at_once: bool) -> list[str]:
    """The kind that meets each attempt before its write, "" for none; ends with a permanent failure."""
    if plan.strikes("poison", n):
        return ["poison"] * (1 if at_once else tries)
    met = []
    for attempt in range(1, tries + 1):
        met.append(plan.before_write(n, attempt))
        if met[-1] == "permanent" and at_once:
            break
    return met


def _failures_after(met: list[str]) -> int:
    """Failed attempts between a crash after the write and the attempt that finds it done."""
    until = next((k for k, kind in enumerate(met) if not kind), len(met))
    return sum(kind in TRACED for kind in met[:until])
