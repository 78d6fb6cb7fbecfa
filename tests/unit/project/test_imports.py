"""What a command or a script pays before it begins: which modules get imported, not how long it takes."""

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "lmfit", "matplotlib", "numpy", "pandas", "requests", "scipy", "seaborn")


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
    told = f"import atexit, sys; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n"

    done = subprocess.run([sys.executable, "-c", told + program], capture_output=True, text=True, check=False)

    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
