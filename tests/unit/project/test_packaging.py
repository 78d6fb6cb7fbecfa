"""The wheel, installed outside the checkout, does what the checkout does: from an empty folder."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from lambdist_lib import paths

WHEEL_MAX_BYTES = 1_000_000
API = """
import json, sys
import lambdist_lib
from lambdist_lib import *
from lambdist_lib import paths
names = {name: repr(getattr(lambdist_lib, name)) for name in lambdist_lib.__all__}
rows = [row["result"] for row in lambdist_lib.preview("data/words.txt", 2)]
print(json.dumps({"file": lambdist_lib.__file__, "names": sorted(names), "rows": rows,
                  "results": str(paths.results()), "state": str(paths.state())}))
"""


def finished(*command, **options):
    """The command, which succeeds."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=180, check=False, **options
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist and the wheel made from it."""
    folder = tmp_path_factory.mktemp("built")
    finished(find_uv_bin(), "build", "-q", "--python", sys.executable, "-o", folder, paths.root())
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """`installed("try", ...)`: `lambdist` of an environment that holds the wheel, in a folder elsewhere.

    Its dependencies are this environment's, whose editable install a path file does not bring along.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    [wheel] = built.glob("*.whl")
    options = ("--no-deps", "--compile-bytecode")  # each command would compile where none may be written
    finished(find_uv_bin(), "pip", "install", "-q", *options, "--python", python, wheel)
    [site_packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "empty").mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LAMBDIST_", "XDG_"))}
    options = {"cwd": folder / "empty", "env": {**own, "HOME": str(folder / "home")}}

    def run(*words, **changed):
        return finished(python.parent / "lambdist", *words, **(options | changed))

    run.folder, run.python, run.options = folder / "empty", python, options
    yield run
    run("cloud", "stop", "--force")


def test_the_wheel_holds_what_users_need_and_stays_small(built):
    """Library, handlers, templates, notebooks, data, types and licence; nothing compiled, no test."""
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    shipped = {
        name.removeprefix("lambdist_lib/shipped/")
        for name in names
        if name.startswith("lambdist_lib/shipped/")
    }
    tracked = [
        path.relative_to(paths.root()).as_posix()
        for folder in ("lambdas", "notebooks", "data", "examples")
        for path in (paths.root() / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and ".ipynb_checkpoints" not in path.parts
    ]
    assert set(tracked) - {name for name in tracked if Path(name).match("notebooks/out*")} <= shipped
    assert {"cloudformation/distributed.yaml", "cloudformation/commands/sam.md"} <= shipped
    assert "lambdist_lib/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if re.search(r"(^|/)(tests|__pycache__)/|\.pyc$", name)]
    assert wheel.stat().st_size < WHEEL_MAX_BYTES


def test_the_sdist_holds_the_tests(built):
    """From it alone the checkout's tests can run."""
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"tests/conftest.py", "Makefile", "requirements.txt", "results/reference/runs.csv"} <= names


def test_the_public_api_imports_from_the_wheel(installed):
    """Every name of `__all__`; results belong into the current folder, state into the user's."""
    done = finished(installed.python, "-c", API, **installed.options)
    told = json.loads(done.stdout)

    assert Path(told["file"]).is_relative_to(installed.python.parents[1])
    assert "Experiment" in told["names"]
    assert told["rows"][0].endswith("_processed")
    assert told["results"] == str(installed.folder / "results")
    assert Path(told["state"]).is_relative_to(installed.options["env"]["HOME"])


def test_commands_without_a_cloud_work_from_an_empty_folder(installed):
    """`try` and `plan` find the shipped data; `package` finds templates, handlers and the licence."""
    assert len(installed("try", "data/words.txt", "-n", "2").stdout.splitlines()) == 2
    assert json.loads(installed("plan", "data/words.txt", "--json").stdout)["makespan_s"]
    installed("package")
    installed("package", "--sam", "--output", "sam")

    package, sam = installed.folder / "build" / "package", installed.folder / "sam"
    assert all((package / name).is_file() for name in ("distributed.yaml", "single_node.yaml", "COMMANDS.md"))
    assert all((sam / name).is_file() for name in ("distributed_sam.yaml", "LICENSE"))
    [processor] = package.glob("processor-*.zip")
    [in_sam] = sam.glob("processor-*.zip")
    assert {"processor.py", "processing.py"} <= set(zipfile.ZipFile(processor).namelist())
    assert in_sam.name == processor.name


def test_a_new_project_runs_on_the_local_cloud(installed):
    """`init` writes it; its `run` deploys, measures, and leaves results beside it."""
    installed("init", "job")
    job = installed.folder / "job"
    (job / "processing.py").write_text("def process(data):\n    return data.upper()\n")
    (job / "two.txt").write_text("a\nb\n")

    done = installed(
        "run",
        "two.txt",
        "--processing",
        ".",
        "--id",
        "first",
        "--repetitions",
        "1",
        "--chunks",
        "2",
        "--arms",
        "distributed",
        "--json",
        cwd=job,
    )

    assert json.loads(done.stdout)["finding"]
    fetched = installed("fetch", "first", cwd=job)
    assert {json.loads(line)["result"] for line in fetched.stdout.splitlines()} == {"A", "B"}
    installed("report", "first", cwd=job)
    assert (job / "results" / "first" / "report.html").is_file()
