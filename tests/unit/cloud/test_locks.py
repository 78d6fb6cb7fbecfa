"""One writer at a time to a run's folder and to a target's stacks."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from lambdist_lib.cloud import locks
from lambdist_lib.errors import BusyError, LambdistError

HOLD = """
import sys, time, pathlib
from lambdist_lib.cloud import locks
with locks.run(pathlib.Path(sys.argv[1]), "lambdist submit words.txt"):
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclass
class Place:
    name: str
    label: str


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path` until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_at_once_for_whom_it_waits(holder, tmp_path):
    """Process, command and time; without a silent minute."""
    lines = []

    with (
        pytest.raises(BusyError, match=f"kill {holder.pid}") as raised,
        locks.run(tmp_path, "resume", timeout_s=0.3, log=lines.append),
    ):
        raise AssertionError("two processes hold the lock")

    assert raised.value.pid == holder.pid
    [line] = lines
    assert f"process {holder.pid} has been at `lambdist submit words.txt` since " in line


def test_a_waiting_process_goes_on_when_the_holder_ends(holder, tmp_path):
    """A holder that was killed leaves no lock behind."""
    threading.Timer(0.3, holder.kill).start()

    with locks.run(tmp_path, "resume", timeout_s=20, log=lambda line: None):
        assert json.loads((tmp_path / locks.RUN_FILE).read_text())["pid"] == os.getpid()

    assert [*tmp_path.iterdir()] == []


def test_one_thread_may_take_its_lock_again(tmp_path):
    """An experiment holds it around the runs that take it, too."""
    with locks.run(tmp_path, "run"):
        with locks.run(tmp_path, "run", timeout_s=0):
            pass
        with pytest.raises(BusyError):
            _in_a_thread(lambda: locks.run(tmp_path, "resume", timeout_s=0, log=lambda line: None))


def test_many_threads_hold_a_lock_one_after_the_other(tmp_path):
    """Its file is removed and made again meanwhile."""
    counts = {"now": 0, "most": 0, "all": 0}

    def work():
        for _ in range(20):
            with locks.run(tmp_path, "count", log=lambda line: None):
                counts["now"] += 1
                counts["all"] += 1
                counts["most"] = max(counts["most"], counts["now"])
                counts["now"] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    locks_poll, locks.POLL_S = locks.POLL_S, 0.001
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        locks.POLL_S = locks_poll

    assert (counts["most"], counts["all"]) == (1, 80)


def test_stacks_of_another_name_or_place_on_aws_do_not_wait(monkeypatch, tmp_path):
    """The local cloud has one lock for all, since one run would disturb the other's timing."""
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path))
    ireland, local = Place("aws", "AWS eu-west-1"), Place("local", "local cloud")

    with locks.stacks(ireland, "deploy"), locks.stacks(local, "deploy", name="one"):
        with locks.stacks(Place("aws", "AWS us-east-1"), "deploy", timeout_s=0):
            pass
        with locks.stacks(ireland, "deploy", name="other", timeout_s=0):
            pass
        for busy, name in ((ireland, "lambdist"), (local, "two")):
            with pytest.raises(BusyError):
                _in_a_thread(
                    lambda busy=busy, name=name: locks.stacks(
                        busy, "deploy", name=name, timeout_s=0, log=lambda line: None
                    )
                )


def _in_a_thread(lock):
    """Take a lock as another thread does; raise what it raised."""
    errors = []

    def work():
        try:
            with lock():
                pass
        except BusyError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


FAILING_RUN = """
import contextlib, os, pathlib, signal, sys, time
from lambdist_lib.cloud import locks
folder = pathlib.Path(sys.argv[1])
with contextlib.suppress(ZeroDivisionError), locks.run(folder, "run"):
    child = os.fork() or time.sleep(60)
    raise ZeroDivisionError
try:
    with locks.run(folder, "run", timeout_s=0.1):
        print("free again")
finally:
    os.kill(child, signal.SIGKILL)
"""


def test_a_run_that_fails_lets_the_next_one_in(tmp_path):
    """The lock is given back after an exception, even when a forked child still has the file open."""
    command = [sys.executable, "-c", FAILING_RUN, str(tmp_path)]

    run = subprocess.run(command, capture_output=True, text=True, timeout=20)

    assert (run.stdout, run.stderr) == ("free again\n", "")


def test_a_state_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    """One line, with the variable that names another."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "file" / "state"))

    with (
        pytest.raises(LambdistError, match=r"file/state.*LAMBDIST_STATE"),
        locks.stacks(Place("aws", "AWS eu-west-1"), "deploy"),
    ):
        pass
