"""Run every script that has a bound on speed, and print one table: goal, measured, holds.

    python benchmarks/run_all.py                   a quarter of an hour on a quiet machine
    python benchmarks/run_all.py waits planner     these scripts alone
    python benchmarks/run_all.py --old ../older    ratios to an older checkout, of `waits`

Exit status 1: a row does not hold, or a script failed. One that lacks a program is named as not measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bounds import HEADER, NOT_MEASURED, ROWS, Row

HERE = Path(__file__).parent
SCRIPTS = {  # in the short form, where there is one
    "waits": [],
    "planner": ["--short"],
    "measures": ["--short"],
    "collecting": [],
    "fanning_out": [],
    "simulators": ["--short"],
    "pipeline": [],
    "width": ["--rounds", "3"],
    "submission": ["--quick"],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(SCRIPTS)}")
    parser.add_argument("--old", metavar="FOLDER", help="an older checkout with its .venv")
    options = parser.parse_args()
    if unknown := [name for name in options.scripts if name not in SCRIPTS]:
        parser.error(f"unknown: {', '.join(unknown)}")
    tables: dict[str, list[Row]] = {}
    ends: dict[str, int] = {}
    load = os.getloadavg()[0]
    for name in options.scripts or SCRIPTS:
        arguments = [*SCRIPTS[name], *(["--old", options.old] if options.old and name == "waits" else [])]
        print(f"== benchmarks/{name}.py {' '.join(arguments)}", flush=True)
        tables[name], ends[name] = run(name, arguments)
        print()
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load at the beginning {load:.1f}\n{HEADER}")
    for name, rows in tables.items():
        for row in rows:
            print(row)
        if ends[name] == NOT_MEASURED:
            print(f"| {name}.py | | not measured, see above | |")
        elif ends[name] and all(row.holds for row in rows):
            print(f"| {name}.py | | failed, see above | **no** |")
    return int(any(end not in (0, NOT_MEASURED) for end in ends.values()))


def run(name: str, arguments: list[str]) -> tuple[list[Row], int]:
    """Run a script; return its rows and its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        rows.touch()
        command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
        done = subprocess.run(command, env=os.environ | {ROWS: str(rows)}, check=False)
        lines = rows.read_text(encoding="utf-8").splitlines()
    return [Row(*json.loads(line)) for line in lines], done.returncode


if __name__ == "__main__":
    sys.exit(main())
