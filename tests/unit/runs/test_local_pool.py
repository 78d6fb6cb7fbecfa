"""The arm without a cloud: N processes of this machine, from scripts of any shape."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lambdist_lib import paths
from lambdist_lib.data import datapoints
from lambdist_lib.errors import RunError
from lambdist_lib.runs import local_pool_worker

POINTS = ["one", "two", "three"]


@pytest.fixture
def lambdas(tmp_path):
    """A copy of the handlers' folder, to write another processing.py into."""
    return Path(shutil.copytree(paths.lambdas(), tmp_path / "lambdas"))


def processed(points=POINTS, **options):
    wanted = {"processes": 2, "work": "none", "fault": "none", "tries": 5} | options
    return local_pool_worker.process_all(datapoints.from_iterable(points), **wanted)


def test_every_datapoint_has_its_result():
    items = processed()

    assert {n: item["result"] for n, item in items.items()} == {
        n: f'"{data}_processed"' for n, data in enumerate(POINTS)
    }
    assert all(item["received_at"] <= item["started_at"] <= item["put_at"] for item in items.values())


def test_what_always_fails_is_dead_after_its_tries():
    items = processed(fault="raise:1@1", tries=3)

    assert {n: item["outcome"] for n, item in items.items()} == {0: "stored", 1: "dead", 2: "stored"}
    assert len(items[1]["attempts"]) == 3


def test_a_script_without_a_main_guard_is_run_once(tmp_path):
    """Who writes the README's example into a file and runs it must not start it again in each process."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            from lambdist_lib.data import datapoints
            from lambdist_lib.runs import local_pool_worker as local_pool
            print("once")
            points = datapoints.from_iterable(["a", "b"])
            print(len(local_pool.process_all(points, processes=2, work="none", fault="none", tries=1)))
            """
        )
    )

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["once", "2"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module", "no_such_module"),
        ("import os\n\ndef process(data):\n    os._exit(3)", "terminated abruptly"),
    ],
    ids=["import", "death"],
)
def test_a_processing_that_cannot_run_says_why(lambdas, source, why):
    """Neither hangs: a pool that lost a process would wait for it for ever."""
    (lambdas / "processing.py").write_text(source)

    with pytest.raises(RunError, match=f"pool of local processes failed: .*{why}"):
        processed(processing=lambdas)


def test_what_process_prints_is_no_answer(lambdas):
    (lambdas / "processing.py").write_text("def process(data):\n    print('noise')\n    return data\n")

    assert processed(processing=lambdas)[0]["result"] == '"one"'


def test_a_permanent_error_has_no_second_attempt(lambdas):
    """`from lambdist_lib import PermanentError` is the class that the pool tests for, as in a zip."""
    source = "from lambdist_lib import PermanentError\n\ndef process(data):\n    raise PermanentError('no')\n"
    (lambdas / "processing.py").write_text(source)

    items = processed(processing=lambdas)

    assert [(item["outcome"], item["receives"]) for item in items.values()] == [("dead", 1)] * 3
    assert items[0]["attempts"][0]["cause"] == "PermanentError: no"
