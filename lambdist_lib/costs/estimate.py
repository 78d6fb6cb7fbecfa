"""Estimate what a run will use, from its datapoints, batches and failure rates.

    parts = estimate.predict(assumptions.load(), datapoints=1_000, request_batch=10, p_fail=0.01)
    bill.split_bill(parts, assumptions.load())

A closed form in expectations, for every arm, without waiting times: `lambdist plan` models those. Neither
has been compared with a bill of AWS.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lambdist_lib.costs import map_counts
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.bill import Usage
from lambdist_lib.costs.map_counts import MapCounts
from lambdist_lib.costs.usage import AT_ONCE, Counts, usage
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, Arm, faults_of

WRITE_BYTES = 1_024  # of DynamoDB's unit
Values = Mapping[str, float]  # of a table, by name
DEAD_AT_ONCE, DEAD_WINDOW_S = 1_000, 60.0  # of the dead-letter queue's mapping in distributed.yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The conditions of a run whose usage is estimated.

    chunks: senders at once; an arm that is not parallel has one. processors: the most invocations of the
    processor at once; 0 for as many as chunks. work_s: wall-clock seconds of process() for one datapoint.
    p_fail: the probability that an attempt fails, independently of others, and is retried. p_permanent: that
    a datapoint is dead at its first attempt. p_always: that it fails at every attempt. receives: attempts
    before a datapoint is dead. mailed: dead letters are announced by e-mail. controls: experiment controls
    are on, so each further attempt records its begin, and so do first ones (marks_first) where a declared
    fault leaves no trace. standard_children: of a Distributed Map, instead of Express ones.
    """

    arm: str = "distributed"
    datapoints: float
    chunks: int = 20
    request_batch: int = 1
    queue_batch: int = 1
    memory_mb: float = 512
    work_s: float = 0.0
    p_fail: float = 0.0
    p_permanent: float = 0.0
    p_always: float = 0.0
    receives: int = 5
    processors: int = 0
    arm64: bool = False
    mailed: bool = False
    controls: bool = True
    marks_first: bool = False
    standard_children: bool = False

    @property
    def per_request(self) -> int:
        """Datapoints in one request of this arm."""
        return ARMS[self.arm].per_request(self.request_batch)

    @property
    def first_requests(self) -> int:
        """Requests that send each datapoint once."""
        return math.ceil(self.datapoints / self.per_request)


def predict(table: Table, **workload: Any) -> dict[str, Usage]:
    """Estimate the usage of a run, by `bill.PARTS`.

    Args:
        workload: Fields of `Workload`; its arm has a cloud.
    """
    return usage(expected_counts(table, Workload(**workload)), table)


def expected_counts(table: Table, load: Workload) -> Counts:
    """Compute the expected counts of a run.

    Args:
        table: What `assumptions.load` returns: the times that the workload does not give.
    """
    value = {name: number.value for name, number in table.items()}
    traits, outcomes = ARMS[load.arm], _expected_outcomes(load)
    work = _expected_work(value, load, outcomes.attempts)
    senders = min(load.chunks, load.first_requests) if traits.parallel else 1
    at_once = load.processors or load.chunks
    span_s = _span_s(value, traits, work, senders, at_once)
    cold = senders * traits.first_lambda + min(at_once, math.ceil(work.invocations))
    announced = dead_batches(outcomes.dead, span_s) if traits.cloud_retries else 0.0
    return Counts(
        queued=traits.cloud_retries, through_api=traits.through_api, first_lambda=traits.first_lambda,
        datapoints=load.datapoints, **work._asdict(), receives=outcomes.attempts,
        deletes=min(work.invocations, outcomes.stored + outcomes.permanent) * traits.queued,
        failures=outcomes.failures, returned=(outcomes.failures - outcomes.permanent) * traits.queued,
        marked_first=load.datapoints if load.marks_first else 0.0,
        marked_more=outcomes.attempts - load.datapoints if load.controls else 0.0,
        init_s=cold * value["init_s"],
        result_units=outcomes.stored * math.ceil(value["item_bytes"] / WRITE_BYTES),
        dead=outcomes.dead, permanent=outcomes.permanent, dead_invocations=announced,
        dead_s=announced * value["handler_s"] + outcomes.dead * 2 * value["put_s"],
        dead_init_s=min(announced, 1) * value["init_s"],
        mails=announced if load.mailed else 0.0, span_s=span_s, memory_mb=load.memory_mb, arm64=load.arm64,
    )  # fmt: skip


class _Outcomes(NamedTuple):
    """Expected attempts of all datapoints, how they end, and the datapoints' outcomes."""

    attempts: float
    failures: float
    stored: float
    dead: float
    permanent: float  # of the dead: those that were dead at their first attempt


