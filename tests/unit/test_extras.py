"""A missing optional package is one line that names the extra to install."""

import subprocess
import sys

import pytest

from lambdist_lib import extras
from lambdist_lib.errors import MissingExtraError

USES = {
    "laws": ("lmfit", "from lambdist_lib.measures import scaling; scaling._fit('amdahl', None, 0.9)"),
    "local": ("ministack", "from lambdist_lib.cloud import local_cloud; local_cloud.require_emulator(gone)"),
    "notebooks": (
        "papermill",
        "from lambdist_lib import paths; from lambdist_lib.notebooks import runner;"
        "runner.run_notebook(paths.notebooks() / 'experiment.ipynb', None, {})",
    ),
    "packages": ("uv", "from lambdist_lib.deployment import dependencies; dependencies._uv_program()"),
}
PROGRAM = """
import importlib.metadata, os, sys
sys.modules[{package!r}] = None  # its import fails as if it were not installed
os.environ["PATH"] = ""
def gone(name):
    raise importlib.metadata.PackageNotFoundError(name)
from lambdist_lib.errors import MissingExtraError
try:
    {use}
except MissingExtraError as error:
    print(error.extra, error.package, "pip install 'lambdist-lib[" + error.extra + "]'" in str(error))
"""


@pytest.mark.parametrize("extra", USES)
def test_a_missing_extra_is_named(extra):
    """Each of them, at the place that needs it."""
    package, use = USES[extra]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(package=package, use=use)], capture_output=True, text=True
    )

    assert done.stdout.split() == [extra, package, "True"], done.stderr


def test_a_fault_inside_the_block_is_no_missing_extra():
    """Only a module that is not there is one."""
    with pytest.raises(ImportError) as fault, extras.needed("laws", "fitting"):
        raise ImportError("broken")

    assert not isinstance(fault.value, MissingExtraError)
