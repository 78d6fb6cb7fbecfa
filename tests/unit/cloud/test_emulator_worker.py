"""A Lambda's process on the local cloud has the standard streams of AWS."""

import json
import subprocess
import sys
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
    if event == "reads":
        return sys.stdin.read() + subprocess.run(["cat"], capture_output=True, text=True).stdout
    return event
"""


@pytest.fixture
def runtime():
    """The emulator's module, of which a copy is changed."""
    lambda_runtime = pytest.importorskip("ministack.core.lambda_runtime")
    copy = SimpleNamespace(_PYTHON_WORKER_SCRIPT=lambda_runtime._PYTHON_WORKER_SCRIPT, subprocess=subprocess)
    emulator_worker.patch(copy)
    return copy


def test_only_the_handler_answers_and_nothing_reads_its_events(runtime, tmp_path):
    """Each event has its own answer; what is printed is in the log, in any bytes."""
    (tmp_path / "worker.py").write_text(runtime._PYTHON_WORKER_SCRIPT)
    (tmp_path / "job.py").write_text(HANDLER)
    events = ["first", "answers", "bytes", "reads", "last"]
    lines = [{"code_dir": str(tmp_path), "module": "job", "handler": "handler"}]
    lines += [{"event": event} for event in events]

    with runtime.subprocess.Popen(
        [sys.executable, str(tmp_path / "worker.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        answers, log = process.communicate("".join(json.dumps(line) + "\n" for line in lines), timeout=60)

    results = [json.loads(line) for line in answers.splitlines()]
    assert results[0]["status"] == "ready"
    assert [answer["result"] for answer in results[1:]] == ["first", "answers", "bytes", "", "last"]
    assert "not the handler" in log
    assert log.count("\ufffd\ufffd\n") == 2


def test_another_emulator_is_refused():
    """Its script would run as it is, and a datapoint could harm its neighbours."""
    with pytest.raises(LocalCloudError):
        emulator_worker.with_own_streams("import sys")
