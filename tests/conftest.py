"""No test touches the person's own local cloud or results: both folders are temporary here."""

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


@pytest.fixture(scope="module")
def nursery():
    """`nursery.begin(results, ["submit", ...])`: processes of `lambdist` to be killed."""
    with Nursery() as begun:
        yield begun


def pytest_unconfigure():
    shutil.rmtree(FOLDER, ignore_errors=True)