class _Work(NamedTuple):
    """What the client and the handlers do: fields of `Counts`."""

    requests: float
    entry_s: float = 0.0
    again: float = 0.0
    sends: float = 0.0
    invocations: float = 0.0
    processor_s: float = 0.0
    map: MapCounts | None = None


def _expected_outcomes(load: Workload) -> _Outcomes:
    """Attempts are independent: those of a datapoint are geometric, cut off at `receives`."""
    permanent, always_failing = load.datapoints * load.p_permanent, load.datapoints * load.p_always
    alive, p_fail, receives = load.datapoints - permanent - always_failing, load.p_fail, load.receives
    tries = float(receives) if p_fail == 1 else (1 - p_fail**receives) / (1 - p_fail)
    attempts = permanent + always_failing * receives + alive * tries
    stored = alive * (1 - p_fail**receives)
    return _Outcomes(attempts, attempts - stored, stored, load.datapoints - stored, permanent)


def _expected_work(value: Values, load: Workload, attempts: float) -> _Work:
    """What the arm does for so many attempts: by a map, by a queue, or by a client that retries."""
    traits = ARMS[load.arm]
    items_s = attempts * (item_s := value["process_s"] + load.work_s + value["put_s"])
    if traits.orchestrated:
        children = map_counts.expected(
            datapoints=load.datapoints, per_line=load.per_request, p_fail=load.p_fail, p_always=load.p_always,
            receives=load.receives, try_s=value["handler_s"] + load.per_request * item_s,
            standard=load.standard_children,
        )  # fmt: skip
        processor_s = children.tries * value["handler_s"] + items_s
        return _Work(requests=1.0, invocations=children.tries, processor_s=processor_s, map=children)
    if traits.cloud_retries:
        return _work_of_queue(value, load, attempts, items_s)
    again = (attempts - load.datapoints) / load.per_request  # the client sends failed datapoints again
    requests = load.first_requests + again
    return _Work(requests=requests, entry_s=requests * value["handler_s"] + items_s, again=again)


def _work_of_queue(value: Values, load: Workload, attempts: float, items_s: float) -> _Work:
    """Each request is queued ten messages at a time; the processor takes them in batches."""
    requests, traits = load.first_requests, ARMS[load.arm]
    # a free mapping takes what one request brings; batches fill only where messages wait
    waiting = requests > load.chunks
    invocations = attempts / (load.queue_batch if waiting else min(load.queue_batch, load.per_request))
    sends = requests * math.ceil(load.per_request / AT_ONCE)
    return _Work(
        requests=float(requests),
        entry_s=(requests * value["handler_s"] + sends * value["send_s"]) * traits.first_lambda,
        sends=sends,
        invocations=invocations,
        processor_s=invocations * value["handler_s"] + items_s,
    )


def _span_s(value: Values, traits: Arm, work: _Work, senders: int, at_once: int) -> float:
    """The longer of sending and processing, with one cold start and the map's own time."""
    request_s = value["network_s"] + value["api_overhead_s"] * traits.through_api
    way_s = work.requests * request_s + (work.entry_s or work.sends * value["send_s"])
    span_s = max(way_s / senders, work.processor_s / at_once) + value["init_s"]
    return span_s + value["map_fixed_s"] * traits.orchestrated


def dead_batches(dead: float, span_s: float) -> float:
    """Return the invocations of the dead-letter Lambda: full batches, or one a window."""
    return max(dead / DEAD_AT_ONCE, min(dead, math.ceil(span_s / DEAD_WINDOW_S)))


def failure_rates(fault: str, datapoints: int, *, arm: str = "distributed") -> dict[str, float]:
    """Return the failure rates of a declared fault plan, as fields of `Workload`.

    Duplicates and throttles make no attempt fail.
    """
    rates = {"p_fail": 0.0, "p_permanent": 0.0, "p_always": 0.0}
    plan = faults_of(arm, fault)
    for fault_spec in plan.faults:
        if fault_spec.kind in ("duplicate", "throttle"):
            continue
        share = 1.0 if fault_spec.among is None else _overlap(fault_spec.among, datapoints)
        name = "p_permanent" if fault_spec.kind in faults.PER_DATAPOINT else "p_fail"
        if name == "p_fail" and fault_spec.probability == 1:
            name = "p_always"
        rates[name] = 1 - (1 - rates[name]) * (1 - share * fault_spec.probability)
    return {**rates, "marks_first": plan.may_leave_no_trace}


def _overlap(among: tuple[range, ...], datapoints: int) -> float:
    """Return the share of a file's datapoints that a fault names."""
    named = {n for part in among for n in range(part.start, min(part.stop, datapoints))}
    return len(named) / datapoints if datapoints else 0.0
