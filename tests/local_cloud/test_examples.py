"""The scripts of examples/, as a person calls them."""

import json
import os
import re
import subprocess
import sys

import pytest
from support import emulator

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud
from lambdist_lib.deployment import stacks

FILE = "Hello\n\nbell\a\nlast one\n"
ANSWERS = [
    {"n": 0, "data": "Hello", "result": "Hello_processed"},
    {"n": 2, "data": "bell\a", "error": "rejected: has the unprintable character U+0007 at 4"},
    {"n": 3, "data": "last one", "result": "last one_processed"},
]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state folder of a local cloud that has no stacks."""
    folder = tmp_path_factory.mktemp("cloud") / "state"
    yield folder
    local_cloud.stop(folder)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text(FILE)
    return path


def run(script, *arguments, cwd, **environment):
    command = [sys.executable, paths.root() / "examples" / script, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def left(state):
    """Stacks and buckets of the local cloud of a state folder."""
    cloud = local_cloud.lease(state)
    cloudformation, s3 = (emulator.client(cloud, name) for name in ("cloudformation", "s3"))
    try:
        return cloudformation.describe_stacks()["Stacks"] + s3.list_buckets()["Buckets"]
    finally:
        cloudformation.close()
        s3.close()
        cloud.release()


@pytest.mark.parametrize(("script", "chunks"), [("dist.py", [3]), ("single.py", [])])
def test_a_script_answers_every_line_and_leaves_nothing(state, file, tmp_path, script, chunks):
    """From any folder, with nothing deployed: the answers in the file's order, the counts, and no stack."""
    done = run(script, *chunks, file, cwd=tmp_path, LAMBDIST_STATE=str(state))

    *answers, counts = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in answers] == ANSWERS
    assert counts.startswith("2 stored, 0 dead, 1 rejected, 0 unsent, 0 in_flight, 0 lost in ")
    assert not re.search(r"\w+\(\w+=|object at 0x", done.stderr), "progress is text for people"
    assert left(state) == []


def test_a_stack_that_was_there_stays(distributed, target, file, tmp_path):
    """A script uses what is deployed, and does not take it away."""
    done = run("dist.py", 2, file, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert stacks.describe(target, "distributed").outputs == distributed.stack.outputs


@pytest.mark.parametrize("script", ["dist.py", "single.py"])
def test_a_wrong_file_is_said_in_one_line(target, script, tmp_path):
    """No traceback, and the status of wrong usage."""
    done = run(script, *([2] if script == "dist.py" else []), "nothing.txt", cwd=tmp_path)

    assert done.returncode == 2
    assert "no data file nothing.txt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("ten_lines.py", ["{file}"], r"Distributed is .* single node \(n = 2 warm pairs"),
        ("read_results.py", ["{reference}"], r"[\d.]+ times, from [\d.]+ to [\d.]+, n = \d+"),
        ("plan_ahead.py", ["1e5"], r" 100 .*MaximumConcurrency"),
    ],
)
def test_a_short_script_says_what_it_is_for(state, file, tmp_path, script, arguments, said):
    """Each with something of its own to work on, from any folder."""
    places = {"file": file, "reference": paths.root() / "results" / "reference"}

    done = run(script, *(one.format(**places) for one in arguments), cwd=tmp_path, LAMBDIST_STATE=str(state))

    assert done.returncode == 0, done.stderr
    assert re.search(said, done.stdout)
    assert not re.search(r"Traceback|\w+\(\w+=|object at 0x", done.stderr)
