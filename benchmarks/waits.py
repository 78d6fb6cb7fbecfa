"""What a user waits for: one table of goals, what was measured, and the ratio to an older checkout.

    python benchmarks/waits.py                    three minutes on a quiet machine
    python benchmarks/waits.py --old ../older     each command also in that checkout, with its own .venv
    python benchmarks/waits.py --only plan --cpu  rows whose name has `plan`, in CPU seconds

Each row is the least of three runs, by turns, of a process of its own, with byte code as `make setup`
compiles it. Seconds are of the clock; on a machine that others use, `--cpu` gives those of the processor.
Exit status 1: a goal is missed.
"""

import argparse
import math
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

from bounds import Bounds

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
FIGURES = "from lambdist_lib import figures\nfigures.FigureInputs, figures.plot_speedup"
SEARCH = """
from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.job import job_of
job = job_of(datapoints=1e6, chunks=100, work="cpu:50ms", settings={"queue_batch": 10})
settings_search.search(job, assumptions.load())
"""


class Wait(NamedTuple):
    """A goal in seconds, and the arguments of a Python that is measured in a checkout.

    goal_s: None for a figure without a goal.
    """

    what: str
    goal_s: float | None
    arguments: Sequence[str]
    less: Sequence[str] = ()  # arguments of what is subtracted


ROWS = (
    Wait("import pandas, which both of the next contain", None, ["-c", PANDAS], NOTHING),
    Wait("import of the experiment, beyond pandas", 0.2, ["-c", EXPERIMENT], ["-c", PANDAS]),
    Wait("import of figures, beyond pandas and matplotlib", 0.2, ["-c", FIGURES], ["-c", MATPLOTLIB]),
    Wait("kernel ready -> first cell done", 2.0, ["-c", FIRST_CELL], ["-c", KERNEL]),
    Wait("lambdist plan, 10^3 datapoints", 0.4, ["-m", "lambdist_lib", "plan", "--datapoints", "1e3"]),
    Wait("lambdist plan, 10^9 datapoints", 0.4, ["-m", "lambdist_lib", "plan", "--datapoints", "1e9",
                                                "--request-batch", "100"]),
    Wait("search over five settings", 2.0, ["-c", SEARCH]),
    Wait("lambdist analyse reference", 2.0, ["-m", "lambdist_lib", "analyse", "reference"]),
    Wait("lambdist report reference", 4.0, ["-m", "lambdist_lib", "report", "reference"]),
)  # fmt: skip
# not in the table by default: it takes minutes and needs the machine for itself
LONG = (Wait("make experiment, environment there", 60.0, ["-m", "lambdist_lib", "notebook",
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
    bounds = Bounds()
    with tempfile.TemporaryDirectory() as byte_code:
        os.environ["PYTHONPYCACHEPREFIX"] = byte_code
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for row in [row for row in ROWS if options.only in row.what]:
            measure(bounds, row, options.old, TIMES, cpu=options.cpu)
        for row in LONG if options.experiment else ():
            measure(bounds, row, options.old, 1, cpu=options.cpu)
    return bounds.status


def measure(bounds: Bounds, row: Wait, old: Path | None, times: int, *, cpu: bool) -> None:
    """Measure a row in both checkouts by turns, and print it."""
    checkouts = [ROOT, *([old.resolve()] if old else [])]
    took_s: dict[tuple[Path, bool], list[float]] = {}  # by checkout, and whether of what is subtracted
    for _ in range(times):
        for checkout in checkouts:
            for is_less, arguments in enumerate((row.arguments, row.less)):
                value = seconds(arguments, checkout, cpu=cpu) if arguments else 0.0
                took_s.setdefault((checkout, bool(is_less)), []).append(value)
    ours, theirs = (min(took_s[place, False]) - min(took_s[place, True]) for place in (ROOT, checkouts[-1]))
    known = old and not math.isnan(ours) and not math.isnan(theirs)
    note = "failed" if math.isnan(ours) else f"{ours / theirs:.2f} of the older" if known else ""
    bounds.row(row.what, ours, "" if row.goal_s is None else f"<= {row.goal_s:g}", "s", note)


def seconds(arguments: Sequence[str], checkout: Path, *, cpu: bool) -> float:
    """Return the seconds of a Python of the checkout, NaN where it fails, as an older one may.

    Results go to a folder that is removed.
    """
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
        return math.nan
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime if cpu else took_s


if __name__ == "__main__":
    sys.exit(main())
