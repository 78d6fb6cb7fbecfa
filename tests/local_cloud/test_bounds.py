"""Sizes far above an experiment's, on demand: `make test-faults` prints what they took."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from support import faulty

from lambdist_lib import paths
from lambdist_lib.deployment import queue_depth, stacks

pytestmark = pytest.mark.faults
MEASURED = """
import resource, sys
from lambdist_lib.cli import main
status = main.main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
raise SystemExit(status)
"""
LINES, VALID_EVERY = 1_000_000, 500
DEEP = 12_000
MAX_MB = 700  # 356 here; 1e6 lines with their receipts as objects of Python would take more


@pytest.fixture(scope="module")
def distributed(target, deployed_as):
    settings = {**faulty.SETTINGS, "queue_batch": 10, "visibility_timeout_seconds": 60}
    stack = stacks.apply_stacks(target, ["distributed"], settings=settings)["distributed"]
    yield deployed_as(target, stack)
    stacks.delete_stacks(target, ["distributed"])


def submit(*arguments):
    """`lambdist submit` in a process of its own; returns its row, its seconds and its peak of MiB."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "submit", *map(str, arguments), "--allow-rejected", "--json"],
        cwd=paths.root(), env=dict(os.environ), capture_output=True, text=True, timeout=1_800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), time.monotonic() - began_s, int(done.stderr.split()[-1])


def test_a_million_lines_of_which_most_are_rejected(distributed, tmp_path):
    """Each has its receipt, its record and its answer, and the client's memory stays bounded."""
    data = tmp_path / "lines.txt"
    with data.open("w") as file:
        file.writelines(f"word-{n}\n" if n % VALID_EVERY == 0 else f"\x01{n}\n" for n in range(LINES))

    row, took_s, peak_mb = submit(data, "--id", "million", "--chunks", 4, "--request-batch", 100)

    valid = LINES // VALID_EVERY
    assert (row["submitted"], row["stored"], row["rejected"]) == (LINES, valid, LINES - valid)
    with (paths.results() / "million/runs/million-d/outputs.jsonl").open() as file:
        assert sum(1 for _ in file) == LINES
    print(f"\n{LINES:,} lines, {row['rejected']:,} rejected: {took_s:.0f} s, at most {peak_mb} MiB")
    assert peak_mb < MAX_MB


def test_a_queue_deeper_than_ten_thousand(distributed, data_file):
    """Processors that begin late find all of it, and the client waits for them as long as it takes."""
    mappings = distributed.client("lambda")
    [mapping] = mappings.list_event_source_mappings(FunctionName=distributed["ProcessorName"])[
        "EventSourceMappings"
    ]
    mappings.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    depths, ended = [0], threading.Event()

    def begin_late():
        while not ended.wait(0.2) and max(depths) <= DEEP - 100:
            depths.append(queue_depth.queue_depth(distributed.target, distributed.stack).total)
        mappings.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    late = threading.Thread(target=begin_late)
    late.start()
    try:
        row, took_s, peak_mb = submit(data_file(DEEP), "--id", "deep", "--chunks", 4, "--request-batch", 100)
    finally:
        ended.set()
        late.join()

    print(f"\n{DEEP:,} datapoints, {max(depths):,} queued: {took_s:.0f} s, at most {peak_mb} MiB")
    assert max(depths) > 10_000
    assert (row["submitted"], row["stored"], row["lost"]) == (DEEP, DEEP, 0)
