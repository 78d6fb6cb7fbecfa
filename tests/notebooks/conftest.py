"""One local cloud for all notebooks that are run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """`run("papermill", ..., cwd=folder)`: a command of the environment, on a local cloud of these tests."""
    state = tmp_path_factory.mktemp("notebooks") / "state"

    def finished(command, *arguments, cwd=None):
        return subprocess.run(
            [BIN / command, *map(str, arguments)],
            cwd=cwd or paths.root(),
            env={**os.environ, "LAMBDIST_STATE": str(state)},
            capture_output=True,
            text=True,
            timeout=900,
        )

    yield finished
    local_cloud.stop(state)


@pytest.fixture
def ten_words(tmp_path):
    path = tmp_path / "ten.txt"
    path.write_text("".join(f"word-{n}\n" for n in range(10)))
    return path
