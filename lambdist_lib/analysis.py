"""What an experiment's or a run's folder holds, read again and measured: no cloud is needed.

analysing.tables("results/reference")       runs, records, invocations
analysing.summarise("results/reference")    every measure, also into its summary.json
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lambdist_lib.costs import assumptions, metering
from lambdist_lib.costs.estimate import WRITE_BYTES
from lambdist_lib.errors import RunError
from lambdist_lib.measures import dead_letters, summary
from lambdist_lib.protocol.contract import DEAD
from lambdist_lib.results import files, folders, schema
from lambdist_lib.results import tables as results_tables
from lambdist_lib.runs import ground_truth


class Tables(NamedTuple):
    """Of `columns`: a row per run, per datapoint and per invocation."""

    runs: pd.DataFrame
    records: pd.DataFrame
    invocations: pd.DataFrame


def tables(where: str | Path) -> Tables:
    """The tables of a run or of all collected runs of an experiment, by id or folder.

    Raises:
        RunError: There is none, or a file of it is missing, damaged or of another version.

    Example:
        >>> runs, records, invocations = tables("results/reference")
        >>> sorted(set(runs["arm"]))
        ['distributed', 'single_node', 'single_node_parallel']
        >>> bool((runs["submitted"] == runs["stored"] + runs["dead"]).all())
        True
    """
    facts = {folder: folders.read_facts(folder) for folder in folders.find(str(where))}
    homes = [folder for folder, row in facts.items() if row["state"] == "collected"]
    if not homes:
        raise RunError(f"no run of {where} has ended yet; `lambdist resume {where}` finishes it")
    runs = pd.DataFrame([{name: facts[folder].get(name) for name in schema.RUNS} for folder in homes])
    return Tables(runs, concat_tables(homes, "records"), concat_tables(homes, "invocations"))


def concat_tables(homes: list[Path], name: str) -> pd.DataFrame:
    """One table of several runs' folders."""
    loaded = [results_tables.load(folder, name) for folder in homes]
    filled = [table for table in loaded if not table.empty]
    return pd.concat(filled, ignore_index=True) if filled else loaded[0]


def expected_outcomes(homes: list[Path]) -> pd.DataFrame:
    """What the fault plans of those of the runs that have one had decided: `run_id` and `truth.Planned`."""
    found = [
        results_tables.load(home, "truth").assign(run_id=home.name)
        for home in homes
        if (home / ground_truth.FILE).exists()
    ]
    names = ["run_id", *ground_truth.ExpectedOutcome.__dataclass_fields__]
    return pd.concat(found, ignore_index=True)[names] if found else pd.DataFrame(columns=names)


def planned_vs_actual(where: str | Path) -> pd.DataFrame:
    """How the datapoints of runs with declared faults were to end, against how they did.

    Returns:
        `measures.dead_letters.confusion` of all runs that have a plan; empty where none has.
        What was sent again after its death is left out: no plan was made for that.
    """
    homes = [home for home in folders.find(str(where)) if (home / ground_truth.FILE).exists()]
    if not homes:
        return pd.DataFrame()
    table, plan = concat_tables(homes, "records"), expected_outcomes(homes).set_index(["run_id", "n"])
    fate = plan["cause_class"].where(plan["outcome"] == DEAD, plan["outcome"])
    keys = pd.MultiIndex.from_frame(table[["run_id", "n"]])
    of_rows = pd.Series(fate.reindex(keys).to_numpy(), index=table.index)
    return dead_letters.confusion(table, of_rows.where(table["redrives"] == 0))


def result_units(homes: list[Path], table: assumptions.Table) -> dict[str, int]:
    """By run, what DynamoDB charged for its results: a unit for each KB of an item."""
    beside = table["item_bytes"].value

    def units(home: Path) -> int:
        with (home / "outputs.jsonl").open("rb") as file:
            return sum(math.ceil((beside + len(line)) / WRITE_BYTES) for line in file if b'"result":' in line)

    return {home.name: units(home) for home in homes if (home / "outputs.jsonl").exists()}


def costs(where: str | Path, *, limits_file: str = "", free_tier: bool = False) -> metering.Costs:
    """What runs used at AWS's prices, beside what their conditions let expect.

    Args:
        limits_file: Prices known better, as TOML (`limits.load`).
        free_tier: Of the table only: take off what an account has for nothing in a month of these runs.

    Raises:
        RunError: As `tables`.
    """
    of, prices = tables(where), assumptions.load(limits_file or None)
    units = result_units(folders.find(str(where)), prices)
    return metering.costs(metering.meter_runs(*of, prices, units=units), prices, free_tier=free_tier)


def summarise(where: str | Path, *, insist: bool = False, finding: str = "") -> dict[str, Any]:
    """Measure everything, and write it beside the runs as `summary.json`.

    Args:
        insist: Measure although a ledger is open; everything then says so.
        finding: In place of the comparison of fan-out and single node, where that was not the question.

    Raises:
        RunError: As `tables`, or a ledger is open.
    """
    found = folders.find(str(where))
    experiment = found[0].parents[1]
    of = tables(where)
    target = ", ".join(dict.fromkeys(run for run in of.runs["target"] if run))
    cloud = of.runs.loc[of.runs["arm"] != "local_pool", "target"]
    content = {
        "experiment_id": experiment.name,
        **summary.build(
            *of, target=cloud.iloc[0] if len(cloud) else target, costs=costs(where), insist=insist
        ),
    }
    content["finding"] = finding or content["finding"]
    content["tables"]["planned_and_found"] = planned_vs_actual(where).reset_index().to_dict("records")
    files.write_json((experiment if len(found) > 1 else found[0]) / "summary.json", content)
    return content
