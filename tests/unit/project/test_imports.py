"""What a command or a script pays before it begins: which modules get imported, not how long it takes."""

import ast
import subprocess
import sys
from collections.abc import Sequence

import pytest

HEAVY = ("boto3", "botocore", "lmfit", "matplotlib", "numpy", "pandas", "requests", "scipy", "seaborn")

TABLES = ("boto3", "matplotlib", "numpy", "pandas", "scipy")
OF_A_RUN = (
    "pandas",
    "pycurl",
    *(f"lambdist_lib.runs.{module}" for module in ("collect", "local_pool", "resume", "run", "senders")),
    *(f"lambdist_lib.submission.{module}" for module in ("client", "map_client", "original_client")),
)


def loaded(program: str, modules: Sequence[str]) -> list[str]:
    """Which of these modules a Python has loaded when it ends after this program."""
    at_end = f"import atexit, sys; atexit.register(lambda: print([m for m in {modules} if m in sys.modules]))"
    command = [sys.executable, "-c", f"{at_end}\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    names: list[str] = ast.literal_eval(done.stdout.splitlines()[-1])
    return names


@pytest.mark.parametrize(
    "program",
    [
        "import lambdist_lib.submission.client",
        "import lambdist_lib.runs.external_api",
        "import lambdist_lib.results.journal, lambdist_lib.data.datapoints, lambdist_lib.cloud.targets",
        "import lambdist_lib.report.write",
        "from lambdist_lib.cli import main; main.main(['--help'])",
        "from lambdist_lib.cli import main; main.main(['submit', '--help'])",
        "from lambdist_lib.cli import main; main.main(['plan', '--datapoints', '1e3'])",
        "from lambdist_lib.cli import main; main.main(['submit', 'nowhere', '--url', 'http://127.0.0.1:9/'])",
    ],
)
def test_nothing_heavy_is_imported_in_vain(program):
    """pandas alone takes half a second, boto3 another quarter."""
    assert loaded(program, HEAVY) == []


@pytest.mark.parametrize("name", ["Experiment", "connect", "deploy", "destroy", "preview", "read_datapoints"])
def test_a_script_that_imports_the_public_api_loads_no_tables(name):
    """What runs need is loaded by `Experiment(...)`."""
    assert loaded(f"from lambdist_lib import {name}", TABLES) == []


def test_an_experiment_loads_what_its_runs_need_before_the_first(tmp_path):
    """An import within a run would count as the time of the arm that runs first."""
    program = f"from lambdist_lib import Experiment; Experiment(data=['a'], results_dir={str(tmp_path)!r})"

    assert loaded(program, OF_A_RUN) == list(OF_A_RUN)


def test_a_headless_notebook_compiles_no_grammar():
    """jsonschema would, for two seconds, for formats that no notebook has; a user's code still may."""
    program = "from lambdist_lib.notebooks import runner\nwith runner._needed(): import papermill"

    assert loaded(program, ["rfc3987_syntax", "lark"]) == []
    assert loaded(f"{program}\nimport rfc3987_syntax", ["lark"]) == ["lark"]
