"""Collect the results of a run into its folder, without a cloud: seconds, growth with the run, and memory.

    python benchmarks/collecting.py [--results 100000] [--cpu]

A table and log groups in memory give pages as DynamoDB and CloudWatch Logs do; journal, join, outputs,
records and invocations are those of a run. Two fifths of the results are collected, too; each size
runs in a process of its own. Exit status 1: a bound does not hold. `--cpu` counts CPU seconds, for a machine
that others use.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bounds import Bounds

from lambdist_lib.data import datapoints
from lambdist_lib.protocol.contract import SHARDS, data_digest, shard_key
from lambdist_lib.results import files, journal, tables
from lambdist_lib.runs import collect, completion
from lambdist_lib.submission.receipts import Receipt

RESULTS, SMALL = 100_000, 0.4  # of the large run, and the small one's share of them
SECONDS = 20.0  # bound
GROWTH, MORE_MIB = 1.3, 60.0  # bounds over the small run: time for each result, and memory
PEAK_MIB = 300.0  # bound of all of a client's memory, imports included
BATCH, PAGE, ENVIRONMENTS = 10, 1_000, 97  # a page of events
BEGAN_AT = 1_790_000_000.0
SPACE_S = 0.002  # between two datapoints
RUN = "benchmark"
LINES = {"processor": "batch_processed", "collector": "request_served"}  # of a function, once an invocation
OUTPUTS = {"TableName": "table", "ProcessorLogGroup": "processor", "CollectorLogGroup": "collector"}
STACK: Any = SimpleNamespace(outputs=OUTPUTS)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=int, default=RESULTS)
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of the clock's")
    parser.add_argument("--child", action="store_true", help="collect them once; prints JSON")
    options = parser.parse_args()
    count = options.results
    if options.child:
        print(json.dumps(measure(count, cpu=options.cpu)))
        return 0

    def child(results: int) -> dict[str, float]:
        command = [sys.executable, __file__, "--child", "--results", str(results), *["--cpu"] * options.cpu]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, float] = json.loads(done.stdout)
        return figures

    bounds, (small, large) = Bounds(), (child(round(count * SMALL)), child(count))
    growth = large["collect_s"] / small["collect_s"] * SMALL
    allowed_s = SECONDS * count / RESULTS
    bounds.row(f"{count:,} results into a run folder", large["collect_s"], f"<= {allowed_s:g}", "s")
    bounds.row("time for each result, over that for two fifths of them", growth, f"<= {GROWTH:g}")
    more_mib = large["peak_mib"] - small["peak_mib"]
    bounds.row("more memory than for two fifths of them", more_mib, f"<= {MORE_MIB:g}", "MiB")
    bounds.row("peak, imports included", large["peak_mib"], f"<= {PEAK_MIB:g}", "MiB")
    bounds.row("read the folder's records", large["open_s"], "", "s")
    return bounds.status


def measure(count: int, *, cpu: bool) -> dict[str, float]:
    """Collect so many results; return seconds and the most memory of this process."""
    clock = time.process_time if cpu else time.perf_counter
    points = datapoints.from_iterable(f"word-{n}" for n in range(count))
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / RUN
        folder.mkdir()
        facts = {"run_id": RUN, "arm": "distributed", "state": "sent", "begun_at": BEGAN_AT}
        files.write_json(folder / "run.json", facts)
        with journal.Journal(folder / "journal", Receipt._fields) as kept:
            for first in range(0, count, BATCH):
                kept.append([receipt(n) for n in range(first, min(first + BATCH, count))])
        ended = completion.Completion(settled=count, queued=0, seen_at=BEGAN_AT + count * SPACE_S)
        began_s = clock()
        row = collect.collect(cloud(count), STACK, points, folder, "distributed", ended)
        collect_s, peak_mib = clock() - began_s, process_peak_mib()
        closed = (row["submitted"], row["stored"], row["missing_invocations"])
        assert closed == (count, count, 0), row
        began_s = clock()
        assert len(tables.load(folder)) == count
        return {"collect_s": collect_s, "peak_mib": peak_mib, "open_s": clock() - began_s}


def process_peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def sent_at(n: int) -> float:
    return BEGAN_AT + n * SPACE_S


def request_id(kind: str, n: int) -> str:
    """Return the id of the invocation that had this datapoint, as long as AWS's."""
    return f"{kind}-{n // BATCH:018d}-4c1f-8e2f-0123"


def receipt(n: int) -> Receipt:
    sent = sent_at(n)
    return Receipt(
        n, "accepted", "", sent, sent, sent + 0.02, 1, 200, n // BATCH, 100, 0.0, 0.0, 0.0, 0.018, 0.019,
        sent + 0.005, sent + 0.015, request_id("collector", n), f"entry-{n % ENVIRONMENTS}", n < ENVIRONMENTS,
        0.21,
    )  # fmt: skip


def item(n: int) -> dict[str, Any]:
    """Return a stored datapoint as DynamoDB gives it."""
    sent = sent_at(n)
    stamps = {
        "queued_at": sent + 0.016, "first_received_at": sent + 0.05, "started_at": sent + 0.06,
        "finished_at": sent + 0.08, "put_at": sent + 0.081, "init_s": 0.3, "received_at": sent + 0.005,
    }  # fmt: skip
    texts = {
        "run_shard": shard_key(RUN, n), "outcome": "stored", "result": f'"word-{n}_processed"',
        "request_id": request_id("processor", n), "environment_id": f"processor-{n % ENVIRONMENTS}",
        "digest": data_digest(f"word-{n}"),
    }  # fmt: skip
    return {
        "n": {"N": str(n)}, "receives": {"N": "1"}, "cold": {"BOOL": n < ENVIRONMENTS},
        **{name: {"S": text} for name, text in texts.items()},
        **{name: {"N": f"{stamp:.6f}"} for name, stamp in stamps.items()},
    }  # fmt: skip


def event(kind: str, n: int) -> dict[str, Any]:
    """Return the line that an invocation logs."""
    line = {
        "event": LINES[kind], "function": kind, "request_id": request_id(kind, n),
        "environment_id": f"{kind}-{n % ENVIRONMENTS}", "cold": n < ENVIRONMENTS, "init_s": 0.3,
        "duration_s": 0.02, "received": BATCH, "stored": BATCH, "failed": 0, "permanent": 0, "put_s": [0.001],
    }  # fmt: skip
    return {"timestamp": int((sent_at(n) + 0.1) * 1000), "message": json.dumps(line), "logStreamName": kind}


class Pages:
    """A paginator of one table and its log groups."""

    def __init__(self, count: int) -> None:
        self.count = count

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        if "TableName" in asked:
            shard = int(asked["ExpressionAttributeValues"][":key"]["S"].rpartition("#")[2])
            rows = (item(n) for n in range(shard, self.count, SHARDS))
            yield from pages("Items", rows, asked["PaginationConfig"]["PageSize"])
        else:
            kind = asked["logGroupName"]
            yield from pages("events", (event(kind, n) for n in range(0, self.count, BATCH)), PAGE)


def pages(name: str, rows: Iterator[dict[str, Any]], size: int) -> Iterator[dict[str, Any]]:
    while page := [*itertools.islice(rows, size)]:
        yield {name: page}


def cloud(count: int) -> Any:
    """Return a target whose every client pages through the run."""
    client = SimpleNamespace(get_paginator=lambda operation: Pages(count))
    return SimpleNamespace(name="local", client=lambda service: client)


if __name__ == "__main__":
    sys.exit(main())
