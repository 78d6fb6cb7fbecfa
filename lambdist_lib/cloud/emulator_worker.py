"""Give a Lambda's process on the local cloud the standard streams that it has on AWS.

The emulator talks to that process by its standard input and output. So what process() reads would be the
next event, and a line of JSON that a program of process() prints would be taken as the handler's answer.
Here it talks by two other file descriptors: standard input is empty, and standard output is the log.
"""

import subprocess
from types import ModuleType, SimpleNamespace
from typing import Any

from lambdist_lib.errors import LocalCloudError

STREAMS = """
import os as _os, sys as _sys
_events = _os.fdopen(_os.dup(0), encoding=_sys.stdin.encoding, errors=_sys.stdin.errors)
_answers = _os.fdopen(_os.dup(1), "w", encoding=_sys.stdout.encoding, errors=_sys.stdout.errors)
_empty = _os.open(_os.devnull, _os.O_RDONLY)
_os.dup2(_empty, 0)
_os.close(_empty)
_os.dup2(2, 1)
"""
REPLACED = {  # in the emulator's script
    "sys.stdin.readline()": "_events.readline()",
    "_real_stdout = sys.stdout": "_real_stdout = _answers",
}


def patch(runtime: ModuleType) -> None:
    """Change the emulator's module `lambda_runtime` before it starts the first process."""
    runtime._PYTHON_WORKER_SCRIPT = with_own_streams(runtime._PYTHON_WORKER_SCRIPT)  # type: ignore[attr-defined]
    runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Popen})  # type: ignore[attr-defined]


def with_own_streams(script: str) -> str:
    """Return the script of a Lambda's process with its protocol on file descriptors of its own.

    Raises:
        LocalCloudError: The script is another than that of the emulator's version that we install.
    """
    for before, after in REPLACED.items():
        if before not in script:
            raise LocalCloudError(
                "the emulator's version is not the one that lambdist installs: install it again"
            )
        script = script.replace(before, after)
    return STREAMS + script


class _Popen(subprocess.Popen[Any]):
    """Read any bytes of a process: one that is not UTF-8 would end the reading of its log."""

    def __init__(self, *arguments: Any, text: bool | None = None, **options: Any) -> None:
        super().__init__(*arguments, text=text, errors="replace" if text else None, **options)
