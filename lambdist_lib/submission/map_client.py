"""Send a file as a Distributed Map of Step Functions takes it: upload it once, start one execution.

    s3://BUCKET/runs/<run id>/<number>.jsonl   a line per child execution: {"datapoints": [{n, data}, ...]}

One line holds several datapoints, so that no ItemBatcher groups them. Step Functions takes all lines or
none, so each datapoint gets one receipt, with the same times: `intended_at` before the file is written,
`sent_at` when its upload has ended, `answered_at` when the execution was started.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from botocore.exceptions import ClientError

from lambdist_lib.cloud import aws_errors
from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import LambdistError
from lambdist_lib.protocol.contract import LINE_MAX_BYTES, MAP_MAX_LINES
from lambdist_lib.submission.receipts import NOT_ACCEPTED, UNKNOWN, Receipt, SendOptions, SubmissionCounts
from lambdist_lib.submission.requests import ENCODER, PendingRequest, group_datapoints

REFUSED_BY_SQS = re.compile(r"[\ufffe\uffff]")  # of what the datapoint rule takes
IN_MEMORY_BYTES = 8 * 1024 * 1024  # of the file before it is spooled to disk
SEEN_S, SEEN_EVERY_S = 30.0, 0.5  # DescribeExecution is eventually consistent
PREFIX = "runs"  # of the keys; `deployment.artifact_bucket` expires them after a day
RECEIPTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MapMachine:
    """A deployed state machine and the bucket that it reads; `s3` and `states` are boto3's clients."""

    arn: str
    bucket: str
    s3: Any
    states: Any

    @property
    def owner(self) -> str:
        """The account, which must own the bucket, too."""
        return self.arn.split(":")[4]

    def execution_arn(self, run_id: str, number: int) -> str:
        """Return the ARN of a run's execution; a run that is resumed has several, numbered from 0."""
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution_name(run_id, number)}"

    def describe(self, run_id: str, number: int) -> dict[str, Any] | None:
        """Describe a run's execution; None without one of this number."""
        try:
            description: dict[str, Any] = self.states.describe_execution(
                executionArn=self.execution_arn(run_id, number)
            )
        except self.states.exceptions.ExecutionDoesNotExist:
            return None
        return description


def execution_name(run_id: str, number: int) -> str:
    return f"{run_id}-{number}"


def submit(
    lines: Iterable[Line],
    machine: MapMachine,
    options: SendOptions,
    *,
    run_id: str,
    keep: Callable[[list[Receipt]], None],
    watch: Callable[[SubmissionCounts], None] = lambda counts: None,
    should_stop: Callable[[SubmissionCounts], str] = lambda counts: "",
) -> SubmissionCounts:
    """Upload every line and start the execution; arguments and return as for `client.submit`.

    A file of more than MAP_MAX_LINES lines is not sent, as its receipts and the counts' `stopped` say.

    Raises:
        KeyboardInterrupt: The receipts say whether the execution may have started.
    """
    began_at, began_s = time.time(), time.perf_counter()
    counts = SubmissionCounts(first_intended_at=began_at)
    sent: list[int] = []
    verdict, cause, sent_at, answered_at = NOT_ACCEPTED, "interrupted", None, None
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        try:
            written = _write(file, _sendable(lines, counts, keep, sent), options.request_batch)
            watch(counts)
            late = 0 < options.deadline_s < time.perf_counter() - began_s
            counts.stopped = _reason_to_stop(written, options, late=late) or should_stop(counts)
            cause = counts.stopped
            if sent and not counts.stopped:
                cause = "interrupted"
                uploaded = _upload(file, machine, run_id)
                sent_at, verdict = time.time(), UNKNOWN
                _start(machine, run_id, uploaded, options)
                answered_at, verdict, cause = time.time(), "accepted", ""
                _await_sight(machine, run_id, uploaded)
        except (ClientError, LambdistError) as error:
            if verdict == NOT_ACCEPTED or (verdict == UNKNOWN and aws_errors.certainly_refused(error)):
                verdict, cause = NOT_ACCEPTED, f"the map was not started: {error}"
            elif verdict == UNKNOWN:
                cause = f"the map may not have been started: {error}"
            raise
        finally:
            times = (began_at, sent_at, answered_at)
            _keep_all(sent, lambda n: _receipt(n, verdict, cause, times), counts, keep)
            counts.last_answered_at = answered_at
    watch(counts)
    return counts


