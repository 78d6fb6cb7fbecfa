"""Call `fan_out` over a generator of 10^5 items against a stand-in for the cloud: the client's memory.

    python benchmarks/fanning_out.py [--items 100000] [--one-by-one]

The stand-in answers at once, over HTTP on loopback and in a process of its own, as collector, SQS, DynamoDB
and CloudWatch Logs do. So all of the client's way is measured, with boto3's part: writing the items,
sending, waiting, collecting, and the list of results. `--one-by-one` gives each datapoint an invocation of
its own, which doubles the log. Exit status 1: the bound does not hold.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import collecting
from bounds import Bounds

from lambdist_lib.protocol.contract import SHARDS, data_digest

ITEMS, REQUEST_BATCH = 100_000, 100
PEAK_MIB = 300.0  # bound of all of the client's memory, imports and the list of results included
QUEUED = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--one-by-one", action="store_true", help="batches of one")
    parser.add_argument("--serve", action="store_true", help="be the stand-in; prints the port")
    options = parser.parse_args()
    if options.serve:
        serve(options.items, 1 if options.one_by_one else collecting.BATCH)
        return 0
    bounds = Bounds()
    imported_mib = collecting.process_peak_mib()
    with stand_in() as port, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LAMBDIST_RESULTS": f"{folder}/results", "LAMBDIST_STATE": f"{folder}/state"}
        began_s, cpu_s = time.perf_counter(), time.process_time()
        count = call(options.items, port, batch=1 if options.one_by_one else collecting.BATCH)
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    assert count == options.items
    what = f"fan_out over a generator of {count:,}"
    note = f"{imported_mib:.0f} of them imports"
    bounds.row(f"{what}: peak", collecting.process_peak_mib(), f"<= {PEAK_MIB:g}", "MiB", note)
    bounds.row("the same: time, with a cloud that answers at once", took_s, "", "s", f"{cpu_s:.1f} s of CPU")
    return bounds.status


def call(count: int, port: int, *, batch: int) -> int:
    """Fan `str.upper` out over so many words; return how many results are right."""
    import boto3

    from lambdist_lib import fan_out
    from lambdist_lib.cloud.targets import Target
    from lambdist_lib.deployment import stacks

    stack = stand_in_stack()
    stacks.up_to_date = lambda *_, **__: stack  # the stand-in has no CloudFormation
    stacks.describe = lambda *_, **__: stack
    session = boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1")
    target = Target(
        name="local", region="us-east-1", label="stand-in", endpoint_url=f"http://127.0.0.1:{port}",
        session=session,
    )  # fmt: skip
    words = (f"word-{n}" for n in range(count))
    results = fan_out(str.upper, words, target=target, queue_batch=batch, request_batch=REQUEST_BATCH)
    return sum(result == f"WORD-{n}" for n, result in enumerate(results))


def stand_in_stack() -> Any:
    """Return the distributed stack as the stand-in would have deployed it."""
    from lambdist_lib.deployment import stacks, templates

    names = ("TableName", "QueueUrl", "DeadLetterQueueUrl", "ApiId", "ApiKeyId", "Stage", "ResourcePath")
    outputs = {name: name.lower() for name in names} | {
        "ProcessorLogGroup": "processor", "CollectorLogGroup": "collector", "MaxReceives": "5",
        "VisibilityTimeoutSeconds": "30", "ProcessorTimeoutSeconds": "10",
    }  # fmt: skip
    declared = templates.parameters("distributed")
    parameters = {name: str(entry.get("Default", "")) for name, entry in declared.items()}
    return stacks.Stack(
        kind="distributed", name="lambdist-distributed", outputs=outputs, parameters=parameters, code={}
    )


@contextlib.contextmanager
def stand_in() -> Iterator[int]:
    """Run the stand-in in a process of its own, with these arguments; yield its port."""
    with subprocess.Popen(
        [sys.executable, __file__, *sys.argv[1:], "--serve"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Answers:
    """What the stand-in answers to each call of its API."""

    def __init__(self, count: int, batch: int) -> None:
        self.count, self.batch = count, batch

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """Accept every datapoint, as the collector does."""
        now, ns = time.time(), [point["n"] for point in body["datapoints"]]
        facts = {"request_id": entry_id(ns[0]), "environment_id": "entry-0", "cold": False, "init_s": 0.2}
        stamps = {"received_at": now, "done_at": now}
        return {"accepted": ns, "rejected": [], "retry": [], **stamps, "invocation": facts}

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a page of one shard's items, by n."""
        shard = int(body["ExpressionAttributeValues"][":key"]["S"].rpartition("#")[2])
        numbers = range(shard, self.count, SHARDS)
        if body.get("Select") == "COUNT":
            return {"Count": len(numbers)}
        first = int(body["ExclusiveStartKey"]["n"]["N"]) + SHARDS if "ExclusiveStartKey" in body else shard
        ns = range(first, self.count, SHARDS)[: body["Limit"]]
        last = {"LastEvaluatedKey": {"n": {"N": str(ns[-1])}}} if len(ns) == body["Limit"] else {}
        return {"Items": [self.item(n) for n in ns], **last}

    def item(self, n: int) -> dict[str, Any]:
        item, now = collecting.item(n), f"{time.time():.6f}"
        item |= {name: {"N": now} for name in item if name.endswith("_at")}
        texts = {
            "result": f'"WORD-{n}"',
            "digest": data_digest(f'"word-{n}"'),
            "request_id": self.batch_id(n),
        }
        return item | {name: {"S": text} for name, text in texts.items()}

    def batch_id(self, n: int) -> str:
        """Return the id of the processor's invocation that had this datapoint."""
        return f"processor-{n // self.batch:018d}-4c1f-8e2f-0123"

    def events(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a page of one function's log."""
        kind, first = body["logGroupName"], int(body.get("nextToken", 0))
        step = self.batch if kind == "processor" else REQUEST_BATCH
        ns = list(itertools.islice(range(first, self.count, step), collecting.PAGE))
        events = [self.event(kind, n) for n in ns]
        following = {"nextToken": str(ns[-1] + step)} if len(ns) == collecting.PAGE else {}
        return {"events": events, **following}

    def event(self, kind: str, n: int) -> dict[str, Any]:
        event = collecting.event(kind, n)
        line = json.loads(event["message"])
        line["request_id"] = self.batch_id(n) if kind == "processor" else entry_id(n)
        return event | {"message": json.dumps(line), "timestamp": int(time.time() * 1000)}

    def depth(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return that nothing is queued."""
        return {"Attributes": dict.fromkeys(QUEUED, "0")}


def entry_id(n: int) -> str:
    """Return the id of the collector's invocation whose first datapoint this is."""
    return f"collector-{n:018d}-4c1f-8e2f-0123"


def serve(count: int, batch: int) -> None:
    """Answer until this process is ended; prints the port."""
    answers = Answers(count, batch)
    by_operation: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "Query": answers.query, "FilterLogEvents": answers.events, "GetQueueAttributes": answers.depth,
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = (self.headers["X-Amz-Target"] or "").rpartition(".")[2]
            self.reply(by_operation.get(operation, answers.request)(body))

        def do_GET(self) -> None:
            self.reply({"value": "the API's key"})

        def reply(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
