"""What a report is of: an experiment's or a run's folder, its facts and summary, and what is not finished."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib import analysis, paths
from lambdist_lib.errors import LambdistError, RunError
from lambdist_lib.measures import ledger
from lambdist_lib.results import folders, schema, tables

COUNTS = ("submitted", "stored", "dead", "rejected", "unsent", "in_flight", "lost")
MOST_WARNINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """facts: of experiment.json, or of each run.json where there is none. runs: facts by run folder;
    empty where git keeps only the tables."""

    home: Path
    facts: list[dict[str, Any]]
    runs: dict[Path, dict[str, Any]]

    def collected(self) -> list[Path]:
        return [home for home, facts in self.runs.items() if facts["state"] == "collected"]


def find(where: str) -> Source:
    """What there is of a run or an experiment, by id or folder.

    Raises:
        RunError: Nothing, or a file of it is damaged.
    """
    for home in (Path(where), paths.results() / where):
        has_runs, told = any(home.glob("runs/*/run.json")), home / "experiment.json"
        if has_runs or (told.exists() and (home / "summary.json").exists()):
            runs = {one: folders.read_facts(one) for one in folders.find(str(home))} if has_runs else {}
            return Source(home=home, facts=[_json(told)] if told.exists() else [*runs.values()], runs=runs)
    [run] = folders.find(where)
    facts = folders.read_facts(run)
    return Source(home=run, facts=[facts], runs={run: facts})


def summary(source: Source) -> dict[str, Any]:
    """Of its folder, if its ledger is still that of the runs; else measured again, and written there.

    Raises:
        RunError: As `analysing.summarise`; an open ledger is none: the target then says so.
    """
    homes = [*source.runs]
    path = (homes[0] if len(homes) == 1 else source.home) / "summary.json"  # as `analysing` writes it
    if path.exists():
        content = _json(path)
        known = {row["run_id"]: [row[name] for name in COUNTS] for row in content["ledger"]}
        found = {home.name: [source.runs[home][name] for name in COUNTS] for home in source.collected()}
        if known == found or not source.runs:
            return content
    return analysis.summarise(source.home, insist=True)


def runs(source: Source) -> pd.DataFrame:
    """The runs that have ended, of `columns.RUNS`."""
    if not source.runs:
        return tables.load(source.home, "runs")
    facts = [source.runs[home] for home in source.collected()]
    return pd.DataFrame([{name: one.get(name) for name in schema.RUNS} for one in facts])


def warnings(source: Source, target: str = "") -> list[str]:
    """What is not finished, and what to type then.

    Args:
        target: The summary's, which says of an open ledger.
    """
    under_way = len(source.runs) - len(source.collected())
    said = []
    if under_way:
        what = f"{under_way} of {len(source.runs)} runs have not ended and are not in this report"
        said.append(f"Unfinished: {what}; `lambdist resume {source.home.name}` finishes them.")
    if ledger.OPEN in target:
        said.append(f"The ledger is open: {target.partition(f'{ledger.OPEN}: ')[2]} datapoints.")
    for home in source.collected():
        try:
            folders.require_finished(source.runs[home])
        except LambdistError as error:
            said.append(f"{error}.")
    return said[:MOST_WARNINGS]


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise RunError(f"{paths.shown(path)} is missing or damaged; run again") from None
