"""Time every way of fanning out on the local cloud, interleaved, with its CPU seconds.

    python benchmarks/ways.py                  five minutes on two quiet cores
    python benchmarks/ways.py --rounds 3

131 datapoints of 20 ms, 20 senders, warm, the arms in balanced order in each round. Each way without the
collector must store them in no more time than `distributed`: by the median of the rounds' ratios. Exit
status 1: one does not.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from bounds import Bounds

from lambdist_lib import Experiment

DATAPOINTS, SENDERS, WORK = 131, 20, "io:20ms"
BASE, WAYS = "distributed", ("queue_client", "storage_first", "invoke", "distributed_map")
CONTROL = "single_node_parallel"
ARMS = (BASE, *WAYS, CONTROL)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="runs of each way (default: 7)")
    options = parser.parse_args()
    began_s = time.monotonic()
    runs = measured(options.rounds)
    print(f"{len(runs)} runs in {time.monotonic() - began_s:.0f} s; load {os.getloadavg()[0]:.1f}\n")
    print(table(runs))
    by_round = runs.pivot_table(index="pair", columns="arm", values="makespan_s")
    bounds = Bounds()
    for way in WAYS:
        ratio = float((by_round[way] / by_round[BASE]).median())
        bounds.row(f"{DATAPOINTS} datapoints of {WORK}: time of {way} over that of {BASE}", ratio, "<= 1")
    return bounds.status


def measured(rounds: int) -> pd.DataFrame:
    """Run every arm warm in each round; return a row per run."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "words.txt"
        data.write_text("".join(f"word-{n}\n" for n in range(DATAPOINTS)))
        os.environ["LAMBDIST_RESULTS"] = folder
        with Experiment(data=str(data), arms=ARMS, chunks=SENDERS, work=WORK) as experiment:
            experiment.deploy()
            runs = experiment.run_pairs(rounds, target_precision=0)
            experiment.ledger()  # raises if a datapoint is unaccounted for
    assert (runs["stored"] == DATAPOINTS).all()
    return runs.assign(cpu_s=runs["client_cpu_s"] + runs["cloud_cpu_s"])


def table(runs: pd.DataFrame) -> str:
    """Return medians and ranges of each arm as a Markdown table."""
    lines = [
        "| way | stored after, s | CPU s | client, cloud | other programs' share |",
        "|---|---|---:|---|---:|",
    ]
    for arm in ARMS:
        rows = runs[runs["arm"] == arm]
        times, median = rows["makespan_s"], rows.median(numeric_only=True)
        cells = (
            arm,
            f"{times.median():.2f} [{times.min():.2f} to {times.max():.2f}]",
            f"{median['cpu_s']:.2f}",
            f"{median['client_cpu_s']:.2f}, {median['cloud_cpu_s']:.2f}",
            f"{median['others_share']:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
