"""A Lambda's process on the local cloud has the standard streams of AWS."""

import json
import queue
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from lambdist_lib.cloud import emulator_worker
from lambdist_lib.errors import LocalCloudError

HANDLER = """
import os, subprocess, sys

def handler(event, context):
    if event == "answers":
        os.write(1, b'{"status": "ok", "result": "not the handler"}\\n')
        subprocess.run([sys.executable, "-c", "print('{}')"])
    if event == "bytes":
        os.write(1, bytes([0xff, 0xfe, 10]))
        os.write(2, bytes([0xff, 0xfe, 10]))
    if event == "half a line":
        print("half a line", end="")
    if event == "closes":
        sys.stderr.close()
    if event == "reads":
        return sys.stdin.read() + subprocess.run(["cat"], capture_output=True, text=True).stdout
    return event
"""


@pytest.fixture
def runtime():
    """The emulator's module, of which a copy is changed."""
    lambda_runtime = pytest.importorskip("ministack.core.lambda_runtime")
    copy = SimpleNamespace(
        _PYTHON_WORKER_SCRIPT=lambda_runtime._PYTHON_WORKER_SCRIPT, subprocess=subprocess,
        Worker=type("Worker", (lambda_runtime.Worker,), {}),
    )  # fmt: skip
    emulator_worker.patch(copy)
    return copy


def test_only_the_handler_answers_and_nothing_reads_its_events(runtime, tmp_path):
    """Each event has its own answer; what is printed is in the log, in any bytes."""
    (tmp_path / "worker.py").write_text(runtime._PYTHON_WORKER_SCRIPT)
    (tmp_path / "job.py").write_text(HANDLER)
    events = ["first", "answers", "bytes", "reads", "half a line", "closes", "last"]
    lines = [{"code_dir": str(tmp_path), "module": "job", "handler": "handler"}]
    lines += [{"event": event, "ctx": {"request_id": event}} for event in events]

    with runtime.subprocess.Popen(
        [sys.executable, str(tmp_path / "worker.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        answers, log = process.communicate("".join(json.dumps(line) + "\n" for line in lines), timeout=60)

    results = [json.loads(line) for line in answers.splitlines()]
    assert results[0]["status"] == "ready"
    assert [answer["result"] for answer in results[1:]] == [
        "first", "answers", "bytes", "", "half a line", "closes", "last",
    ]  # fmt: skip
    assert "not the handler" in log
    assert log.count("\ufffd\ufffd\n") == 2
    assert f"half a line\n{emulator_worker.LOG_END}half a line\n" in log


def test_a_log_is_whole_however_late_its_lines_come(runtime):
    """It ends where its own invocation does; what an ended process left before is no end."""
    lines = queue.Queue()
    worker = SimpleNamespace(request_id="two", _stderr_queue=lines, _stderr_thread=threading.current_thread())

    def write():
        for line in (f"{emulator_worker.LOG_END}one", "early", "late", "", f"{emulator_worker.LOG_END}two"):
            time.sleep(0.02)
            lines.put(line)

    writer = threading.Thread(target=write)
    writer.start()
    log = runtime.Worker._drain_stderr_bounded(worker)
    writer.join()

    assert log == "early\nlate"


def test_the_log_of_a_killed_process_ends_with_it(runtime):
    """What it wrote is there, and nobody waits for its end."""
    lines, ended = queue.Queue(), threading.Thread(target=int)
    ended.start()
    ended.join()
    lines.put("last words")
    worker = SimpleNamespace(request_id="one", _stderr_queue=lines, _stderr_thread=ended)

    assert runtime.Worker._drain_stderr_bounded(worker) == "last words"


def test_another_emulator_is_refused():
    """Its script would run as it is, and a datapoint could harm its neighbours."""
    with pytest.raises(LocalCloudError):
        emulator_worker.with_own_streams("import sys")
