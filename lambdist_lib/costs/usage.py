"""Convert a run's counts to billable usage, for predictions and for metered runs.

The rules are those of our Lambdas: a request queues ten messages at a time; a processor gets the messages
of one receive, which one request deletes, releases each failed message by itself and records each failed
attempt; the dead-letter Lambda reads each history, records each dead datapoint and publishes once a batch.
"""

from dataclasses import dataclass

from lambdist_lib.costs.assumptions import Table
from lambdist_lib.costs.bill import ANSWERS, DEAD_LETTERS, MONTH_S, RETRIES, Line, Usage, line_items, total
from lambdist_lib.costs.map_counts import CHILD_GB, MapCounts

AT_ONCE = 10  # messages that SQS takes and gives in one request
POLL_S = 1.0  # between two polls of the client's two queues (`completion.POLL_S` on AWS)
READ_BYTES = 4_096  # of DynamoDB's unit
SHARDS_READ = 16  # queries to read a run's items once (`contract.SHARDS`)
FETCHED_WITHIN_S = 86_400.0  # assumed time from the first write until the stack is deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts of a run, expected or metered. Seconds are of all invocations together.

    queued: whether there are queues, of messages or of dead letters; without one the client retries. map: of
    the arm that Step Functions feeds, whose queue carries no message. through_api, first_lambda: whether
    requests pass API Gateway, and whether a Lambda receives them. requests: the client's, without those that
    API Gateway refused; `again` of them were retries. receives: attempts at a datapoint. failures: attempts
    recorded as failed.
    returned: messages released early. permanent: datapoints that were dead at their first attempt.
    marked_first, marked_more: first and further attempts whose begin was recorded by experiment controls
    (`lambdas/experiment_controls.py`). result_units: of 1 KB, of all results together. span_s: from the
    first send until all are settled. mails: e-mails sent.
    """

    queued: bool = True
    through_api: bool = True
    first_lambda: bool = True
    map: MapCounts | None = None
    datapoints: float
    requests: float
    again: float = 0.0
    entry_s: float
    sends: float = 0.0
    receives: float
    invocations: float = 0.0
    processor_s: float = 0.0
    deletes: float = 0.0
    failures: float = 0.0
    returned: float = 0.0
    marked_first: float = 0.0
    marked_more: float = 0.0
    init_s: float = 0.0
    result_units: float
    dead: float = 0.0
    permanent: float = 0.0
    dead_invocations: float = 0.0
    dead_s: float = 0.0
    dead_init_s: float = 0.0
    mails: float = 0.0
    span_s: float
    memory_mb: float = 512
    arm64: bool = False


def usage(counts: Counts, table: Table) -> dict[str, Usage]:
    """Return the billable usage, by `bill.PARTS`.

    Args:
        table: What `assumptions.load` returns: the sizes and shares that a run does not show.
    """
    sent_once = 1 - counts.again / counts.requests if counts.requests else 1.0
    received_once = min(counts.datapoints / counts.receives, 1.0) if counts.receives else 1.0
    first = _attempts(counts, sent_once, received_once)
    more = _attempts(counts, 1 - sent_once, 1 - received_once)
    written = counts.failures - counts.permanent + counts.marked_more
    if counts.map:
        first, more = first + _children(counts.map), more + _retries_of_children(counts.map)
    by_part = {
        ANSWERS: first + _beside(counts, table),
        RETRIES: more + Usage(sqs_visibility_changes=counts.returned, table_writes=written),
        DEAD_LETTERS: _dead_letters(counts),
    }
    functions = {ANSWERS: counts.queued + counts.first_lambda}
    return {
        part: _seen(used, functions.get(part, 0) * counts.span_s, table) for part, used in by_part.items()
    }


def bill_of(counts: Counts, table: Table, *, free_tier: bool = False) -> list[Line]:
    """Return the lines of the bill in USD (`bill.line_items`)."""
    return line_items(total(usage(counts, table)), table, free_tier=free_tier)


def _attempts(counts: Counts, sent: float, received: float) -> Usage:
    """Return the usage of a share of the requests and of the processor's invocations."""
    seconds = counts.entry_s * sent + counts.processor_s * received
    return Usage(
        api_requests=counts.requests * sent * counts.through_api,
        lambda_requests=counts.requests * sent * counts.first_lambda + counts.invocations * received,
        handler_gb_s=seconds * counts.memory_mb / 1024,
        sqs_sends=counts.sends * sent,
        sqs_receives=counts.invocations * received * (counts.map is None),
        arm64=counts.arm64,
    )


