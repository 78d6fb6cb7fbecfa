"""What works without a module that this system has: Windows lacks `fcntl` and `resource`."""

import subprocess
import sys

import pytest

BLOCKED = """
import sys, types
import psutil  # its half for Windows does without the two, its half for Linux does not
from lambdist_lib import errors, paths
here, sys.platform = sys.platform, "win32"
sys.modules["msvcrt"] = types.SimpleNamespace(locking=lambda *_: None, LK_NBLCK=2, LK_UNLCK=0)
import lambdist_lib.cloud.locks  # it locks otherwise there
sys.platform = here
sys.modules["fcntl"] = sys.modules["resource"] = None
"""

EVERY_MODULE = """
import importlib, pkgutil
import lambdist_lib
for module in pkgutil.walk_packages(lambdist_lib.__path__, "lambdist_lib."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
for package in (lambdist_lib, lambdist_lib.figures, lambdist_lib.measures):
    for name in package.__all__:
        getattr(package, name)
"""


def run(program, **options):
    """The program's finished process, with the two modules blocked."""
    command = [sys.executable, "-c", BLOCKED + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    "program",
    [
        "from lambdist_lib.cli import main; sys.exit(main.main(['plan', '--datapoints', '100']))",
        "from lambdist_lib.cli import main; sys.exit(main.main(['try', 'data/words.txt']))",
        "from lambdist_lib.submission import http; http._allow_files(10)",
    ],
)
def test_windows_can_analyse_plan_and_use_aws(program):
    """None of it needs a lock of the local cloud, or the limit of open files."""
    done = run(program)

    said = [line for line in done.stderr.splitlines() if not line.startswith("note: this is Python")]
    assert (done.returncode, said) == (0, [])


def test_every_module_and_public_name_imports_on_windows():
    """Modules of the local cloud, too: it refuses to start, not to be imported."""
    done = run(EVERY_MODULE)

    assert done.returncode == 0, done.stderr
    assert {"lambdist_lib.report.write", "lambdist_lib.cloud.emulator_supervisor"} <= set(done.stdout.split())


def test_windows_is_told_where_the_local_cloud_runs(tmp_path):
    """One line, with what else there is."""
    done = run(
        "from lambdist_lib.cloud import local_cloud; from lambdist_lib.cli import main; "
        "sys.platform = 'win32'; sys.exit(main.main(['cloud', 'start']))",
        env={"LAMBDIST_STATE": str(tmp_path / "state")},
    )

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "Linux, macOS or WSL" in line and "--target aws" in line
