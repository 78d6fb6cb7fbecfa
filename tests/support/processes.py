"""`lambdist` in processes to be killed: forked from one that has imported all, so each begins at once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

NURSERY = """
import json, os, sys
from lambdist_lib.cli import main as cli
from lambdist_lib.runs import external_api, run
for line in sys.stdin:
    results, environment, arguments = json.loads(line)
    if not (pid := os.fork()):
        os.environ.update(environment)
        sys.stdout = sys.stderr
        os.environ["LAMBDIST_RESULTS"] = results
        os._exit(cli.main(arguments))
    print(pid, flush=True)
    sys.stdin.readline()  # until then the pid is no other's
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """Where the processes come from; one is alive at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def begin(self, results: Path, arguments: Sequence[object]) -> int:
        """Start `lambdist ARGUMENTS`; returns its pid."""
        return self._ask(json.dumps([str(results), dict(os.environ), [str(word) for word in arguments]]))

    def kill(self, pid: int) -> int:
        """Kill what `begin` started; returns its exit status: -9, or another if it was over before."""
        os.kill(pid, signal.SIGKILL)
        return self._ask("and?")

    def _ask(self, line: str) -> int:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())
