"""No test touches or depends on what is the person's own: local cloud, results, AWS settings, colours."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from support.processes import Nursery

FOLDER = Path(tempfile.mkdtemp(prefix="lambdist-tests-"))
# before anything imports lambdist_lib, and for every process that a test starts
os.environ["LAMBDIST_STATE"] = str(FOLDER / "state")
os.environ["LAMBDIST_RESULTS"] = str(FOLDER / "results")
# tests beside each other are "other programs": each timing would be repeated twice, and no test looks at one
os.environ["LAMBDIST_MAX_REPEATS"] = "0"
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "XDG_STATE_HOME"):
    os.environ.pop(name, None)


@pytest.fixture(scope="module")
def nursery():
    """`nursery.begin(results, ["submit", ...])`: processes of `lambdist` to be killed."""
    with Nursery() as begun:
        yield begun


def pytest_unconfigure():
    shutil.rmtree(FOLDER, ignore_errors=True)
