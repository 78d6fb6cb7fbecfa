"""Declare the arms: the ways to get a data file processed, and the traits that code asks for.

A new arm is one entry of ARMS. No other module compares an arm's name. Standard library only: this
package ships in every Lambda zip.
"""

from dataclasses import dataclass

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to get a data file processed.

    stack: The stack that it sends to, "" for none: it then runs on this machine, whatever the target.
    parallel: Whether it sends with `chunks` senders at once; otherwise with one.
    original_client: Whether it sends as the original client did, without retries and slow start.
    isolates_queue: Whether it has as many senders as the fan-out and no queue, so that a comparison with
        it shows what the queue costs.
    what: A few words for tables.
    ignores: Conditions that have no effect on it; a sweep over one runs it once a repetition.
    """

    stack: str
    parallel: bool = True
    original_client: bool = False
    isolates_queue: bool = False
    what: str
    ignores: frozenset[str] = frozenset()

    @property
    def queued(self) -> bool:
        """Whether a queue stands between the front door and the processor."""
        return self.stack == "distributed"

    @property
    def client_retries(self) -> bool:
        """Whether only the client retries a failed datapoint: there is a cloud, and no queue in it."""
        return bool(self.stack) and not self.queued


ARMS = {
    "distributed": Arm(stack="distributed", what="through a queue"),
    "single_node": Arm(
        stack="single_node",
        parallel=False,
        what="one sender, no queue",
        ignores=frozenset({"chunks", "processors", "queue_batch"}),
    ),
    "single_node_parallel": Arm(
        stack="single_node",
        isolates_queue=True,
        what="as many senders, no queue",
        ignores=frozenset({"processors", "queue_batch"}),
    ),
    "as_original": Arm(stack="distributed", original_client=True, what="as the original client"),
    "local_pool": Arm(
        stack="", what="processes of one machine", ignores=frozenset({"processors", "queue_batch"})
    ),
}


def is_local(arm: str) -> bool:
    """Return whether an arm runs on this machine, whatever the target."""
    return arm in ARMS and not ARMS[arm].stack


def faults_of(arm: str, fault: str) -> faults.FaultPlan:
    """Return the part of a fault plan that an arm can have: without a queue none of the queue's faults."""
    kinds = {"distributed": faults.FAULT_KINDS, "single_node": faults.OF_LAMBDAS, "": faults.OF_PROCESSES}
    return faults.parse_fault(fault).only(kinds[ARMS[arm].stack])


def require_arm(arm: str) -> None:
    """Raise UsageError for a name that is not in ARMS."""
    if arm not in ARMS:
        raise UsageError(f"unknown arm {arm!r}: use one of {', '.join(ARMS)}")


def arm_abbreviation(arm: str) -> str:
    """Return the initials of an arm's name, for run ids: `sp` for single_node_parallel."""
    return "".join(word[0] for word in arm.split("_"))
