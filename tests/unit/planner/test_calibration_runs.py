"""The runs that a plan is calibrated from, where they are there already; notebooks make fresh ones."""

import json

import pandas as pd
import pytest

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.planner import calibration_runs

FOLDER = paths.root() / "results" / "reference"


def test_a_folder_that_was_measured_is_read():
    """No cloud is started; the plan's own folder takes the figures, and the measured one stays as it was."""
    found = calibration_runs.calibration_runs(str(FOLDER), experiment_id="of-a-folder")

    assert found.stamp == "local cloud"
    assert set(found.tables.runs["arm"]) >= {"distributed"}
    assert found.folder == paths.results() / "of-a-folder"
    assert found.folder.is_dir() and found.folder != FOLDER


def test_its_conclusion_is_written_beside_the_figures():
    """The finding as any experiment's summary has it; plans once, their inputs once."""
    found = calibration_runs.calibration_runs(
        str(FOLDER / "runs" / "reference-warm-d1"), experiment_id="concluded"
    )
    plans = [{"job": 1, "inputs": [{"name": "a"}]}, {"job": 2, "inputs": [{"name": "a"}]}]

    calibration_runs.save_plan(
        found, "So it is.", plans=plans, validated=pd.DataFrame(), held_out=pd.DataFrame()
    )

    assert json.loads((found.folder / "summary.json").read_text())["finding"] == "So it is."
    content = json.loads((found.folder / "plan.json").read_text())
    assert content["plans"] == [{"job": 1}, {"job": 2}]
    assert content["inputs"] == [{"name": "a"}]


def test_a_folder_that_is_not_there_is_told():
    with pytest.raises(RunError, match="there is no run or experiment nowhere"):
        calibration_runs.calibration_runs("nowhere", experiment_id="of-nothing")
