"""Declare the arms: the ways to get a data file processed, and the traits that code asks for.

A new arm is one entry of ARMS. No other module compares an arm's name. Standard library only: this
package ships in every Lambda zip.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import MAP_MAX_LINES, REQUEST_MAX_DATAPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to get a data file processed.

    stack: The stack that it sends to, "" for none: it then runs on this machine, whatever the target.
    door: Where in the stack its requests arrive (`submission.doors.DOORS`), "" for none.
    sender: Which client sends (`runs.senders.SENDERS`).
    parallel: Whether it sends with `chunks` senders at once; otherwise with one.
    through_api: Whether its requests pass API Gateway, which charges for each.
    max_request: The most datapoints of one request.
    max_requests: The most requests of one run, 0 for no limit; of a map they are its lines.
    first_lambda: Whether a Lambda receives its requests: the collector, or the single node's function.
    orchestrated: Whether Step Functions hands the datapoints to the processor, instead of a queue.
    isolates_queue: Whether it has as many senders as the fan-out and no queue, so that a comparison with
        it shows what the queue costs.
    what: A few words for tables.
    faults: The kinds of faults that it can have; others do not strike it.
    ignores: Conditions that have no effect on it; a sweep over one runs it once a repetition.
    needs: Settings of the stack that must be on for it.
    """

    stack: str
    door: str = "api"
    sender: str = "client"
    parallel: bool = True
    through_api: bool = True
    max_request: int = REQUEST_MAX_DATAPOINTS
    max_requests: int = 0
    first_lambda: bool = True
    orchestrated: bool = False
    isolates_queue: bool = False
    what: str
    faults: tuple[str, ...] = faults.FAULT_KINDS
    ignores: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()

    @property
    def queued(self) -> bool:
        """Whether a queue stands between the front door and the processor."""
        return self.stack == "distributed" and not self.orchestrated

    def per_request(self, request_batch: int) -> int:
        """Return the datapoints of one request, of which it takes `max_request` at most."""
        return min(request_batch, self.max_request)

    @property
    def is_original(self) -> bool:
        """Whether it repeats the proof of concept: history, neither a choice nor predicted."""
        return self.sender == "original_client"

    @property
    def cloud_retries(self) -> bool:
        """Whether the cloud retries a failed datapoint, and has a queue of dead letters."""
        return self.stack == "distributed"

    @property
    def client_retries(self) -> bool:
        """Whether only the client retries a failed datapoint: there is a cloud that does not."""
        return bool(self.stack) and not self.cloud_retries


WITHOUT_QUEUE = frozenset({"processors", "queue_batch"})  # conditions of the queue's mapping
ARMS = {
    "distributed": Arm(stack="distributed", what="through a queue"),
    "single_node": Arm(
        stack="single_node",
        parallel=False,
        what="one sender, no queue",
        faults=faults.OF_LAMBDAS,
        ignores=WITHOUT_QUEUE | {"chunks"},
    ),
    "single_node_parallel": Arm(
        stack="single_node",
        isolates_queue=True,
        what="as many senders, no queue",
        faults=faults.OF_LAMBDAS,
        ignores=WITHOUT_QUEUE,
    ),
    "as_original": Arm(stack="distributed", sender="original_client", what="as the original client"),
    "local_pool": Arm(
        stack="", what="processes of one machine", faults=faults.OF_PROCESSES, ignores=WITHOUT_QUEUE
    ),
    "queue_client": Arm(
        stack="distributed",
        door="queue",
        through_api=False,
        max_request=10,  # messages of one SendMessageBatch
        first_lambda=False,
        what="the client writes to the queue",
        faults=faults.OF_PROCESSORS,
    ),
    "invoke": Arm(
        stack="single_node",
        door="invoke",
        through_api=False,
        what="the client invokes the function",
        faults=faults.OF_LAMBDAS,
        ignores=WITHOUT_QUEUE,
    ),
    "storage_first": Arm(
        stack="distributed",
        door="storage_first",
        max_request=1,
        first_lambda=False,
        what="the API writes to the queue",
        faults=faults.OF_PROCESSORS,
        ignores=frozenset({"request_batch"}),
        needs=("storage_first",),
    ),
    "distributed_map": Arm(
        stack="distributed",
        door="",
        sender="map",
        max_requests=MAP_MAX_LINES,
        parallel=False,  # one upload and one execution; `processors` is the width of its map
        through_api=False,
        first_lambda=False,
        orchestrated=True,
        what="a state machine maps the file's lines",
        faults=faults.OF_PROCESSORS,
        ignores=frozenset({"queue_batch", "partial_responses"}),
        needs=("distributed_map",),
    ),
}


def in_order(arms: Iterable[str]) -> list[str]:
    """Return those of the arms that are known, each once, in the order of ARMS."""
    present = set(arms)
    return [arm for arm in ARMS if arm in present]


def is_local(arm: str) -> bool:
    """Return whether an arm runs on this machine, whatever the target."""
    return arm in ARMS and not ARMS[arm].stack


def faults_of(arm: str, fault: str) -> faults.FaultPlan:
    """Return the part of a fault plan that an arm can have: without a queue none of the queue's faults."""
    return faults.parse_fault(fault).only(ARMS[arm].faults)


def settings_of(arms: Iterable[str]) -> dict[str, bool]:
    """Return the settings of the stacks that arms need beside those of every deploy.

    Example:
        >>> settings_of(["distributed", "storage_first"])
        {'storage_first': True}
    """
    return dict.fromkeys((name for arm in arms for name in ARMS[arm].needs), True)


def require_arm(arm: str) -> None:
    """Raise UsageError for a name that is not in ARMS."""
    if arm not in ARMS:
        raise UsageError(f"unknown arm {arm!r}: use one of {', '.join(ARMS)}")


def arm_abbreviation(arm: str) -> str:
    """Return the initials of an arm's name, for run ids: `sp` for single_node_parallel."""
    return "".join(word[0] for word in arm.split("_"))
