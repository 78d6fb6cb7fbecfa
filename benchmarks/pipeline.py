"""The main job's bounds on the local cloud, measured; and the original's way of sending beside ours.

    python benchmarks/pipeline.py            about two minutes, prints a Markdown table
    python benchmarks/pipeline.py --rounds 3

Each row is the median over the rounds. Cold starts and throughput depend on the machine, and
on what else runs there: read the ratios first. Exit status 1: a bound does not hold.
"""

import argparse
import io
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bounds import Bounds

from lambdist_lib.cloud import targets
from lambdist_lib.data import datapoints
from lambdist_lib.deployment import bundles, leaks, stacks
from lambdist_lib.progress import RunProgress
from lambdist_lib.protocol import arms
from lambdist_lib.results import closing
from lambdist_lib.runs import run, warm_up
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.runs.monitor import Watch

HERE = Conditions(retry_delay_s=0)
WATCHED_PAIRS = 5  # one pair differs by a tenth, watched or not
INIT_CODE = """
import sys, time
sys.path.insert(0, {folder!r})
began = time.perf_counter()
{code}
print(time.perf_counter() - began)
"""
CLIENTS = {
    "collector": ("sqs",),
    "processor": ("sqs", "dynamodb"),
    "dead_letter": ("sns", "dynamodb"),
    "single_node": ("dynamodb",),
}
SETTINGS = """
    QUEUE_URL DEAD_LETTER_QUEUE_URL TABLE_NAME TOPIC_ARN STACK_NAME MAX_CHARS PATTERN FUNCTION_TIMEOUT_S
    EXPERIMENT_CONTROLS RETRY_DELAY_S MAX_RECEIVES ITEM_DAYS PARTIAL_BATCH_RESPONSES PERMANENT_AT_ONCE
    DIGEST_EXAMPLES
"""
ENVIRONMENT = {
    **dict.fromkeys(SETTINGS.split(), "1"),
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "x"),
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's code folder takes no byte code, so every init compiles again
}


def measure(
    target: targets.Target,
    folder: Path,
    arm: str,
    n: int,
    held: Conditions,
    temperature: str,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Run `n` short words through an arm; return the run's row."""
    deployed = stacks.apply_stacks(target, settings=held.settings())
    stack = deployed[arms.ARMS[arm].stack]
    name = f"bench-{time.time_ns()}"
    if temperature == "cold":
        stacks.make_cold(target, stack)
    else:
        warm = datapoints.from_iterable(["warm"] * held.chunks * 3)
        warm_up.open_environments(target, stack, arm, warm, held, name)
    points = datapoints.from_iterable([f"word{k}" for k in range(n)])
    info = run.new_run(target, stack, points, folder / name, held, arm=arm, temperature=temperature)
    row = run.run_once(target, stack, points, folder / name, info, watch=watch)
    closing.require_finished(row)
    return row


def watched_ratio(target: targets.Target, folder: Path) -> float:
    """Makespan of a run whose live view is drawn over that of one that nobody watches, in random order."""

    def draw(progress: RunProgress) -> None:
        progress.table()

    watches: list[tuple[str, Watch | None]] = [("unwatched", None), ("watched", draw)]
    random.shuffle(watches)
    took_s: dict[str, float] = {
        name: measure(target, folder, "distributed", 1000, HERE, "warm", watch)["makespan_s"]
        for name, watch in watches
    }
    return took_s["watched"] / took_s["unwatched"]


def lifecycle(target: targets.Target) -> dict[str, float]:
    """Seconds of a deploy of both stacks, of another without a change, and of their end; nothing is left."""
    wanted, took_s = HERE.settings(), {}
    steps: dict[str, Callable[[], object]] = {
        "deploy of both stacks: s": lambda: stacks.apply_stacks(target, settings=wanted),
        "deploy of what is there: s": lambda: stacks.apply_stacks(target, settings=wanted),
        "destroy of both stacks: s": lambda: stacks.delete_stacks(target),
    }
    for label, step in steps.items():
        began_s = time.perf_counter()
        step()
        took_s[label] = time.perf_counter() - began_s
    if left := leaks.find(target):
        raise SystemExit(f"destroy has left {[row.facts() for row in left]}")
    return took_s


def init_ratio(handler: str) -> float:
    """Cold init of a bundle over that of boto3 and the same clients, each in a clean interpreter."""
    clients = "; ".join(f"boto3.client({service!r})" for service in CLIENTS[handler])
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(bundles.build(handler).content)).extractall(folder)
        pairs = [
            (_init_s(folder, f"import {handler}"), _init_s(folder, f"import boto3; {clients}"))
            for _ in range(9)
        ]
    return statistics.median(ours / bare for ours, bare in pairs)


def _init_s(folder: str, code: str) -> float:
    command = [sys.executable, "-c", INIT_CODE.format(folder=folder, code=code)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def show(bounds: Bounds, label: str, values: list[float], goal: str = "") -> None:
    """Print the median as a row, and all values behind it."""
    shown = ", ".join(f"{value:.3g}" for value in values) if len(values) > 1 else ""
    bounds.row(label, statistics.median(values), goal, note=shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    target = targets.connect("local")
    batched = replace(HERE, request_batch=10, queue_batch=10)
    hundred = replace(HERE, chunks=100, processors=10)  # 100 would open four times the environments
    waiting = replace(HERE, work="io:100ms")
    cases = [
        ("129, 100 chunks, 10 processors, cold: s until stored", "distributed", 129, hundred, "cold", "<= 8"),
        ("1,000 datapoints, 20 chunks, warm: stored/s", "distributed", 1000, HERE, "warm", ">= 100"),
        ("the same, sent as the original did: stored/s", "as_original", 1000, HERE, "warm", ""),
        ("the same, requests and messages of 10: stored/s", "distributed", 1000, batched, "warm", ">= 160"),
        ("129 datapoints, io:100ms, warm: s until stored", "distributed", 129, waiting, "warm", "<= 4"),
    ]
    bounds = Bounds()
    lives = [lifecycle(target) for _ in range(rounds)]
    for label, bound in zip(lives[0], ("<= 5", "<= 2", "<= 5"), strict=True):
        show(bounds, label, [life[label] for life in lives], bound)
    with tempfile.TemporaryDirectory() as folder:
        for label, arm, n, held, temperature, bound in cases:
            rows = [measure(target, Path(folder), arm, n, held, temperature) for _ in range(rounds)]
            times = [row["makespan_s"] for row in rows]
            values = [n / time_s for time_s in times] if "stored/s" in label else times
            show(bounds, label, values, bound)
        pairs = [watched_ratio(target, Path(folder)) for _ in range(WATCHED_PAIRS * rounds)]
        label = "1,000 datapoints, warm: time of a run that is watched over one that is not"
        show(bounds, label, pairs, "<= 1.05")
    for handler in CLIENTS:
        show(bounds, f"init of {handler} over boto3 and its clients", [init_ratio(handler)], "<= 1.3")
    stacks.delete_stacks(target)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
