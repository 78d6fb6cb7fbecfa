"""Modules of the user's current folder never replace those that our own processes import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdist_lib.cloud import local_cloud

LAMBDIST = Path(sys.executable).parent / "lambdist"


@pytest.fixture
def surroundings(tmp_path):
    """A folder whose modules break every Python that imports them; gives `lambdist(...)` in it."""
    for name in ("types", "items", "json", "psutil", "attempt"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the module of the current folder')\n")
    (tmp_path / "data.txt").write_text("a\nb\nc\n")
    state, results = tmp_path / "state", tmp_path / "results"

    def lambdist(*words):
        return subprocess.run(
            [LAMBDIST, *words, "--json"],
            cwd=tmp_path,
            env={**os.environ, "LAMBDIST_STATE": str(state), "LAMBDIST_RESULTS": str(results)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    yield lambdist
    local_cloud.stop(state)


def test_modules_of_the_current_folder_do_no_harm(surroundings):
    """Supervisor, emulator, its workers and the local pool start, and a datapoint comes back."""
    answers = surroundings("try", "data.txt", "-n", "1")
    assert json.loads(answers.stdout.splitlines()[0])["result"] == "a_processed", answers.stderr

    done = surroundings(
        "run", "data.txt", "--id", "around", "--chunks", "2", "--repetitions", "1",
        "--arms", "distributed,local_pool",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finding"]
