"""The runs that a plan is calibrated from: a sitting on the local cloud, or a folder of one that was.

found = rehearsal.rehearse(runs=11, chunks=20, work="io:20ms")
found.results.runs, found.folder
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
    """`folder` is where the plan's figures go; `results` are of warm runs of the distributed arm."""

    folder: Path
    results: Results
    stamp: str


def calibration_runs(
    measured: str = "",
    *,
    runs: int = 11,
    maximum_concurrency: int = 10,
    experiment_id: str = "",
    **options: Any,
) -> CalibrationRuns:
    """Measure, or read what was measured.

    Args:
        measured: A run or an experiment; "" for a sitting of `runs` warm runs, one after the other, on
            stacks that are deleted at the end.
        options: As `Experiment` takes them, for the sitting.

    Raises:
        RunError, UsageError: As `Experiment` and `load_results`.
    """
    if measured:
        folder = paths.results() / folders.checked_id(experiment_id or folders.new_id("plan"))
        folder.mkdir(parents=True, exist_ok=True)
        results = load_results(measured)
        return CalibrationRuns(folder, results, results.target_label)
    with Experiment(
        experiment_id=experiment_id, arms=("distributed",), processors=maximum_concurrency, **options
    ) as sitting:
        sitting.deploy()
        sitting.run_pairs(runs)
        sitting.ledger()
        results = sitting.results
    return CalibrationRuns(sitting.folder, results, results.target_label)


def save_plan(
    found: CalibrationRuns,
    finding: str,
    *,
    plans: list[dict[str, Any]],
    validated: pd.DataFrame,
    held_out: pd.DataFrame,
) -> None:
    """Write what was found beside the figures, as `summary.json` and `plan.json`."""
    if list(found.folder.glob("runs/*/run.json")):
        load_results(found.folder).summarise(finding)
    else:
        files.write_json(found.folder / "summary.json", {"finding": finding})
    content = {
        "finding": finding,
        "plans": [{name: one for name, one in plan.items() if name != "inputs"} for plan in plans],
        "inputs": plans[0]["inputs"] if plans else [],
        "validation": validated.to_dict("records"),
        "held_out": held_out.to_dict("records"),
    }
    files.write_json(found.folder / "plan.json", content)
