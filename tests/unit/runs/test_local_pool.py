"""The arm without a cloud: N processes of this machine, from scripts of any shape."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support import harmful
from support.harmful import HARMFUL

from lambdist_lib import paths
from lambdist_lib.data import datapoints
from lambdist_lib.errors import RunError
from lambdist_lib.results import closing, folders, outputs
from lambdist_lib.runs import local_pool, local_pool_worker, resume
from lambdist_lib.runs.conditions import Conditions

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


def test_a_run_ends_once_too_many_are_dead(tmp_path, monkeypatch):
    """What has not begun by then is unsent, and the ledger balances; a resume leaves the run alone."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path))
    folder = tmp_path / "pool" / "runs" / "pool-lp"
    conditions = Conditions(chunks=2, fault="permanent:1", stop_if_dead="10")

    row = local_pool.run(datapoints.from_iterable(f"word-{n}" for n in range(200)), conditions, folder)

    assert 10 < row["dead"] <= 12  # one more for each process that was at work
    assert row["unsent"] == 200 - row["dead"]
    assert closing.is_over_dead_limit(row)
    assert [*resume.resume_all("pool-lp", connect=None)] == [folders.read_facts(folder)]
    assert next(iter(outputs.outputs(folder)))["error"].startswith("dead: ")


def test_a_limit_that_is_not_passed_changes_nothing():
    """As many as the limit may die."""
    items = processed(fault="permanent:1@1", max_dead=1)

    assert {n: item["outcome"] for n, item in items.items()} == {0: "stored", 1: "dead", 2: "stored"}


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
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)", "SystemExit: 0"),
        ("import os\nprint('so long')\nos._exit(0)", "exit status 0"),
    ],
    ids=["import", "exit", "death"],
)
def test_a_processing_that_cannot_run_says_why(lambdas, source, why):
    """None hangs or passes for a pool that had nothing to do."""
    (lambdas / "processing.py").write_text(source)

    with pytest.raises(RunError, match=f"pool of local processes failed: .*{why}"):
        processed(processing=lambdas)


@pytest.mark.parametrize("processes", [1, 3])
def test_whatever_a_datapoint_does_harms_only_itself(lambdas, processes):
    """Its process is replaced if it ended; the others have their results and it has its cause."""
    (lambdas / "harmful.py").write_text(Path(harmful.__file__).read_text())
    (lambdas / "processing.py").write_text(
        "import harmful, os\n\ndef process(data):\n    if data == 'dies':\n        os._exit(3)\n"
        "    return harmful.harm(data)\n"
    )
    kinds = [*HARMFUL, "dies"]
    points = [text for kind in kinds for text in (kind, "good")]

    items = processed(points, processing=lambdas, processes=processes, tries=2)

    assert [items[n].get("result") for n in range(len(points))] == [None, '"good"'] * len(kinds)
    for n, kind in enumerate(kinds):
        [*_, last] = attempts = items[2 * n]["attempts"]
        assert last["cause"].startswith(HARMFUL.get(kind, "crash: its process ended (exit status 3)"))
        assert last["class"] == ("crash" if kind == "dies" else "application")
        assert len(attempts) == (1 if last["cause"].startswith("PermanentError") else 2)


def test_a_crash_once_is_retried(lambdas, tmp_path):
    """A process that ends is a failed attempt; the next one has its chance."""
    (lambdas / "processing.py").write_text(
        "import os, pathlib\n\ndef process(data):\n"
        f"    mark = pathlib.Path({str(tmp_path)!r}, data)\n"
        "    if not mark.exists():\n        mark.touch()\n        os._exit(1)\n    return data\n"
    )

    items = processed(processing=lambdas)

    assert [(item["outcome"], item["receives"]) for item in items.values()] == [("stored", 2)] * 3


def test_what_process_prints_is_no_answer(lambdas):
    (lambdas / "processing.py").write_text(
        "import os\n\ndef process(data):\n    print('noise')\n    os.write(1, b'\\xff')\n    return data\n"
    )

    assert processed(processing=lambdas)[0]["result"] == '"one"'


def test_a_permanent_error_has_no_second_attempt(lambdas):
    """`from lambdist_lib import PermanentError` is the class that the pool tests for, as in a zip."""
    source = "from lambdist_lib import PermanentError\n\ndef process(data):\n    raise PermanentError('no')\n"
    (lambdas / "processing.py").write_text(source)

    items = processed(processing=lambdas)

    assert [(item["outcome"], item["receives"]) for item in items.values()] == [("dead", 1)] * 3
    assert items[0]["attempts"][0]["cause"] == "PermanentError: no"