def _children(children: MapCounts) -> Usage:
    """Return the usage of a map whose children need one try each."""
    of_express = 0.0 if children.standard else 1.0
    return Usage(
        state_transitions=1 + children.children * children.standard,
        express_requests=children.children * of_express,
        express_gb_s=children.child_s * CHILD_GB * of_express,
        s3_puts=1,
        s3_gets=1,
    )


def _retries_of_children(children: MapCounts) -> Usage:
    """Return the usage of further tries; an Express child is charged for its time alone."""
    return Usage(state_transitions=(children.tries - children.children) * children.standard)


def _beside(counts: Counts, table: Table) -> Usage:
    """Return the usage that each datapoint causes once, whatever its number of attempts."""
    units = counts.result_units / max(counts.datapoints, 1)  # of 1 KB, the last of them half full
    item_bytes = (units - 0.5) * 1_024 if units > 1 else table["item_bytes"].value
    polls = {}
    if counts.queued:  # of two queues
        polls["sqs_empty_receives"] = 2 * table["idle_polls_per_s"].value * counts.span_s
        polls["sqs_status_requests"] = 2 * (counts.span_s / POLL_S + 1)
    return Usage(
        init_gb_s=counts.init_s * counts.memory_mb / 1024,
        arm64=counts.arm64,
        sqs_deletes=counts.deletes,
        table_writes=counts.result_units + counts.marked_first,
        # the client reads all items twice: to check their outcomes, and to fetch them
        table_reads=2 * (counts.datapoints * item_bytes / READ_BYTES + SHARDS_READ / 2),
        table_gb_months=counts.datapoints * item_bytes / 1e9 * FETCHED_WITHIN_S / MONTH_S,
        **polls,
    )


def _dead_letters(counts: Counts) -> Usage:
    written = 2 * counts.permanent  # the attempt, and the death
    if not counts.queued:  # the node records them; datapoints that its client gave up cost nothing more
        return Usage(table_writes=written, arm64=counts.arm64)
    received = max(counts.dead / AT_ONCE, counts.dead_invocations)
    lines = counts.map or MapCounts()
    return Usage(
        lambda_requests=counts.dead_invocations,
        handler_gb_s=counts.dead_s * counts.memory_mb / 1024,
        init_gb_s=counts.dead_init_s * counts.memory_mb / 1024,
        arm64=counts.arm64,
        sqs_sends=counts.permanent + lines.dead,
        state_transitions=lines.dead * lines.standard,
        sqs_receives=received,
        sqs_deletes=received,
        table_writes=written + counts.dead - counts.permanent,
        table_reads=counts.dead,
        sns_publishes=counts.dead_invocations,
        sns_mails=counts.mails,
    )


def _seen(usage: Usage, seconds: float, table: Table) -> Usage:
    """Add logs and traces: X-Ray records the first invocation of each second and a share of the others."""
    invocations = usage.lambda_requests
    log_gb = invocations * table["log_bytes"].value / 1e9
    traced = invocations * table["trace_share"].value + seconds
    return usage + Usage(log_gb=log_gb, traces=min(traced, invocations))


def standing(days: float, table: Table, *, alarms: int, metrics: int = 0) -> Usage:
    """Return the usage of an idle distributed stack: polls of its queues, alarms.

    Args:
        metrics: 1 where datapoints die: AWS charges for a metric while values are written.
    """
    months = days * 86_400 / MONTH_S
    return Usage(
        sqs_empty_receives=2 * table["idle_polls_per_s"].value * days * 86_400,
        alarm_months=alarms * months,
        metric_months=metrics * months,
    )
