"""CPU seconds and memory of the planner, against what the project allows.

    python benchmarks/planner.py [--short]

CPU seconds are those of this process, so other processes on the machine hardly change them; of a whole
command the least of five counts. Memory is the simulation's at 100 processors: it must not grow with the
number of invocations. The exit status is 1 if a bound does not hold. `--short` simulates a tenth, for CI.
"""

import argparse
import itertools
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bounds import Bounds, children_cpu_s

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.fluid import forecast
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System

INVOCATIONS = 1_000_000
SIZES = ("1e3", "1e6", "1e9")
QUEUE_S, FLUID_S, SEARCH_S = 3.0, 0.010, 2.0  # of a million invocations, a fluid forecast, five settings
ALL = 25.0  # everything on, over the queue side alone
PLAN = 1.25  # the command `lambdist plan`, over that of a thousandth of the datapoints; waits.py has its time
TIMES = 5  # of a whole command
GROWTH = 1.5  # of memory, for ten times the invocations

QUEUE_SIDE = System(
    datapoints=INVOCATIONS, item_s=0.1, item_cv=1.0, overhead_s=0.02, init_s=0.48, init_log_sd=0.15
)
EVERYTHING = replace(
    QUEUE_SIDE, senders=1000, request_s=0.04, collector_s=0.013, api_rate_per_s=10_000, window_s=0.0,
    p_fail=0.01, p_permanent=0.001, p_crash=0.0001, p_crash_after=0.0001, p_slow=0.0001, p_duplicate=0.001,
    error_cut=0.0125, account_concurrency=1000,
    reserved_concurrency=900, environments_burst=1000, writes_per_s=4000, max_writes_per_s=16_000,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="a tenth of the invocations, for CI")
    part = 10 if parser.parse_args().short else 1
    job = job_of(datapoints=1e9, chunks=1000, work="io:100ms", settings={"queue_batch": 10})
    table = assumptions.load()
    settings_search.evaluate(job, table)  # reads the template once
    computing = job_of(datapoints=1e6, chunks=100, work="cpu:50ms", settings={"queue_batch": 10})
    invocations = f"{INVOCATIONS // part:,} invocations"
    queue_side_s = cpu_s(lambda: simulate(sized(QUEUE_SIDE, part)))
    everything_s = cpu_s(lambda: simulate(sized(EVERYTHING, part)))
    rounds = [[command_cpu_s(size) for size in SIZES] for _ in range(TIMES)]  # by turns
    plans_s = {size: min(column) for size, *column in zip(SIZES, *rounds, strict=True)}
    rows = [
        (f"simulation, queue side, {invocations}", QUEUE_S / part, queue_side_s),
        ("fluid forecast, 10^9 datapoints", FLUID_S,
         cpu_s(lambda: forecast.predict(sized(EVERYTHING, 0.001)))),
        ("fluid forecast with its bill", FLUID_S, cpu_s(lambda: settings_search.evaluate(job, table))),
        ("search over five settings", SEARCH_S, cpu_s(lambda: settings_search.search(computing, table))),
    ]  # fmt: skip
    bounds = Bounds()
    for name, allowed_s, took_s in rows:
        bounds.row(name, took_s, f"<= {allowed_s:g}", "CPU s")
    bounds.row(f"simulation, everything on, over the queue side, {invocations}", everything_s / queue_side_s,
               f"<= {ALL:g}", note=f"{everything_s:.2f} CPU s")  # fmt: skip
    for fewer, more in itertools.pairwise(SIZES):
        bounds.row(f"lambdist plan, {more} datapoints over {fewer}", plans_s[more] / plans_s[fewer],
                   f"<= {PLAN:g}", note=f"{plans_s[more]:.2f} and {plans_s[fewer]:.2f} CPU s")  # fmt: skip
    for name, system in (("queue side", QUEUE_SIDE), ("everything on", EVERYTHING)):
        narrow = replace(system, maximum_concurrency=100)
        small, large = (peak_bytes(sized(narrow, part * ten)) for ten in (100, 10))
        invocations = f"{INVOCATIONS // part // 100:,} invocations"
        bounds.row(f"{name}: memory for ten times {invocations} over theirs", large / small, f"<= {GROWTH:g}",
                   note=f"{small / 1024:,.0f} and {large / 1024:,.0f} KiB")  # fmt: skip
    return bounds.status


def sized(system: System, part: float) -> System:
    return replace(system, datapoints=round(INVOCATIONS / part))


def command_cpu_s(size: str) -> float:
    """Return the CPU seconds of the whole command in a process of its own."""
    command = [sys.executable, "-m", "lambdist_lib", "plan", "--datapoints", size, "--request-batch", "100"]
    before_s = children_cpu_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return children_cpu_s() - before_s


def cpu_s(work: Callable[[], Any]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def peak_bytes(system: System) -> int:
    tracemalloc.start()
    simulate(system)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    raise SystemExit(main())
