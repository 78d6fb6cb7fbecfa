"""The ways to get a data file processed."""

from collections.abc import Callable
from dataclasses import dataclass

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults
from lambdist_lib.submission import client, original_client
from lambdist_lib.submission.receipts import SubmissionCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to get a data file processed.

    stack: which stack it uses, "" for none. parallel: whether it has `chunks` senders, or one.
    ignores: conditions that mean nothing to it. submit: the client that sends.
    """

    stack: str
    parallel: bool = True
    ignores: frozenset[str] = frozenset()
    submit: Callable[..., SubmissionCounts] = client.submit


ARMS = {
    "distributed": Arm(stack="distributed"),
    "single_node": Arm(
        stack="single_node", parallel=False, ignores=frozenset({"chunks", "processors", "queue_batch"})
    ),
    "single_node_parallel": Arm(stack="single_node"),
    "as_original": Arm(stack="distributed", submit=original_client.submit),
    "local_pool": Arm(stack=""),
}


def faults_of(arm: str, fault: str) -> faults.FaultPlan:
    """The part of a fault plan that an arm can have: without a queue none of its faults, for example."""
    kinds = {"distributed": faults.FAULT_KINDS, "single_node": faults.OF_LAMBDAS, "": faults.OF_PROCESSES}
    return faults.parse_fault(fault).only(kinds[ARMS[arm].stack])


def require_arm(arm: str) -> None:
    if arm not in ARMS:
        raise UsageError(f"arm {arm!r} is unknown; write one of {', '.join(ARMS)}")


def arm_abbreviation(arm: str) -> str:
    return "".join(word[0] for word in arm.split("_"))
