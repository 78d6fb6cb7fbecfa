"""`lambdist` in processes to be killed: forked from one that has imported all, so each begins at once."""

import json
import os
import select
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
    results, environment, arguments, log = json.loads(line)
    if not (pid := os.fork()):
        if log:
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
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

    def begin(self, results: Path, arguments: Sequence[object], *, log: Path | str = "") -> int:
        """Start `lambdist ARGUMENTS`; returns its pid. What it prints goes to the end of the file `log`."""
        words = [str(word) for word in arguments]
        return self._ask(json.dumps([str(results), dict(os.environ), words, str(log)]))

    def kill(self, pid: int) -> int:
        """Kill what `begin` started; returns its exit status: -9, or another if it was over before."""
        os.kill(pid, signal.SIGKILL)
        return self._ask("and?")

    def wait(self, pid: int, timeout_s: float) -> int:
        """Wait for the end of what `begin` started; returns its exit status. Kills it after `timeout_s`."""
        self._write("and?")
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            os.kill(pid, signal.SIGKILL)
            status = int(self._process.stdout.readline())
            raise TimeoutError(f"it was under way after {timeout_s:g} s, and ended with {status}")
        return int(self._process.stdout.readline())

    def _ask(self, line: str) -> int:
        self._write(line)
        return int(self._process.stdout.readline())

    def _write(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
