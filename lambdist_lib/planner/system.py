"""Describe the distributed stack under one job as one frozen record, and the outcome of one simulated run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Hold senders, API, collector, queue, event source mapping, processors and table.

    With `senders=0` messages arrive as a stream of `arrivals_per_s` (evenly, or as a Poisson process), or all
    at once where that is 0.
    """

    datapoints: int
    item_s: float  # one datapoint in the handler: its work and its write
    item_cv: float = 0.0  # standard deviation over mean; the times are gamma distributed
    # -- arrivals --
    senders: int = 0
    arrivals_per_s: float = 0.0
    poisson: bool = False
    request_batch: int = 1
    request_s: float = 0.0  # of a request outside of the collector
    collector_s: float = 0.0
    has_collector: bool = True  # without one the client or the API writes to the queue
    api_rate_per_s: float = float("inf")
    api_burst: float = 5_000
    collector_rate_per_s: float = float("inf")  # requests a second that the account's environments serve
    # -- event source mapping --
    queue_batch: int = 1
    window_s: float = 0.0
    slots_start: int = 5
    slots_per_s: float = 5.0  # how fast the concurrency grows while messages wait
    slots_ceiling: int = 1_250  # of every mapping
    maximum_concurrency: int = 1_000_000  # of this mapping
    error_cut: float = 0.0  # share of its concurrency that the mapping drops at each thrown error
    throttle_retry_s: float = 1.0
    # -- processors --
    overhead_s: float = 0.0  # of an invocation, from the queue to the handler included
    init_s: float = 0.0
    init_log_sd: float = 0.0
    idle_expiry_s: float = 380.0
    account_concurrency: int = 1_000_000
    reserved_concurrency: int = 1_000_000
    environments_burst: int = 1_000_000
    environments_per_s: float = 100.0
    # -- failures --
    p_fail: float = 0.0  # of an attempt: it raises, the next may succeed
    p_permanent: float = 0.0  # of a datapoint: dead at its first attempt
    p_slow: float = 0.0  # of an attempt: it ends after slow_s, and the rest of its batch does not begin
    p_crash: float = 0.0  # of an attempt: the process dies before its write
    p_crash_after: float = 0.0  # of an attempt: it dies after its write
    p_duplicate: float = 0.0  # of a datapoint: its message is queued twice
    slow_s: float = 29.0  # from the begin of an invocation until its watchdog ends it
    partial: bool = True  # only the failed messages of a batch return to the queue
    receives: int = 5
    visibility_s: float = 180.0
    # doubles by receive; None: failed messages wait for the visibility timeout
    retry_delay_s: float | None = 1.0
    max_in_flight: int = 120_000
    # -- table --
    writes_per_s: float = float("inf")
    writes_double_s: float = 1_800.0
    max_writes_per_s: float = float("inf")

    def max_slots(self) -> int:
        """Return the most batches at once that the mapping allows."""
        return min(self.slots_ceiling, self.maximum_concurrency)

    def max_processors(self) -> int:
        """Return the most batches at once under the limits of mapping, account and reservation."""
        return min(self.max_slots(), self.account_concurrency, self.reserved_concurrency)

    def attempt_fails(self) -> float:
        """Return the probability that an attempt fails by itself, whatever its batch does."""
        return 1 - (1 - self.p_crash) * (1 - self.p_slow) * (1 - self.p_fail)

    def batch_s(self) -> float:
        """Return the seconds of a full batch in a warm environment."""
        return self.overhead_s + self.queue_batch * self.item_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold the result of one simulated run. Times are seconds from the first send.

    queue_area and busy_area are the integrals of waiting messages and of running batches
    over time: Little's law holds them against rates and durations.
    """

    makespan_s: float  # to the last datapoint stored
    settled_s: float  # to the last stored or dead
    enqueued_s: float
    stored: int
    dead: int
    invocations: int
    cold: int
    peak: int  # batches at once
    busy_area: float
    queue_area: float = 0.0
    receives: int = 0
    duplicates: int = 0  # attempts at datapoints that were stored already
    requests: int = 0
    collector_cold: int = 0
    api_throttles: int = 0
    lambda_throttles: int = 0
    table_throttles: int = 0
    errors: int = 0  # invocations that threw
    failures: int = 0  # failed attempts that were recorded
    timeline: tuple[tuple[float, int, int, int], ...] = ()  # time, waiting, running, stored


COLD_LOG_SD = 0.15  # of init durations within a day: 0.14 to 0.17 in maxday/lambda-perf
COLLECTOR_RETRY_S = (0.05, 0.2)  # until a refused collector invocation is tried again
RETRY_DELAY_MAX_S = 900.0  # lambdas/messages.py
TABLE_BURST_S = 1.0  # of unused write capacity that the table serves at once
