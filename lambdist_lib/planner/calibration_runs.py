"""Measure or read the runs that calibrate a plan.

runs = calibration_runs(runs=11, chunks=20, work="io:20ms")
runs.results.runs, runs.folder
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.analysis import Results, load_results
from lambdist_lib.experiment import Experiment
from lambdist_lib.results import files, folders


@dataclass(frozen=True, slots=True)
class CalibrationRuns:
    """Hold warm runs of the distributed arm; `folder` takes the plan's figures."""

    folder: Path
    results: Results
    target_label: str


def calibration_runs(
    calibrate_from: str = "",
    *,
    runs: int = 11,
    experiment_id: str = "",
    **options: Any,
) -> CalibrationRuns:
    """Measure warm runs, or read those of a folder.

    Args:
        calibrate_from: A run or an experiment; "" to measure `runs` warm runs, one after the other, on
            stacks that are deleted at the end.
        options: As `Experiment` takes them, such as `chunks` and `processors`.

    Raises:
        RunError, UsageError: As `Experiment` and `load_results`.
    """
    if calibrate_from:
        folder = paths.results() / folders.checked_id(experiment_id or folders.new_id("plan"))
        folder.mkdir(parents=True, exist_ok=True)
        results = load_results(calibrate_from)
        return CalibrationRuns(folder, results, results.target_label)
    with Experiment(experiment_id=experiment_id, arms=("distributed",), **options) as experiment:
        experiment.deploy()
        experiment.run_pairs(runs)
        experiment.ledger()
        results = experiment.results
    return CalibrationRuns(experiment.folder, results, results.target_label)


def save_plan(
    runs: CalibrationRuns,
    finding: str,
    *,
    plans: list[dict[str, Any]],
    validated: pd.DataFrame,
    held_out: pd.DataFrame,
) -> None:
    """Write finding, plans and validation beside the figures, as `summary.json` and `plan.json`."""
    if list(runs.folder.glob("runs/*/run.json")):
        load_results(runs.folder).summarise(finding)
    else:
        files.write_json(runs.folder / "summary.json", {"finding": finding})
    content = {
        "finding": finding,
        "plans": [{name: part for name, part in plan.items() if name != "inputs"} for plan in plans],
        "inputs": plans[0]["inputs"] if plans else [],
        "validation": validated.to_dict("records"),
        "held_out": held_out.to_dict("records"),
    }
    files.write_json(runs.folder / "plan.json", content)
