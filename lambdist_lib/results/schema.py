"""Define the columns of the tables that a run writes.

`*_at` are seconds since the Unix epoch (UTC), `*_s` durations in seconds. Clocks: intended_at,
sent_at and answered_at are the client's, moved by the run's clock_offset_s; queued_at and
first_received_at are SQS's, in whole milliseconds; the other `*_at` are the Lambdas'. On the
local cloud all are one clock.
A value that does not exist for a row (no response, no queue, not stored) is missing (NaN or "").
"""

from collections.abc import Mapping
from typing import Any

from lambdist_lib.protocol.arms import ARMS

RECORDS = {  # one row per datapoint of a run
    "run_id": "the run",
    "arm": f"one of {', '.join(ARMS)}",
    "n": "0-based line of the data file",
    "outcome": "stored, dead, rejected, unsent, in_flight or lost",
    "cause": "why it was rejected, is dead, or was not sent",
    "cause_class": "of the dead: application, timeout, poison, crash, throttle-only or no trace",
    "intended_at": "when the schedule wanted it sent: the first datapoint of its request",
    "sent_at": "when its last try went out; in distributed_map the end of the file's upload",
    "answered_at": "when the answer to its last try was complete",
    "tries": "requests that carried it",
    "status": "HTTP status of the last try, 0 for no answer; in invoke the function's, 502 if it failed",
    "request": "number of its (last) request within the run; datapoints of one request share it",
    "senders": "senders that slow start allowed when it went out",
    "name_s": "libcurl: until the name was looked up",
    "connect_s": "libcurl: until connected (0: the connection was there)",
    "tls_s": "libcurl: until TLS was agreed (0 without TLS)",
    "first_byte_s": "libcurl: until the first byte of the answer",
    "total_s": "libcurl: until the last byte of the answer",
    "received_at": "first Lambda (collector or single node): handler began",
    "done_at": "first Lambda: answer formed, all of the request queued or stored",
    "entry_request_id": "first Lambda: its invocation",
    "entry_environment_id": "first Lambda: its environment",
    "entry_cold": "first Lambda: whether the invocation was its environment's first",
    "entry_init_s": "first Lambda: its environment's init, imports and clients",
    "queued_at": "SQS: SentTimestamp; in distributed_map Step Functions: start of the execution",
    "first_received_at": "SQS: ApproximateFirstReceiveTimestamp; in distributed_map: entry of its child",
    "receives": "SQS: receives until it was stored or dead; in distributed_map its child's tries, without a "
    "queue the client's",
    "started_at": "processing Lambda: attempt began",
    "finished_at": "processing Lambda: process() and its declared work returned",
    "put_at": "processing Lambda: just before the write",
    "request_id": "processing Lambda: the invocation that stored it",
    "environment_id": "processing Lambda: its environment",
    "cold": "processing Lambda: whether that invocation was its environment's first",
    "init_s": "processing Lambda: its environment's init",
    "failures": "failed attempts kept on the item",
    "failure_causes": "their causes, oldest first, joined by ' | '",
    "duplicates": "further results that were refused because one was stored",
    "redrives": "how often it was sent again after it had died",
    "dead_at": "when the dead-letter handler (or the single node) wrote it down",
}

INVOCATIONS = {  # one row per Lambda invocation while the run was under way, from the logs
    "run_id": "the run",
    "function": "collector, processor, dead_letter or single_node",
    "at": "when its log line was written",
    "request_id": "the invocation",
    "environment_id": "the environment that it ran in",
    "cold": "whether it was the environment's first",
    "init_s": "the environment's init: imports and clients, without the runtime's own start",
    "received": "datapoints that it was given",
    "stored": "of these, stored (collector: accepted)",
    "failed": "of these, to be tried again",
    "permanent": "of these, dead at once",
    "duration_s": "of the handler",
    "put_s": "of its writes together",
}

RUNS = {  # one row per run of an experiment
    "experiment_id": "the experiment",
    "run_id": "the run",
    "pair": "number of the pair of adjacent runs, 0 for a run outside pairs",
    "arm": f"one of {', '.join(ARMS)}",
    "temperature": "cold: began in fresh environments; warm: after a declared warm-up; else as found",
    "target": "local cloud, or AWS and its region",
    "chunks": "most senders at once",
    "processors": "most invocations of the processor at once",
    "request_batch": "datapoints per request",
    "queue_batch": "messages per invocation at most",
    "partial_responses": "whether only the failed messages of a batch are tried again, not all of it",
    "memory_mb": "of the processing Lambda",
    "work": "declared work per datapoint",
    "fault": "declared faults",
    "settings": "further parameters of the stack that differ from a deploy's defaults, as in --set",
    "submitted": "datapoints of the file",
    "stored": "ledger",
    "dead": "ledger",
    "rejected": "ledger",
    "unsent": "ledger",
    "in_flight": "ledger",
    "lost": "ledger",
    "started_at": "first intended send",
    "makespan_s": "first intended send to the last datapoint stored",
    "enqueued_s": "first intended send to the last answer",
    "seen_s": "first intended send until the client saw the run settled (its polling included)",
    "resumed": "whether it was resumed, redriven or its stack changed: it is not a timing",
    "looks": "numbers of pairs after which it was planned to look whether they suffice; empty: fixed before",
    "client_cpu_s": "CPU seconds of the client until the last datapoint was stored",
    "cloud_cpu_s": "CPU seconds of the local cloud and its workers until then; 0 on AWS",
    "machine_share": "share of the cores that both used",
    "others_share": "share of the cores that other programs used",
    "clock_offset_s": "what was added to the client's stamps, so that they are in the Lambdas' time",
    "clock_bound_s": "how far off the client's stamps may still be",
    "clock_moved_s": "how far a clock moved during the run; then it is no timing",
    "missing_invocations": "invocations that the records tell of and the logs lack; then there is no bill",
    "map_children": "distributed_map: EXPRESS or STANDARD, the kind of its children, for their price",
}

ADDED_LATER: dict[str, Any] = {  # columns of RUNS that older results lack, and the value that they mean
    "processors": 10,
    **dict.fromkeys(("client_cpu_s", "cloud_cpu_s", "machine_share", "others_share")),
    **dict.fromkeys(("clock_offset_s", "clock_bound_s", "clock_moved_s", "missing_invocations")),
    "map_children": "",
    "settings": "",
}


def run_row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's row of RUNS from its facts, also of a run that an older version recorded."""
    return {name: facts.get(name, ADDED_LATER.get(name)) for name in RUNS}
