"""Give a Lambda's process on the local cloud the standard streams and the log that it has on AWS.

The emulator talks to that process by its standard input and output. So what process() reads would be the
next event, and a line of JSON that a program of process() prints would be taken as the handler's answer.
Here it talks by two other file descriptors: standard input is empty, and standard output is the log.

The emulator takes a log as complete once no line has come for 5 ms. On a busy machine a line comes later,
and is then in the log of the process's next invocation, or in none. Here the process ends each log with
a line that the emulator waits for, which is also sooner.
"""

import queue
import secrets
import subprocess
import time
from types import ModuleType, SimpleNamespace
from typing import Any

from lambdist_lib.errors import LocalCloudError

LOG_END = f"end-of-log-{secrets.token_hex(8)}-"  # the invocation's id follows
LOG_WAIT_S = 1.0  # at most: a process that was killed ends no log
POLL_S = 0.05  # between looks whether the process is gone
STREAMS = f"""
import gc as _gc, os as _os, sys as _sys
_events = _os.fdopen(_os.dup(0), encoding=_sys.stdin.encoding, errors=_sys.stdin.errors)
_answers = _os.fdopen(_os.dup(1), "w", encoding=_sys.stdout.encoding, errors=_sys.stdout.errors)
_empty = _os.open(_os.devnull, _os.O_RDONLY)
_os.dup2(_empty, 0)
_os.close(_empty)
_os.dup2(2, 1)
def _end_log(request_id):
    try:
        _sys.stderr.flush()
        _os.write(2, ("\\n{LOG_END}" + request_id + "\\n").encode())
    except (AttributeError, OSError, ValueError):
        pass  # process() closed the stream
"""
REPLACED = {  # in the emulator's script
    "sys.stdin.readline()": "_events.readline()",
    "_real_stdout = sys.stdout": "_real_stdout = _answers",
    # what it imports stays, and this is before the Lambda's init: looking for garbage is in vain
    "    _ms_install_invoke_depth()\n    try:": (
        "    _gc.disable()\n    _ms_install_invoke_depth()\n    _gc.enable()\n    try:"
    ),
    "        _real_stdout.flush()\n\nrun()": (
        '        _end_log(_ms_ctx.get("request_id", ""))\n        _real_stdout.flush()\n\nrun()'
    ),
}


def patch(runtime: ModuleType) -> None:
    """Change the emulator's module `lambda_runtime` before it starts the first process."""
    runtime._PYTHON_WORKER_SCRIPT = with_own_streams(runtime._PYTHON_WORKER_SCRIPT)  # type: ignore[attr-defined]
    runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Popen})  # type: ignore[attr-defined]
    invoke = runtime.Worker.invoke

    def remembering_invoke(worker: Any, event: Any, request_id: str, **options: Any) -> Any:
        worker.request_id = request_id  # the worker serves no other invocation meanwhile
        return invoke(worker, event, request_id, **options)

    runtime.Worker.invoke = remembering_invoke
    runtime.Worker._drain_stderr_bounded = _whole_log


def _whole_log(worker: Any, **_: float) -> str:
    """Return the lines of the worker's log up to the end of its present invocation."""
    lines: list[str] = []
    until_s = time.monotonic() + LOG_WAIT_S
    while time.monotonic() < until_s:
        try:
            line = worker._stderr_queue.get(timeout=POLL_S)
        except queue.Empty:
            if not worker._stderr_thread.is_alive():
                break
            continue
        if line == LOG_END + worker.request_id:
            break
        if not line.startswith(LOG_END):
            lines.append(line)
    return "\n".join(lines).removesuffix("\n")


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
