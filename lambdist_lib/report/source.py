"""Find what a report is made from: a folder, its facts and summary, and what is unfinished."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import paths
from lambdist_lib.analysis import load_results
from lambdist_lib.errors import LambdistError, RunError
from lambdist_lib.measures import ledger, machine
from lambdist_lib.planner import outlook
from lambdist_lib.results import closing, folders, schema, tables
from lambdist_lib.results.files import read_json

COUNTS = ("submitted", "stored", "dead", "rejected", "unsent", "in_flight", "lost")
MAX_WARNINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The folder of an experiment or a run.

    facts: of experiment.json, or of each run.json without one. runs: facts by run folder; empty
    where git keeps only the tables.
    """

    folder: Path
    facts: list[dict[str, Any]]
    runs: dict[Path, dict[str, Any]]

    def collected(self) -> list[Path]:
        """Return the folders of the runs that were collected."""
        return [folder for folder, facts in self.runs.items() if facts["state"] == "collected"]


def find(where: str) -> Source:
    """Find an experiment or a run by id or folder.

    Raises:
        RunError: There is no such experiment or run, or a file is damaged.
    """
    result = folders.locate(where)
    runs = {run: folders.read_facts(run) for run in result.runs}
    path = result.experiment_file
    if not runs and not (result.folder / "summary.json").exists():
        raise RunError(f"{paths.shown(result.folder)} has no runs: add some with `lambdist run`")
    return Source(folder=result.folder, facts=[read_json(path)] if path else [*runs.values()], runs=runs)


def summary(source: Source) -> dict[str, Any]:
    """Read `summary.json` if it matches the runs; else measure again and write it.

    Raises:
        RunError: As `Results.summarise`. An open ledger is no error: the target then names it.
    """
    path = source.folder / "summary.json"
    if path.exists():
        content = read_json(path)
        known = {row["run_id"]: [row[name] for name in COUNTS] for row in content["ledger"]}
        current = {
            folder.name: [source.runs[folder][name] for name in COUNTS] for folder in source.collected()
        }
        if known == current or not source.runs:
            return content
    return outlook.summarise(load_results(source.folder, allow_incomplete=True))


def runs(source: Source) -> pd.DataFrame:
    """Read the runs that have ended; columns of `schema.RUNS`."""
    if not source.runs:
        return tables.load(source.folder, "runs")
    rows = [source.runs[folder] for folder in source.collected()]
    return pd.DataFrame([schema.run_row(row) for row in rows], columns=list(schema.RUNS))


def warnings(source: Source, target: str = "") -> list[str]:
    """Say what is unfinished, each with the command that finishes it.

    Args:
        target: The summary's; it names an open ledger.
    """
    unfinished = len(source.runs) - len(source.collected())
    texts = []
    if unfinished:
        count = f"{unfinished} of {len(source.runs)} runs have not ended and are not in this report"
        texts.append(f"Unfinished: {count}; `lambdist resume {source.folder.name}` finishes them.")
    if ledger.OPEN in target:
        texts.append(f"The ledger is open: {target.partition(f'{ledger.OPEN}: ')[2]} datapoints.")
    for folder in source.collected():
        try:
            closing.require_finished(source.runs[folder])
        except LambdistError as error:
            texts.append(f"{error}.")
    doubts = machine.warnings(runs(source))
    texts += [f"{text[0].upper()}{text[1:]}." for text in doubts]
    return texts[:MAX_WARNINGS]
