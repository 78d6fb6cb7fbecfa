"""Limits of the shell that the local cloud does not inherit; each test in a process of its own."""

import subprocess
import sys

import pytest

from lambdist_lib.cloud import process_limits

resource = pytest.importorskip("resource")
PROGRAM = """
import resource, sys
from lambdist_lib.cloud import process_limits
from lambdist_lib.errors import LocalCloudError
limit = getattr(resource, sys.argv[1])
resource.setrlimit(limit, (int(sys.argv[2]), int(sys.argv[3])))
try:
    process_limits.raise_and_require()
    print(resource.getrlimit(limit)[0])
except LocalCloudError as error:
    print(error)
"""


def limited(name, soft, hard):
    command = [sys.executable, "-c", PROGRAM, name, str(soft), str(hard)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_a_soft_limit_is_raised():
    """Up to the hard one: 64 open files of this shell become all that it may have."""
    assert limited("RLIMIT_NOFILE", 64, 4096) == "4096"
    assert limited("RLIMIT_CPU", 3600, 100_000) == "100000"


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("RLIMIT_NOFILE", 100, "`ulimit -n 512`"),
        ("RLIMIT_AS", 2**31, "`ulimit -v 4194304`"),
        ("RLIMIT_CPU", 600, "`ulimit -t 86400`"),
    ],
)
def test_a_hard_limit_is_named_with_the_command(name, value, command):
    """Too few open files, too little memory or time end in one line."""
    text = limited(name, value, value)

    assert command in text
    assert "\n" not in text


def test_every_limit_exists_here():
    """A typo would be an AttributeError at the start of the local cloud."""
    assert all(hasattr(resource, name) for name, *_ in process_limits.LIMITS)


@pytest.mark.parametrize("command", [["analyse", "results/reference"], ["cloud", "status"]])
def test_too_little_memory_for_a_command_is_one_line(command):
    """A library loaded under such a limit would try without end to get memory."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({600_000 * 1024},) * 2)"
    code = f"{limit}; from lambdist_lib.cli import main; raise SystemExit(main.main({command}))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "this shell allows 600000 KiB" in line
    assert "`ulimit -v " in line


def test_each_core_needs_memory_of_its_own():
    """As many as fit under no limit at all pass."""
    process_limits.require_memory(cores=1_000)
