"""What a user waits for: one table of goals, what was measured, and the ratio to an older checkout.

    python benchmarks/waits.py                    three minutes on a quiet machine
    python benchmarks/waits.py --old ../older     each command also in that checkout, with its own .venv
    python benchmarks/waits.py --only plan --cpu  rows whose name has `plan`, in CPU seconds

Each row is the least of three runs, by turns, of a process of its own. Seconds are of the clock; on a machine
that others use, `--cpu` gives those of the processor. Exit status 1: a goal is missed. Other scripts have the
client (`submission.py`, needs nginx and wrk), whole runs (`pipeline.py`) and simulations (`planner.py`).
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TIMES = 3
FIRST_CELL = """
import json, pathlib, sys
from jupyter_client.manager import start_new_kernel
cells = json.loads(pathlib.Path("notebooks/experiment.ipynb").read_text())["cells"]
codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
manager, client = start_new_kernel()
reply = client.execute_interactive("\\n".join(codes[:2]), output_hook=lambda message: None, timeout=120)
client.stop_channels()
manager.shutdown_kernel(now=True)
sys.exit(reply["content"]["status"] != "ok")
"""
KERNEL = FIRST_CELL.replace('"\\n".join(codes[:2])', '"pass"')
FIGURES = "from lambdist_lib import figures\nfigures.FigureInputs, figures.plot_speedup"
SEARCH = """
from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.job import job_of
job = job_of(datapoints=1e6, chunks=100, work="cpu:50ms", settings={"queue_batch": 10})
settings_search.search(job, assumptions.load())
"""


class Row(NamedTuple):
    """A goal in seconds, and the arguments of a Python that is measured in a checkout."""

    what: str
    goal_s: float
    arguments: Sequence[str]
    less: Sequence[str] = ()  # arguments of what is subtracted


ROWS = (
    Row("import of the experiment", 0.5, ["-c", "from lambdist_lib.experiment import Experiment"]),
    Row("import of figures", 0.8, ["-c", FIGURES]),
    Row("kernel ready -> first cell done", 2.0, ["-c", FIRST_CELL], ["-c", KERNEL]),
    Row("lambdist plan, 10^3 datapoints", 0.4, ["-m", "lambdist_lib", "plan", "--datapoints", "1e3"]),
    Row("lambdist plan, 10^9 datapoints", 0.4, ["-m", "lambdist_lib", "plan", "--datapoints", "1e9",
                                                "--request-batch", "100"]),
    Row("search over five settings", 2.0, ["-c", SEARCH]),
    Row("lambdist analyse reference", 2.0, ["-m", "lambdist_lib", "analyse", "reference"]),
    Row("lambdist report reference", 2.0, ["-m", "lambdist_lib", "report", "reference"]),
)  # fmt: skip
# not in the table by default: it takes minutes and needs the machine for itself
LONG = (Row("make experiment, environment there", 60.0, ["-m", "lambdist_lib", "notebook",
                                                          "notebooks/experiment.ipynb"]),)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", metavar="FOLDER", type=Path, help="an older checkout with its .venv")
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose name has this text")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds, for a machine that others use")
    parser.add_argument("--experiment", action="store_true", help="also `make experiment`, once")
    options = parser.parse_args()
    print("| what | goal | measured | of the older | holds |\n| --- | ---: | ---: | ---: | --- |")
    rows = [row for row in ROWS if options.only in row.what]
    missed = [row.what for row in rows if not print_row(row, options.old, TIMES, cpu=options.cpu)]
    if options.experiment:
        missed += [row.what for row in LONG if not print_row(row, options.old, 1, cpu=options.cpu)]
    return int(bool(missed))


def print_row(row: Row, old: Path | None, times: int, *, cpu: bool) -> bool:
    """Measure a row in both checkouts by turns, and print it; return whether it holds."""
    checkouts = [ROOT, *([old.resolve()] if old else [])]
    took_s: dict[Path, list[float | None]] = {checkout: [] for checkout in checkouts}
    for _ in range(times):
        for checkout in checkouts:
            took_s[checkout].append(difference_s(row, checkout, cpu=cpu))
    best_s = {
        checkout: min((value for value in values if value is not None), default=None)
        for checkout, values in took_s.items()
    }
    ours, theirs = best_s[ROOT], best_s[checkouts[-1]] if old else None
    ratio = f"{ours / theirs:.2f}" if ours and theirs else ""
    holds = ours is not None and ours <= row.goal_s
    shown = "failed" if ours is None else f"{ours:.2f} s"
    print(
        f"| {row.what} | {row.goal_s:g} s | {shown} | {ratio} | {'yes' if holds else '**no**'} |", flush=True
    )
    return holds


def difference_s(row: Row, checkout: Path, *, cpu: bool) -> float | None:
    """Return the seconds of a row in a checkout; None where it fails, as an older one may."""
    whole = seconds(row.arguments, checkout, cpu=cpu)
    less = seconds(row.less, checkout, cpu=cpu) if row.less else 0.0
    return None if whole is None or less is None else whole - less


def seconds(arguments: Sequence[str], checkout: Path, *, cpu: bool) -> float | None:
    """Return the seconds of a Python of the checkout; results go to a folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(checkout / "results" / "reference", Path(folder) / "reference")
        python = checkout / ".venv" / "bin" / "python"
        environment = os.environ | {"LAMBDIST_RESULTS": folder}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began_s = time.perf_counter()
        done = subprocess.run(
            [str(python), *arguments], cwd=checkout, env=environment, capture_output=True, check=False
        )
        took_s = time.perf_counter() - began_s
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return None
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime if cpu else took_s


if __name__ == "__main__":
    sys.exit(main())
