"""Estimate what a run will use, from its datapoints, batches and failure rates.

    parts = estimate.predict(assumptions.load(), datapoints=1_000, request_batch=10, p_fail=0.01)
    bill.split_bill(parts, assumptions.load())

A closed form in expectations, for every arm, without waiting times: `lambdist plan` models those. Neither
has been compared with a bill of AWS.
"""

import math
from typing import Any

from lambdist_lib.costs import map_counts
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.bill import Usage
from lambdist_lib.costs.usage import AT_ONCE, Counts, usage
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, faults_of

WRITE_BYTES = 1_024  # of DynamoDB's unit
DEAD_AT_ONCE, DEAD_WINDOW_S = 1_000, 60.0  # of the dead-letter queue's mapping in distributed.yaml


def predict(table: Table, *, arm: str = "distributed", **of_run: Any) -> dict[str, Usage]:
    """Estimate the usage of a run, by `bill.PARTS`.

    Args:
        arm: An arm with a cloud.
        of_run: Arguments of `expected_counts`.
    """
    return usage(expected_counts(table, arm=arm, **of_run), table)


def expected_counts(
    table: Table,
    *,
    arm: str = "distributed",
    datapoints: float,
    chunks: int = 20,
    request_batch: int = 1,
    queue_batch: int = 1,
    memory_mb: float = 512,
    work_s: float = 0.0,
    p_fail: float = 0.0,
    p_permanent: float = 0.0,
    p_always: float = 0.0,
    receives: int = 5,
    processors: int = 0,
    arm64: bool = False,
    mailed: bool = False,
    controls: bool = True,
    marks_first: bool = False,
    standard_children: bool = False,
) -> Counts:
    """Compute the expected counts of a run.

    Args:
        table: What `assumptions.load` returns: the times that are not given here.
        chunks: Senders at once; an arm that is not parallel has one.
        processors: The most invocations of the processor at once; 0 for as many as `chunks`.
        work_s: Wall-clock seconds of process() for one datapoint.
        p_fail: Probability that an attempt fails, independently of others, and is retried.
        p_permanent: Probability that a datapoint is dead at its first attempt.
        p_always: Probability that a datapoint fails at every attempt.
        receives: Attempts before a datapoint is dead.
        mailed: Whether dead letters are announced by e-mail.
        controls: Whether experiment controls are on: each further attempt then records its begin, and so
            do first ones (`marks_first`) where a declared fault leaves no trace.
        standard_children: Of a Distributed Map, instead of Express ones.
    """
    value = {name: number.value for name, number in table.items()}
    traits = ARMS[arm]
    queued, request_batch = traits.cloud_retries, min(request_batch, traits.max_request)
    permanent, always_failing = datapoints * p_permanent, datapoints * p_always
    alive = datapoints - permanent - always_failing
    tries = float(receives) if p_fail == 1 else (1 - p_fail**receives) / (1 - p_fail)
    attempts = permanent + always_failing * receives + alive * tries
    stored = alive * (1 - p_fail**receives)
    dead, failures = datapoints - stored, attempts - stored
    first, again = math.ceil(datapoints / request_batch), 0.0
    item_s = value["process_s"] + work_s + value["put_s"]
    invocations, processor_s, sends, children = 0.0, 0.0, 0.0, None
    if traits.orchestrated:
        children = map_counts.expected(
            datapoints=datapoints, per_line=request_batch, p_fail=p_fail, p_always=p_always,
            receives=receives, try_s=value["handler_s"] + request_batch * item_s, standard=standard_children,
        )  # fmt: skip
        invocations, entry_s = children.tries, 0.0
        processor_s = invocations * value["handler_s"] + attempts * item_s
    elif queued:
        # a free mapping takes what one request brings; batches fill only where messages wait
        invocations = attempts / (min(queue_batch, request_batch) if first <= chunks else queue_batch)
        processor_s = invocations * value["handler_s"] + attempts * item_s
        sends = first * math.ceil(request_batch / AT_ONCE)
        entry_s = (first * value["handler_s"] + sends * value["send_s"]) * traits.first_lambda
    else:
        again = (attempts - datapoints) / request_batch
        entry_s = (first + again) * value["handler_s"] + attempts * item_s
    senders = min(chunks, first) if traits.parallel else 1
    request_s = value["network_s"] + value["api_overhead_s"] * traits.through_api
    requests = 1.0 if traits.orchestrated else first + again
    way_s = requests * request_s + (entry_s or sends * value["send_s"])
    at_once = processors or chunks
    span_s = max(way_s / senders, processor_s / at_once) + value["init_s"]
    span_s += value["map_fixed_s"] * traits.orchestrated
    cold = senders * traits.first_lambda + min(at_once, math.ceil(invocations))
    announced = dead_batches(dead, span_s) if queued else 0.0
    return Counts(
        queued=queued, through_api=traits.through_api, first_lambda=traits.first_lambda, map=children,
        datapoints=datapoints,
        requests=requests, again=again, entry_s=entry_s, sends=sends,
        receives=attempts, invocations=invocations, processor_s=processor_s,
        deletes=min(invocations, stored + permanent) * traits.queued,
        failures=failures, returned=(failures - permanent) * traits.queued,
        marked_first=datapoints if marks_first else 0.0,
        marked_more=attempts - datapoints if controls else 0.0, init_s=cold * value["init_s"],
        result_units=stored * math.ceil(value["item_bytes"] / WRITE_BYTES),
        dead=dead, permanent=permanent, dead_invocations=announced,
        dead_s=announced * value["handler_s"] + dead * 2 * value["put_s"],
        dead_init_s=min(announced, 1) * value["init_s"],
        mails=announced if mailed else 0.0, span_s=span_s, memory_mb=memory_mb, arm64=arm64,
    )  # fmt: skip


def dead_batches(dead: float, span_s: float) -> float:
    """Return the invocations of the dead-letter Lambda: full batches, or one a window."""
    return max(dead / DEAD_AT_ONCE, min(dead, math.ceil(span_s / DEAD_WINDOW_S)))


def failure_rates(fault: str, datapoints: int, *, arm: str = "distributed") -> dict[str, float]:
    """Return the failure rates of a declared fault plan, as arguments of `expected_counts`.

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