def _reason_to_stop(lines: int, options: SendOptions, *, late: bool) -> str:
    """Return why a file of so many lines is not sent, or ""."""
    if lines > MAP_MAX_LINES:
        return f"{lines:,} lines, at most {MAP_MAX_LINES:,} fit a map: raise request_batch"
    return f"the deadline of {options.deadline_s:g} s passed" if late else ""


def _sendable(
    lines: Iterable[Line], counts: SubmissionCounts, keep: Callable[[list[Receipt]], None], sent: list[int]
) -> Iterator[tuple[int, str]]:
    """Yield the valid datapoints, and add their numbers to `sent`; keeps receipts of the others."""
    for line in lines:
        size_bytes = len(ENCODER.encode(line.data).encode()) if not line.reason else 0
        too_long = f"has {size_bytes:,} bytes, at most {LINE_MAX_BYTES:,} fit a line of the map"
        if reason := line.reason or (too_long if size_bytes > LINE_MAX_BYTES else ""):
            keep([counts.add(_receipt(line.n, "rejected", reason, (None, None, None)))])
        else:
            sent.append(line.n)
            yield line.n, line.data


def _write(file: IO[bytes], points: Iterator[tuple[int, str]], batch: int) -> int:
    """Write the lines; returns their number."""
    written = 0
    for group in group_datapoints(points, batch, max_bytes=LINE_MAX_BYTES):
        file.write(encode(group))
        written += 1
    return written


def encode(group: PendingRequest) -> bytes:
    """Return a line of the file, the input of one child execution."""
    points = [{"n": n, **_in_sqs(data)} for n, data in group.points]
    return ENCODER.encode({"datapoints": points}).encode() + b"\n"


def _in_sqs(data: str) -> dict[str, str]:
    """Return a datapoint as the dead letter of its line can carry it: SQS refuses U+FFFE and U+FFFF."""
    return {"ascii": json.dumps(data)} if REFUSED_BY_SQS.search(data) else {"data": data}


class _Uploaded(NamedTuple):
    """A file in the bucket, for the execution of this number."""

    number: int
    key: str
    version: str


def _upload(file: IO[bytes], machine: MapMachine, run_id: str) -> _Uploaded:
    """Upload the file for the run's next execution."""
    number = 0
    while machine.describe(run_id, number):
        number += 1
    key = f"{PREFIX}/{run_id}/{number}.jsonl"
    file.seek(0)
    stored = machine.s3.put_object(
        Bucket=machine.bucket, Key=key, Body=file, ExpectedBucketOwner=machine.owner
    )
    return _Uploaded(number, key, stored.get("VersionId", ""))


def _start(machine: MapMachine, run_id: str, uploaded: _Uploaded, options: SendOptions) -> None:
    """Start the execution.

    botocore sends a call again that got no response: by then its first copy may have started the execution,
    which may even have ended, and AWS refuses another one of this name.
    """
    fields = {
        "bucket": machine.bucket,
        "key": uploaded.key,
        "version": uploaded.version,
        "per_line": options.request_batch,
        "run_id": run_id,
        "work": options.work,
        "fault": options.fault,
    }
    name, text = execution_name(run_id, uploaded.number), json.dumps(fields)
    try:
        machine.states.start_execution(stateMachineArn=machine.arn, name=name, input=text)
    except ClientError as error:
        if error.response["Error"].get("Code") != "ExecutionAlreadyExists":
            raise
        started = _await_sight(machine, run_id, uploaded)
        if started is None or started["input"] != text:
            raise


def _await_sight(machine: MapMachine, run_id: str, uploaded: _Uploaded) -> dict[str, Any] | None:
    """Return the execution once it can be described: the wait for its end relies on that."""
    until_s = time.monotonic() + SEEN_S
    while (seen := machine.describe(run_id, uploaded.number)) is None and time.monotonic() < until_s:
        time.sleep(SEEN_EVERY_S)
    return seen


def _keep_all(
    sent: list[int],
    receipt: Callable[[int], Receipt],
    counts: SubmissionCounts,
    keep: Callable[[list[Receipt]], None],
) -> None:
    for start in range(0, len(sent), RECEIPTS_AT_ONCE):
        keep([counts.add(receipt(n)) for n in sent[start : start + RECEIPTS_AT_ONCE]])


def _receipt(
    n: int, verdict: str, cause: str, times: tuple[float | None, float | None, float | None]
) -> Receipt:
    """Return the receipt of one datapoint; `times` are those of the file: begun, sent, answered."""
    tries = int(times[1] is not None)
    status = 200 if verdict == "accepted" else 0
    return Receipt._make((n, verdict, cause, *times, tries, status, 0, 1, *[0.0] * 5, *[None] * 6))
