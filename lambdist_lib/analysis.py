"""Read the results of an experiment or a run, and measure them; no cloud is needed.

results = load_results("reference")     an id, a folder, or a Results
results.runs                            one row per run
results.finding()                       the conclusion in words
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from lambdist_lib.cloud.targets import LOCAL_LABEL
from lambdist_lib.costs import assumptions, metering
from lambdist_lib.costs.estimate import WRITE_BYTES
from lambdist_lib.errors import RunError
from lambdist_lib.measures import dead_letters, finding, ledger, stages, summary
from lambdist_lib.protocol.arms import is_local
from lambdist_lib.protocol.contract import DEAD
from lambdist_lib.results import closing, files, folders
from lambdist_lib.results import outputs as results_outputs
from lambdist_lib.results import tables as results_tables
from lambdist_lib.runs import ground_truth

PLANNED = ("run_id", "n", "outcome", "cause_class", "redrives")  # of records, to compare with a plan


@dataclass(frozen=True, kw_only=True)
class Results:
    """The collected runs of an experiment, or one run, as tables.

    folder: of the experiment, or of the run. run_folders: of the runs that are read.
    allow_incomplete: measure although datapoints are unaccounted for; labels then say so.
    """

    folder: Path
    run_folders: tuple[Path, ...]
    allow_incomplete: bool = False

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run (`schema.RUNS`); with `allow_incomplete` `target` says that the ledger is open."""
        runs = results_tables.runs_table(folders.read_facts(folder) for folder in self.run_folders)
        return ledger.mark_incomplete(runs, self._counts) if self.allow_incomplete else runs

    @functools.cached_property
    def records(self) -> pd.DataFrame:
        """One row per datapoint and run (`schema.RECORDS`)."""
        return results_tables.load_all(self.run_folders, "records")

    @functools.cached_property
    def invocations(self) -> pd.DataFrame:
        """One row per Lambda invocation (`schema.INVOCATIONS`)."""
        return results_tables.load_all(self.run_folders, "invocations")

    def read(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """Read these columns of `records` or `invocations`; a large table takes less memory so.

        Args:
            name: `records` or `invocations`.
            columns: In any order; the table has them in that of `results.schema`.
        """
        if name in self.__dict__:
            table: pd.DataFrame = self.__dict__[name]
            return table[[column for column in table if column in columns]]
        return results_tables.load_all(self.run_folders, name, columns)

    @functools.cached_property
    def _measured(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The columns of the records and of the invocations that measures read."""
        return self.read("records", summary.RECORDS), self.read("invocations", summary.INVOCATIONS)

    @property
    def target_label(self) -> str:
        """Where the runs ran, for titles: `local cloud`, or AWS and its region."""
        cloud = self.runs.loc[~self.runs["arm"].map(is_local).astype(bool), "target"]
        labels = cloud if len(cloud) else self.runs["target"]
        return ", ".join(dict.fromkeys(label for label in labels[:1] if label))

    def outputs(self) -> Iterator[dict[str, Any]]:
        """Yield each datapoint's answer in input order, from the first distributed run.

        Yields:
            `{"n", "data", "result"}` or `{"n", "data", "error"}`; what `process=` received and
            returned, as Python objects.
        """
        arms = {folder: folders.read_facts(folder)["arm"] for folder in self.run_folders}
        chosen = [folder for folder, arm in arms.items() if arm == "distributed"] or list(arms)
        return results_outputs.objects(chosen[0])

    def frame(self) -> pd.DataFrame:
        """Return the answers as a table: the inputs, the results and the errors, indexed by n.

        Dicts become a column for each key, anything else one column `data` or `result`. A key of the
        results that the inputs have, too, is `result_KEY`; the keys `n` and `error` are `data_KEY` of
        inputs and `result_KEY` of results. Without errors there is no column `error`.
        """
        return results_outputs.frame(self.outputs())

    def ledger(self) -> pd.DataFrame:
        """Count where the datapoints of each run ended: a column per outcome.

        Raises:
            RunError, UnfinishedError: Datapoints are lost, unsent or in flight; `allow_incomplete`
                turns that off.
        """
        if not self.allow_incomplete:
            ledger.require_balanced(self._counts)
            for folder in self.run_folders:
                closing.require_finished(folders.read_facts(folder))
        return self._counts

    @functools.cached_property
    def _counts(self) -> pd.DataFrame:
        return ledger.count(self._measured[0])

    def expected_outcomes(self) -> pd.DataFrame:
        """Return what the fault plans had decided: `run_id` and the fields of `ExpectedOutcome`."""
        return expected_outcomes(self.run_folders)

    def planned_vs_actual(self) -> pd.DataFrame:
        """Count how datapoints of runs with declared faults were to end, against how they did.

        Returns:
            `measures.dead_letters.confusion` of all runs that have a plan; empty if none has.
            A datapoint that was sent again after its death is left out: it has no plan.
        """
        planned_folders = [folder for folder in self.run_folders if (folder / ground_truth.FILE).exists()]
        if not planned_folders:
            return pd.DataFrame()
        table = results_tables.load_all(planned_folders, "records", PLANNED)
        plan = expected_outcomes(planned_folders).set_index(["run_id", "n"])
        expected = plan["cause_class"].where(plan["outcome"] == DEAD, plan["outcome"])
        keys = pd.MultiIndex.from_frame(table[["run_id", "n"]])
        of_rows = pd.Series(expected.reindex(keys).to_numpy(), index=table.index)
        return dead_letters.confusion(table, of_rows.where(table["redrives"] == 0))

    def costs(self, *, limits_file: str = "", free_tier: bool = False) -> metering.Costs:
        """Price what the runs used at AWS's rates, beside what their conditions predict, in USD.

        Args:
            limits_file: Your own prices as TOML (`assumptions.load`).
            free_tier: Subtract the AWS free tier, of the table only.
        """
        return self._priced(limits_file, free_tier) if limits_file or free_tier else self._costs

    @functools.cached_property
    def _costs(self) -> metering.Costs:
        return self._priced("", False)

    def _priced(self, limits_file: str, free_tier: bool) -> metering.Costs:
        prices = assumptions.load(limits_file or None)
        units = result_units(self.run_folders, prices)
        metered = metering.meter_runs(self.runs, *self._measured, prices, units=units)
        return metering.costs(metered, prices, free_tier=free_tier)

    def clock_uncertainty_s(self) -> float:
        """Bound the difference of two clocks' stamps, in seconds.

        On the local cloud all are one clock, and SQS cuts its stamps to milliseconds. Elsewhere, and where
        a run's client clock was corrected, it is the bound that the requests' stamps gave.
        """
        bounds_s = pd.to_numeric(self.runs["clock_bound_s"], errors="coerce")
        corrected = pd.to_numeric(self.runs["clock_offset_s"], errors="coerce").fillna(0.0).ne(0).any()
        if self.target_label.startswith(LOCAL_LABEL) and not corrected:
            return stages.SQS_STAMP_S
        if bounds_s.notna().any():
            return float(bounds_s.max())
        return float(self.read("records", ["total_s"])["total_s"].max())

    def finding(self) -> str:
        """Return the conclusion in words, computed from the runs."""
        return finding.finding(self.runs, self.target_label)

    def summarise(
        self,
        finding: str = "",
        *,
        conclusion: str = "",
        tables: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Compute every measure, and write it beside the runs as `summary.json`.

        Args:
            finding: Replaces the comparison of fan-out and single node, if that was not the question.
            conclusion: Sentences that follow the finding.
            tables: Further tables of the summary, by name.

        Raises:
            RunError: The ledger is open.
        """
        experiment = self.run_folders[0].parents[1]
        content = {
            "experiment_id": experiment.name,
            **summary.build(
                self.runs,
                *self._measured,
                target=self.target_label,
                costs=self.costs(),
                allow_incomplete=self.allow_incomplete,
            ),
        }
        content["finding"] = " ".join(filter(None, [finding or content["finding"], conclusion]))
        content["conclusion"] = conclusion
        further = {name: table.to_dict("records") for name, table in tables.items()}
        content["tables"] |= summary.json_safe(further)
        content["tables"]["planned_and_found"] = self.planned_vs_actual().reset_index().to_dict("records")
        files.write_json(self.folder / "summary.json", content)
        return content


def load_results(where: "str | Path | Results", *, allow_incomplete: bool = False) -> Results:
    """Read the collected runs of an experiment, or one run.

    Args:
        where: Id or folder of an experiment or a run; a `Results` is returned as it is.
        allow_incomplete: Measure although datapoints are unaccounted for.

    Raises:
        RunError: There is no such run, none has been collected, or a file is missing or damaged.

    Example:
        >>> results = load_results("results/reference")
        >>> sorted(set(results.runs["arm"]))
        ['distributed', 'single_node', 'single_node_parallel']
        >>> bool((results.runs["submitted"] == results.runs["stored"] + results.runs["dead"]).all())
        True
    """
    if isinstance(where, Results):
        return where
    run_folders = folders.find(str(where))
    collected = tuple(f for f in run_folders if folders.read_facts(f)["state"] == "collected")
    if not collected:
        raise RunError(f"no run of {where} has ended: finish it with `lambdist resume {where}`")
    experiment = run_folders[0].parents[1]  # also one that has a single run
    is_run = len(run_folders) == 1 and experiment.name != Path(where).resolve().name
    folder = run_folders[0] if is_run else experiment
    return Results(folder=folder, run_folders=collected, allow_incomplete=allow_incomplete)


def expected_outcomes(run_folders: Sequence[Path]) -> pd.DataFrame:
    """Read what the fault plans of those runs that have one had decided."""
    tables = [
        results_tables.load(folder, "truth").assign(run_id=folder.name)
        for folder in run_folders
        if (folder / ground_truth.FILE).exists()
    ]
    names = ["run_id", *ground_truth.ExpectedOutcome.__dataclass_fields__]
    return pd.concat(tables, ignore_index=True)[names] if tables else pd.DataFrame(columns=names)


def result_units(run_folders: Sequence[Path], prices: assumptions.Table) -> dict[str, int]:
    """Return by run what DynamoDB charged for its results: a unit for each KB of an item."""
    item_bytes = prices["item_bytes"].value

    def units(folder: Path) -> int:
        with (folder / "outputs.jsonl").open("rb") as file:
            return sum(
                math.ceil((item_bytes + len(line)) / WRITE_BYTES) for line in file if b'"result":' in line
            )

    return {folder.name: units(folder) for folder in run_folders if (folder / "outputs.jsonl").exists()}
