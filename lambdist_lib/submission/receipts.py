"""What a submission is asked to do, and what it gives back: plan, receipts, tally."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lambdist_lib.errors import UsageError
from lambdist_lib.protocol.contract import REQUEST_MAX_DATAPOINTS
from lambdist_lib.submission.http import Timeouts


class Receipt(NamedTuple):
    """What the client saw of one try at one datapoint; `columns.RECORDS` says what each field means.

    verdict is the client's knowledge after this try: `accepted`, `rejected`, `retry` (sent
    again later), `refused` (given up, surely never accepted), `unknown` (given up, possibly
    accepted) or `dead` (the single node said that it is hopeless, or failed at the last try).
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
    """How a run is sent.

    chunks: most requests under way at once. request_batch: datapoints per request. rate:
    datapoints per second of an open loop, 0 for the closed one. plain: in the original's form,
    for an API that is not ours. tries: requests on which the API may have worked that carry one
    datapoint; refusals without work (429, 503, no connection) do not count, `stall_s` without
    any answer of worth bounds them. retry_budget: datapoints sent again per settled one, over
    the run. opening_senders: with how many senders slow start begins (None: all at once); each
    answer then opens `growth` more. backoff_s, backoff_max_s: bound of the first retry's delay,
    and of any. deadline_s: of the whole, 0 for none; what is under way then is given up.
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
            raise UsageError(f"chunks is {self.chunks}; at least 1 sender is needed")
        if not 1 <= self.request_batch <= REQUEST_MAX_DATAPOINTS:
            raise UsageError(f"request_batch is {self.request_batch}; write 1 to {REQUEST_MAX_DATAPOINTS}")
        if self.plain and self.request_batch > 1:
            raise UsageError("request_batch is for our own API; the original's form takes 1 per request")
        if self.plain and (self.work, self.fault) != ("none", "none"):
            raise UsageError("work and fault are for our own stacks; the original's form does not know them")
        if self.tries < 1:
            raise UsageError(f"tries is {self.tries}; at least 1 is needed")
        if not 0 <= self.rate < float("inf"):
            raise UsageError(f"rate is {self.rate}; write datapoints per second, 0 for as fast as they go")
        for name in ("backoff_s", "backoff_max_s", "stall_s", "deadline_s"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}; write seconds, 0 or more")


@dataclass(slots=True, kw_only=True)
class SubmissionCounts:
    """A submission so far; `stopped` says why it ended early, if it did."""

    accepted: int = 0
    rejected: int = 0
    refused: int = 0
    unknown: int = 0
    dead: int = 0
    retries: int = 0
    in_flight: int = 0
    first_intended_at: float | None = None
    last_answered_at: float | None = None
    stopped: str = ""

    @property
    def settled(self) -> int:
        return self.accepted + self.rejected + self.refused + self.unknown + self.dead
