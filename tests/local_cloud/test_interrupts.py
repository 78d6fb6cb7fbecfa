"""Ctrl-C, kill and dead kernels: commands end at once, results can be had later, nothing stays running."""

import itertools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from support.waiting import eventually

from lambdist_lib import paths
from lambdist_lib.cloud import emulator_state as cloud_state
from lambdist_lib.cloud import local_cloud
from lambdist_lib.results import folders, journal

LINGER_S = 0.5
LONG = [  # a notebook that deploys, then measures for a minute
    """\
from lambdist_lib import Experiment
experiment = Experiment(data=data, experiment_id=experiment_id, work="io:300ms", chunks=2)
experiment.deploy()""",
    "experiment.run_pairs(40)",
]
numbers = itertools.count()


def begun(*arguments, state=None):
    """The command line in a process of its own, under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "lambdist_lib", *map(str, arguments)],
        cwd=paths.root(), env={**os.environ, "LAMBDIST_STATE": str(state or paths.state())}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def under_way(experiment_id, *states):
    """The folder of the experiment's run, once it is in one of these states and some answers are on disk."""
    for folder in paths.results().glob(f"{experiment_id}/runs/*"):
        written = (folder / "journal").exists() and (folder / "journal").read_bytes().count(b"\n") > 1
        if written and folders.read_facts(folder)["state"] in (states or ("submitting", "settling")):
            return folder
    return None


def interrupted(process, by=signal.SIGINT):
    """How long it took to end after Ctrl-C, and what it said."""
    began_s = time.monotonic()
    process.send_signal(by)
    _, told = process.communicate(timeout=20)
    return time.monotonic() - began_s, told


@pytest.mark.parametrize(
    ("arm", "state", "by", "status"),
    [
        ("single_node_parallel", "submitting", signal.SIGINT, 130),
        ("distributed", "settling", signal.SIGTERM, 143),
    ],
)
def test_a_signal_ends_a_submission_at_once_and_resume_finishes_it(
    both, data_file, command, arm, state, by, status
):
    """Ctrl-C and SIGTERM: ended within two seconds, one line, a journal; `lambdist resume` does the rest."""
    experiment_id = f"ctrl-c-{state}"
    data = data_file(20)

    process = begun("submit", data, "--id", experiment_id, "--arm", arm, "--work", "io:400ms", "--chunks", 4)
    folder = eventually(lambda: under_way(experiment_id, state))
    took_s, told = interrupted(process, by)

    assert process.returncode == status
    assert took_s < 2
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("lambdist: interrupted: the measurements are kept in")
    assert list(journal.read(folder / "journal"))

    moved = data.rename(data.with_suffix(".moved"))
    lost = command("resume", folder.name)
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "--data says where" in lost.stderr
    moved.rename(data)
    printed = re.findall("`lambdist ([^`]+)`", told.splitlines()[-1])[0]
    resumed = command(*shlex.split(printed), "--json", cwd=data.parent)  # as printed, from any folder
    assert resumed.returncode == 0, resumed.stderr
    assert "data_path" not in folders.read_facts(folder)  # it names a home
    [row] = json.loads(resumed.stdout)
    assert (row["submitted"], row["stored"], row["resumed"]) == (20, 20, True)


def test_ctrl_c_in_haste_loses_nothing(both, data_file, command):
    """Who presses it again and again cuts the farewell short, and the run is finished all the same."""
    data = data_file(40)

    process = begun("submit", data, "--id", "ctrl-c-twice", "--work", "io:100ms", "--chunks", 4)
    folder = eventually(lambda: under_way("ctrl-c-twice"))
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.03)
    process.communicate(timeout=20)

    assert process.returncode in (130, -signal.SIGINT)
    resumed = command("resume", folder.name, "--data", data, "--json")
    assert resumed.returncode == 0, resumed.stderr
    [row] = json.loads(resumed.stdout)
    assert (row["submitted"], row["stored"], row["resumed"]) == (40, 40, True)


def test_ctrl_c_ends_an_experiment_and_its_stacks_wait_for_the_resume(data_file, cloud, tmp_path, command):
    """What was accepted is not torn down with the command: `lambdist resume` finishes the run."""
    data, state = data_file(10), tmp_path / "state"

    process = begun("run", data, "--id", "ctrl-c-run", "--work", "io:400ms", "--chunks", 2, state=state)
    assert eventually(lambda: under_way("ctrl-c-run"))
    took_s, told = interrupted(process)

    assert (process.returncode, "Traceback" in told) == (130, False)
    assert took_s < 2
    resumed = command("resume", "ctrl-c-run", "--data", data, "--json", state=state)
    assert resumed.returncode == 0, resumed.stderr
    assert [row["stored"] for row in json.loads(resumed.stdout)] == [10]


@pytest.fixture
def cloud(tmp_path):
    """A local cloud of its own that this process leases, and which ends soon after its last lease."""
    leased = local_cloud.lease(tmp_path / "state", linger_s=LINGER_S)
    yield leased
    local_cloud.stop(tmp_path / "state")


@pytest.fixture
def long_notebook(tmp_path, cloud, data_file):
    """papermill in the middle of a long experiment: its process, its kernel's pid, and the cloud's record."""
    state, name = tmp_path / "state", f"signals-{next(numbers)}"
    cells = [nbformat.v4.new_code_cell(source) for source in LONG]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "long.ipynb")
    given = ["-p", "data", str(data_file(10)), "-p", "experiment_id", name]
    with (tmp_path / "papermill.log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "papermill", tmp_path / "long.ipynb", tmp_path / "out.ipynb",
             "--no-progress-bar", *given],
            env={**os.environ, "LAMBDIST_STATE": str(state)}, cwd=tmp_path,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    record = cloud_state.read(state)
    assert eventually(lambda: list(paths.results().glob(f"{name}/runs/*/journal")), 60)
    [kernel] = set(local_cloud.status(state).holders) - {os.getpid()}
    cloud.release()
    yield process, kernel, record
    for left in processes_of(state):
        left.kill()
    process.wait()


def processes_of(state):
    """Whatever runs with this state folder in its environment: papermill, its kernel."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LAMBDIST_STATE") == str(state) and process.status() != "zombie":
                found.append(process)
        except (psutil.Error, OSError):
            pass
    return found


def left_running(state, record):
    """Every trace that an ended notebook may not leave."""
    found = {f"process {process.pid}" for process in [*processes_of(state), *record.processes()]}
    if record.supervisor.process():
        found.add("supervisor")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", record.port)) == 0:
            found.add("port")
    if Path(record.folder).exists():
        found.add("folder")
    return found


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "killed kernel"])
def test_nothing_runs_on_after_an_ended_notebook(long_notebook, tmp_path, how):
    """However papermill or its kernel ends, the local cloud goes with its last user; the data stay."""
    process, kernel, record = long_notebook

    if how == "killed kernel":
        os.kill(kernel, signal.SIGKILL)
    else:
        process.send_signal(getattr(signal, how))

    assert process.wait(20) != 0
    assert eventually(lambda: not left_running(tmp_path / "state", record), 20) is True
    saved = json.loads((tmp_path / "out.ipynb").read_text())
    assert any("deploy: 2 stacks" in json.dumps(cell) for cell in saved["cells"])
