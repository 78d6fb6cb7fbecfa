"""Calibrate the thresholds of `measures.machine`: when does a machine decide a ratio, or disturb a run?

    python benchmarks/machine.py               five minutes on a quiet machine, prints two Markdown tables
    python benchmarks/machine.py --rounds 5

The first table holds the ratio of makespans of two arms against the ratio of their CPU seconds, at works
from none to 500 ms: where they agree while both arms keep the cores busy, the machine decides the ratio. The
second table holds the makespan of a run beside programs that burn a share of the cores, over that of a run
alone. Other programs make both worthless: look at the line for 0.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import measure

from lambdist_lib.cloud import targets
from lambdist_lib.deployment import stacks
from lambdist_lib.measures.machine import BOUND_SHARE, DISTURBED_SHARE, MIN_SHARE, RATIO_WITHIN
from lambdist_lib.runs.conditions import Conditions

ARM, CONTROL = "distributed", "single_node_parallel"
WORKS = {"none": 600, "io:20ms": 600, "io:60ms": 400, "io:150ms": 240, "io:500ms": 120}  # and its datapoints
MAIN = Conditions(chunks=6, processors=6, work="io:60ms")  # of the main notebook
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)  # of all cores, burned by others
BURN = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + share / 50
    while time.perf_counter() < end:
        pass
    time.sleep((1 - share) / 50)
"""


@contextlib.contextmanager
def burning(share: float) -> Iterator[None]:
    """Burn a share of each core while the block runs."""
    count = (os.cpu_count() or 1) if share else 0
    burners = [subprocess.Popen([sys.executable, "-c", BURN, str(share)]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def median(rows: list[dict[str, Any]], *fields: str) -> float:
    """Return the median over runs of the sum of fields."""
    return statistics.median(sum(row[field] or 0.0 for field in fields) for row in rows)


def compare_works(target: targets.Target, folder: Path, rounds: int) -> None:
    """Print the ratios and shares of both arms at each work."""
    print(f"| work | datapoints | ratio of makespans | of CPU seconds | share of {ARM} | of {CONTROL} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for work, count in WORKS.items():
        conditions = Conditions(chunks=20, processors=20, work=work)
        rows: dict[str, list[dict[str, Any]]] = {ARM: [], CONTROL: []}
        for number in range(rounds):
            for arm in (ARM, CONTROL)[:: 1 if number % 2 else -1]:
                rows[arm].append(measure(target, folder, arm, count, conditions, "warm"))
        times = {arm: median(rows[arm], "makespan_s") for arm in rows}
        cpu_s = {arm: median(rows[arm], "client_cpu_s", "cloud_cpu_s") for arm in rows}
        shares = {arm: median(rows[arm], "machine_share") for arm in rows}
        print(
            f"| {work} | {count} | {times[CONTROL] / times[ARM]:.3f} | {cpu_s[CONTROL] / cpu_s[ARM]:.3f} "
            f"| {shares[ARM]:.2f} | {shares[CONTROL]:.2f} |",
            flush=True,
        )


def compare_disturbances(target: targets.Target, folder: Path, rounds: int) -> None:
    """Print the makespan beside programs that burn a share of the cores, over that of a run alone."""
    rows: dict[float, list[dict[str, Any]]] = {share: [] for share in SHARES}
    for number in range(rounds):
        for share in SHARES[:: 1 if number % 2 else -1]:
            with burning(share):
                rows[share].append(measure(target, folder, ARM, 60, MAIN, "warm"))
    alone_s = median(rows[0.0], "makespan_s")
    print(
        "| burned | others' share, as recorded | makespan over that of a run alone |\n| ---: | ---: | ---: |"
    )
    for share in SHARES:
        times = [row["makespan_s"] / alone_s for row in rows[share]]
        print(
            f"| {share:.2f} | {median(rows[share], 'others_share'):.2f} "
            f"| {statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f}) |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default: 3)")
    rounds = parser.parse_args().rounds
    target = targets.connect("local")
    print(f"load at the beginning {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        compare_works(target, Path(folder), rounds)
        print(f"\nThe library: bound from {BOUND_SHARE:g} of the cores on,", end=" ")
        print(f"or from {MIN_SHARE:g} on where the ratios agree to {RATIO_WITHIN:g}.\n")
        compare_disturbances(target, Path(folder), 2 * rounds)
        print(f"\nThe library: disturbed above {DISTURBED_SHARE:g} of the cores.")
    stacks.delete_stacks(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
