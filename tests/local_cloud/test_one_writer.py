"""Commands that write to the same run or stack at the same time: one after the other, and none in vain."""

import json
import os
import subprocess
import sys
import time

from lambdist_lib import paths
from lambdist_lib.deployment import stacks
from lambdist_lib.results import folders, journal, tables

COUNT, WORK = 24, "io:900ms"  # four at once take five seconds, in which other commands begin


def begun(*arguments):
    """The command line in a process of its own, under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "lambdist_lib", *map(str, arguments)],
        cwd=paths.root(), env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def sending(experiment_id, process):
    """The folder of the experiment's run once some responses are on disk."""
    journal_file = paths.results() / experiment_id / "runs" / f"{experiment_id}-d" / "journal"
    deadline_s = time.monotonic() + 30
    while not (journal_file.exists() and journal_file.read_bytes().count(b"\n") > 3):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return journal_file.parent


def require_each_once(folder, count):
    """Every datapoint is stored, was received once, and has an accepted receipt."""
    table = tables.load(folder, "records")
    assert (table["outcome"] == "stored").sum() == count
    assert table["duplicates"].sum() == 0
    accepted = [row["n"] for row in journal.read(folder / "journal") if row["verdict"] == "accepted"]
    assert sorted(set(accepted)) == [*range(count)]
    assert len(accepted) == count


def test_resumes_beside_a_living_submit_wait_for_it(both, data_file):
    """Each says for which process; the run is sent once, and all end well."""
    data = data_file(COUNT)
    submit = begun("submit", data, "--id", "beside", "--work", WORK, "--chunks", 2)
    folder = sending("beside", submit)
    others = [begun("resume", folder.name, "--data", data) for _ in range(2)]

    errors = [process.communicate(timeout=60)[1] for process in (submit, *others)]

    assert [process.returncode for process in (submit, *others)] == [0, 0, 0], errors
    assert all(f"process {submit.pid} has been at `lambdist submit" in error for error in errors[1:])
    assert "Traceback" not in "".join(errors)
    assert folders.read_facts(folder)["resumed"] is False
    require_each_once(folder, COUNT)


def test_three_resumes_of_a_killed_run_finish_it_once(both, data_file):
    """Its journal stays whole, and what the table has without a receipt gets one."""
    data = data_file(COUNT)
    submit = begun("submit", data, "--id", "killed-thrice", "--work", WORK, "--chunks", 4)
    folder = sending("killed-thrice", submit)
    submit.kill()
    submit.communicate()

    resumes = [begun("resume", folder.name, "--data", data, "--json") for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in resumes]

    assert [process.returncode for process in resumes] == [0, 0, 0], outputs
    assert [json.loads(output)[0]["stored"] for output, _ in outputs] == [COUNT] * 3
    accepted = {row["n"] for row in journal.read(folder / "journal") if row["verdict"] == "accepted"}
    assert accepted == {*range(COUNT)}


def test_a_deploy_waits_for_the_run_that_uses_the_stacks(both, data_file):
    """Its code and settings stay as they were until the run has ended."""
    data = data_file(COUNT)
    submit = begun("submit", data, "--id", "deployed-under", "--work", WORK, "--chunks", 2)
    folder = sending("deployed-under", submit)
    deploy = begun("deploy", "--set", "memory_mb=300", "--set", "maximum_concurrency=4")

    errors = [process.communicate(timeout=90)[1] for process in (submit, deploy)]

    assert [submit.returncode, deploy.returncode] == [0, 0], errors
    assert f"process {submit.pid} has been at `lambdist submit" in errors[1]
    assert folders.read_facts(folder)["stack_changed"] == []


def test_a_run_whose_stack_changed_under_it_is_no_timing(both, data_file, target):
    """The lock does not reach other machines, so the run looks at the end."""
    data = data_file(COUNT)
    submit = begun("submit", data, "--id", "changed-under", "--work", WORK, "--chunks", 2)
    folder = sending("changed-under", submit)
    stacks.apply_stacks(  # without the lock, as another machine would
        target, settings={"experiment_controls": True, "retry_delay_seconds": 0, "maximum_concurrency": 3}
    )

    output, error = submit.communicate(timeout=120)

    assert submit.returncode == 0, error
    facts = folders.read_facts(folder)
    assert facts["stack_changed"] == ["MaximumConcurrency"]
    assert facts["resumed"] is True
    assert "MaximumConcurrency" in output
