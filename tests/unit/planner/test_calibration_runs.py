"""Runs that calibrate a plan, read from a folder."""

import json

import pandas as pd
import pytest

from lambdist_lib import paths
from lambdist_lib.errors import RunError
from lambdist_lib.planner import calibration_runs

FOLDER = paths.root() / "results" / "reference"


def test_calibration_runs_reads_a_measured_folder():
    """No cloud starts; the plan's own folder takes the figures, and the measured one does not change."""
    runs = calibration_runs.calibration_runs(str(FOLDER), experiment_id="of-a-folder")

    assert runs.target_label == "local cloud"
    assert set(runs.results.runs["arm"]) >= {"distributed"}
    assert runs.folder == paths.results() / "of-a-folder"
    assert runs.folder.is_dir() and runs.folder != FOLDER


def test_save_plan_writes_beside_the_figures():
    """The finding is in the summary; plans and their inputs are written once."""
    runs = calibration_runs.calibration_runs(
        str(FOLDER / "runs" / "reference-warm-d1"), experiment_id="concluded"
    )
    plans = [{"job": 1, "inputs": [{"name": "a"}]}, {"job": 2, "inputs": [{"name": "a"}]}]

    calibration_runs.save_plan(
        runs, "So it is.", plans=plans, validated=pd.DataFrame(), held_out=pd.DataFrame()
    )

    assert json.loads((runs.folder / "summary.json").read_text())["finding"] == "So it is."
    content = json.loads((runs.folder / "plan.json").read_text())
    assert content["plans"] == [{"job": 1}, {"job": 2}]
    assert content["inputs"] == [{"name": "a"}]


def test_missing_folder_is_an_error():
    """The message names it."""
    with pytest.raises(RunError, match="there is no run or experiment nowhere"):
        calibration_runs.calibration_runs("nowhere", experiment_id="of-nothing")
