"""What a user waits for: one table of bounds, what was measured, and the ratio to an older checkout.

    python benchmarks/waits.py                    three minutes on a quiet machine
    python benchmarks/waits.py --old ../older     each command also in that checkout, with its own .venv
    python benchmarks/waits.py --only plan        rows whose name has `plan`

Each figure is the least of three runs, by turns, of a process of its own, with byte code as `make setup`
compiles it. A bound in CPU seconds holds on a machine that others use, too. A bound on the ratio to commit
4e21a58 does not depend on how fast the machine is; without --old such a row has no verdict. The note has
the goal in seconds, which is of the machine on which 4e21a58 took the `older_s` of a row.
Exit status 1: a bound is missed.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bounds import Bounds, children_cpu_s

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
NOTHING = ["-c", "pass"]
PANDAS, MATPLOTLIB = "import pandas", "import pandas, matplotlib.figure"
EXPERIMENT = "from lambdist_lib.experiment import Experiment"
LOADED = f"{EXPERIMENT}\nfrom lambdist_lib.runs import executor, phases, preparation"
PLOTS = "from lambdist_lib.figures import cold_starts, latency, scaling, speedup, timeline"
SEARCH = """
from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.job import job_of
job = job_of(datapoints=1e6, chunks=100, work="cpu:50ms", settings={"queue_batch": 10})
settings_search.search(job, assumptions.load())
"""


class Wait(NamedTuple):
    """What is waited for, and the arguments of a Python that is measured in a checkout.

    goal_s: What it should take on the machine on which the older commit took `older_s`; None without a goal.
    max_cpu_s, max_of_older: The bound, in CPU seconds or as a share of the older checkout's time.
    """

    what: str
    arguments: Sequence[str]
    goal_s: float | None = None
    older_s: float | None = None
    max_cpu_s: float | None = None
    max_of_older: float | None = None
    less: Sequence[str] = ()  # arguments of what is subtracted
    older_arguments: Sequence[str] = ()  # where they differ


class Took(NamedTuple):
    """Seconds of the clock and of the processors."""

    clock_s: float
    cpu_s: float


PLAN = ["-m", "lambdist_lib", "plan", "--datapoints"]
ROWS = (
    Wait("import pandas, with pyarrow where it is installed", ["-c", PANDAS]),
    Wait("import of the experiment", ["-c", EXPERIMENT], 0.25, 0.40, max_of_older=0.62),
    Wait("the same, and what Experiment(...) loads", ["-c", LOADED], older_arguments=["-c", EXPERIMENT]),
    Wait("import of figures", ["-c", PLOTS], 0.5, 0.77),
    Wait("the same, beyond pandas and matplotlib", ["-c", PLOTS], less=["-c", MATPLOTLIB], max_cpu_s=0.3),
    Wait("kernel ready -> first cell done", ["-c", FIRST_CELL], 2.0, max_cpu_s=2.0, less=["-c", KERNEL]),
    Wait("lambdist plan, 10^3 datapoints", [*PLAN, "1e3"], 0.4, max_cpu_s=0.5, max_of_older=0.62),
    Wait("lambdist plan, 10^9 datapoints", [*PLAN, "1e9", "--request-batch", "100"], 0.4, 0.65,
         max_cpu_s=0.5, max_of_older=0.62),
    Wait("search over five settings", ["-c", SEARCH], 2.0, max_cpu_s=2.0),
    Wait("lambdist analyse reference", ["-m", "lambdist_lib", "analyse", "reference"], 2.0, max_cpu_s=3.2),
    Wait("lambdist report reference", ["-m", "lambdist_lib", "report", "reference"], 2.0, 3.3,
         max_of_older=0.65),
)  # fmt: skip
# not in the table by default: it takes minutes and needs the machine for itself
LONG = Wait("make experiment, environment there",
            ["-m", "lambdist_lib", "notebook", "notebooks/experiment.ipynb"], 60.0, 102.0,
            max_of_older=0.6)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", metavar="FOLDER", type=Path, help="an older checkout with its .venv")
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose name has this text")
    parser.add_argument("--experiment", action="store_true", help="also `make experiment`, once")
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory() as byte_code:
        os.environ["PYTHONPYCACHEPREFIX"] = byte_code
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for row in [row for row in ROWS if options.only in row.what]:
            measure(bounds, row, options.old, TIMES)
        if options.experiment:
            measure(bounds, LONG, options.old, 1)
    return bounds.status


def measure(bounds: Bounds, row: Wait, old: Path | None, times: int) -> None:
    """Measure a row in both checkouts by turns, and print it."""
    commands = {ROOT: [row.arguments, row.less]}
    if old:
        commands[old.resolve()] = [row.older_arguments or row.arguments, row.less]
    took: dict[tuple[Path, int], list[Took]] = {}  # by checkout and place of the command
    for _ in range(times):
        for checkout, of_checkout in commands.items():
            for place, arguments in enumerate(of_checkout):
                value = run(arguments, checkout) if arguments else Took(0.0, 0.0)
                took.setdefault((checkout, place), []).append(value)
    ours, *theirs = (least(took[checkout, 0], took[checkout, 1]) for checkout in commands)
    print_row(bounds, row, ours, theirs[0] if theirs else None)


def least(measured: Sequence[Took], subtracted: Sequence[Took]) -> Took:
    """Return the least of what was measured without the least of what is subtracted."""
    clock_s, cpu_s = (min(column) for column in zip(*measured, strict=True))
    less_clock_s, less_cpu_s = (min(column) for column in zip(*subtracted, strict=True))
    return Took(clock_s - less_clock_s, cpu_s - less_cpu_s)


def print_row(bounds: Bounds, row: Wait, ours: Took, older: Took | None) -> None:
    """Print a row with its bound, and in its note the other figures and the goal."""
    ratio = ours.clock_s / older.clock_s if older else math.nan
    notes = [f"{ours.clock_s:.2f} s", f"{ours.cpu_s:.2f} CPU s"]
    if older and not math.isnan(older.clock_s):
        notes += [f"older {older.clock_s:.2f} s", f"ratio {ratio:.2f}"]
    if row.goal_s is not None:
        there = f" where the older takes {row.older_s:g} s" if row.older_s else ""
        notes.append(f"goal {row.goal_s:g} s{there}")
    note = "failed" if math.isnan(ours.clock_s) else "; ".join(notes)
    if row.max_of_older and not math.isnan(ratio):
        bounds.row(row.what, ratio, f"<= {row.max_of_older:g}", "of the older", note)
    else:
        limit = "" if row.max_cpu_s is None else f"<= {row.max_cpu_s:g}"
        bounds.row(row.what, ours.cpu_s, limit, "CPU s", note)


def run(arguments: Sequence[str], checkout: Path) -> Took:
    """Run a Python of the checkout; return what it took, NaN where it fails, as an older one may.

    Results go to a folder that is removed.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(checkout / "results" / "reference", Path(folder) / "reference")
        python = checkout / ".venv" / "bin" / "python"
        environment = os.environ | {"LAMBDIST_RESULTS": folder}
        before_s = children_cpu_s()
        began_s = time.perf_counter()
        done = subprocess.run(
            [str(python), *arguments], cwd=checkout, env=environment, capture_output=True, check=False
        )
        took_s = time.perf_counter() - began_s
        cpu_s = children_cpu_s() - before_s
    if done.returncode:
        return Took(math.nan, math.nan)
    return Took(took_s, cpu_s)


if __name__ == "__main__":
    sys.exit(main())
