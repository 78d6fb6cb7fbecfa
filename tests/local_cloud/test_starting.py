"""A job that cannot start where it runs is told at the deploy, not by a queue that nobody empties."""

import pytest

from lambdist_lib.deployment import smoke_test
from lambdist_lib.errors import DeployError


def test_an_import_that_fails_in_the_lambda_is_said_at_once(deploy, target, tmp_path):
    """With the reason; the same folder, mended, starts."""
    job = tmp_path / "job"
    job.mkdir()
    code = job / "processing.py"
    code.write_text("import os\n\nTOKEN = os.environ['NOT_THERE']\n\ndef process(data):\n    return 1\n")
    stacks = [one.stack for one in deploy("dumb", processing=job).values()]

    with pytest.raises(DeployError, match=r"\w+ of dumb-\S+ does not start on local cloud: .*NOT_THERE"):
        smoke_test.check_functions_start(target, stacks)

    code.write_text("def process(data):\n    return 1\n")
    smoke_test.check_functions_start(target, [one.stack for one in deploy("dumb", processing=job).values()])
