"""Define how a run is sent (`SendOptions`) and what that returns: receipts and counts."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import REQUEST_MAX_DATAPOINTS
from lambdist_lib.submission.http import Timeouts

NOT_ACCEPTED, UNKNOWN = "refused", "unknown"  # as receipts.csv and the journal write them
COUNTER_NAMES = {"retry": "retries", NOT_ACCEPTED: "not_accepted"}  # where they are not the verdict's


class Receipt(NamedTuple):
    """One try at one datapoint as the client saw it; `results.schema.RECORDS` defines the fields.

    verdict: `accepted`, `rejected`, `retry` (sent again later), NOT_ACCEPTED (given up,
        certainly not accepted), UNKNOWN (given up, possibly accepted) or `dead` (the single
        node reported a permanent failure).
    """

    n: int
    verdict: str
    cause: str
    intended_at: float | None
    sent_at: float | None
    answered_at: float | None
    tries: int
    status: int
    request: int
    senders: int
    name_s: float
    connect_s: float
    tls_s: float
    first_byte_s: float
    total_s: float
    received_at: float | None
    done_at: float | None
    entry_request_id: str | None
    entry_environment_id: str | None
    entry_cold: bool | None
    entry_init_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How to send a run.

    chunks: Maximum of requests under way at once.
    request_batch: Datapoints per request.
    rate: Datapoints per second of an open loop, 0 for a closed one.
    plain: Use the original's form, for an API outside this project.
    tries: Maximum of tries per datapoint on which the API may have worked. Failures without
        work (429, 503, no connection) do not count; `stall_s` without a served request ends them.
    retry_budget: Datapoints sent again per settled one, over the run.
    opening_senders: Senders at the start of slow start (None: all at once); each served
        request opens `growth` more.
    backoff_s, backoff_max_s: Bound of the first retry's delay, and of any delay.
    deadline_s: Of the whole submission, 0 for none; requests under way then are given up.
    """

    chunks: int = 20
    request_batch: int = 1
    rate: float = 0.0
    plain: bool = False
    work: str = "none"
    fault: str = "none"
    tries: int = 8
    retry_budget: float = 20.0
    opening_senders: int | None = None
    growth: float = 0.25
    backoff_s: float = 0.2
    backoff_max_s: float = 10.0
    stall_s: float = 120.0
    deadline_s: float = 0.0
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        if self.chunks < 1:
            raise UsageError(f"chunks is {self.chunks}; write 1 or more")
        if not 1 <= self.request_batch <= REQUEST_MAX_DATAPOINTS:
            raise UsageError(f"request_batch is {self.request_batch}; write 1 to {REQUEST_MAX_DATAPOINTS}")
        if self.plain and self.request_batch > 1:
            raise UsageError(
                "request_batch needs this project's API; the original's form has 1 datapoint per request"
            )
        if self.plain and (self.work, self.fault) != ("none", "none"):
            raise UsageError(
                "work and fault need this project's stacks; the original's form does not have them"
            )
        if self.tries < 1:
            raise UsageError(f"tries is {self.tries}; write 1 or more")
        if not 0 <= self.rate < float("inf"):
            raise UsageError(f"rate is {self.rate}; write datapoints per second, 0 for a closed loop")
        for name in ("backoff_s", "backoff_max_s", "stall_s", "deadline_s"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}; write seconds, 0 or more")


@dataclass(slots=True, kw_only=True)
class SubmissionCounts:
    """Datapoints of a submission by verdict; `stopped` is why it ended early, or ""."""

    accepted: int = 0
    rejected: int = 0
    not_accepted: int = 0
    unknown: int = 0
    dead: int = 0
    retries: int = 0
    in_flight: int = 0
    first_intended_at: float | None = None
    last_answered_at: float | None = None
    stopped: str = ""

    @property
    def settled(self) -> int:
        return self.accepted + self.rejected + self.not_accepted + self.unknown + self.dead

    def add(self, receipt: Receipt) -> Receipt:
        """Count a receipt by its verdict; returns it."""
        name = COUNTER_NAMES.get(receipt.verdict, receipt.verdict)
        setattr(self, name, getattr(self, name) + 1)
        return receipt
