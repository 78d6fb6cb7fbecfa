"""Measure a prediction's inputs on runs, each with its interval and its target.

Runs on AWS alone give the start of environments, the network and the table's write. No run gives the
mapping's
ramp: a run that fits one machine does not show it.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lambdist_lib.cloud.limits import LIMITS, ON_AWS, ON_LOCAL_CLOUD, Number, number
from lambdist_lib.costs import assumptions
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError
from lambdist_lib.formatting import counted
from lambdist_lib.measures.intervals import as_numbers, mean_half_width, quantiles, share
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import DEAD, STORED

OPEN = ("lost", "in_flight", "unsent")
MIN_VALUES = 2  # for a mean with an interval
RECORDS = (
    "run_id",
    "outcome",
    "total_s",
    "received_at",
    "done_at",
    "queued_at",
    "receives",
    "started_at",
    "finished_at",
    "request_id",
    "failures",
    "redrives",
)  # columns of the records that it reads
PROCESSORS_BEFORE = 10  # of runs that were recorded before `processors` was a column


@dataclass(frozen=True, slots=True)
class Measured:
    """Hold the numbers that any target gives, and the tables behind them.

    stored: records; processors: their invocations, with `queued_at` of the last message of each.
    """

    maker: "Maker"
    numbers: dict[str, Number]
    stored: pd.DataFrame
    invocations: pd.DataFrame
    processors: pd.DataFrame


def calibrate(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Table:
    """Measure the numbers of `limits` that runs of the distributed arm give.

    Args:
        runs, records, invocations: Of one target (`results.schema`); of the records the columns RECORDS
            are enough.

    Raises:
        RunError: There is no such run, one is incomplete, or its declared work cannot be separated from the
            time of process().
    """
    measurement = measured(runs, records, invocations)
    return measurement.numbers | (_aws_only(measurement) if measurement.maker.on_aws else {})


def measured(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Measured:
    """Measure as `calibrate`, without the numbers that only AWS gives.

    Raises:
        RunError: No run of the distributed arm, an open ledger, several targets, or too few datapoints.
    """
    runs = runs[runs["arm"] == "distributed"]
    if runs.empty:
        raise RunError(
            "there is no run of the distributed arm to calibrate from; `lambdist submit FILE` makes one"
        )
    for run in runs.itertuples():
        require_complete(run)
    records = records[records["run_id"].isin(runs["run_id"])]
    invocations = invocations[invocations["run_id"].isin(runs["run_id"])]
    [target] = runs["target"].unique() if runs["target"].nunique() == 1 else [None]
    if target is None:
        raise RunError("runs on several targets cannot calibrate one prediction: name a single run")
    maker = Maker(", ".join(runs["run_id"].head(3)), runs, on_aws=target.startswith("AWS"))
    stored = records[records["outcome"] == STORED].merge(runs[["run_id", "work"]], on="run_id")
    if len(stored) < MIN_VALUES:
        stored_count = counted(len(stored), "datapoints")
        raise RunError(
            f"{maker.source} stored {stored_count}, and a calibration needs {MIN_VALUES}: name a larger run"
        )
    worked_s = as_numbers(stored["finished_at"]) - as_numbers(stored["started_at"])
    numbers = {**_process(stored, worked_s, maker), **_handler(stored, worked_s, invocations, maker)}
    if (runs["fault"] == "none").all():
        numbers |= _failures(records, maker)
    queued = as_numbers(stored["queued_at"]).groupby(stored["request_id"]).max()
    processors = invocations[invocations["function"] == "processor"]
    processors = processors.assign(queued_at=processors["request_id"].map(queued))
    return Measured(maker, numbers, stored, invocations, processors)


def inputs(table: Table) -> pd.DataFrame:
    """Return one row per limit that the planner reads: value, spread, provenance and source."""
    rows = [row for row in assumptions.rows(table) if row["name"] in LIMITS]
    names = ["value", "low", "high", "unit", "provenance", "source", "as_of"]
    return pd.DataFrame(rows).set_index("name")[names].sort_values("provenance", kind="stable")


def processors_of(run: Any) -> int:
    """Return the most processors at once of a run, also of one recorded before that was a column.

    Args:
        run: A row of `runs`.
    """
    processors = pd.to_numeric(run.get("processors"), errors="coerce")
    return int(processors) if processors and processors > 0 else PROCESSORS_BEFORE


def require_complete(run: Any) -> None:
    """Check that each datapoint of a run is accounted for.

    Raises:
        RunError: Datapoints are lost, in flight or unsent, so the run's times are not those of the whole job.
    """
    for outcome in OPEN:
        if count := int(getattr(run, outcome)):
            raise RunError(
                f"run {run.run_id} has {counted(count, 'datapoints')} {outcome.replace('_', ' ')}, so "
                f"its times and failures are not the job's; `lambdist resume {run.run_id}`, or name a "
                "complete run"
            )


class Maker:
    """Build numbers whose source is a run."""

    def __init__(self, source: str, runs: pd.DataFrame, *, on_aws: bool) -> None:
        self.source, self.on_aws = source, on_aws
        self.provenance = ON_AWS if on_aws else ON_LOCAL_CLOUD
        self.as_of = pd.to_datetime(runs["started_at"].max(), unit="s").strftime("%Y-%m-%d")

    def number(self, name: str, value: float, low: float, high: float, n: int) -> Number:
        unit = LIMITS[name].unit
        source = f"run {self.source}, n = {n:,}"
        spread = (min(low, value), max(high, value)) if math.isfinite(low + high) else (value, value)
        return number(value, unit, source, self.as_of, self.provenance, spread)

    def mean(self, name: str, values: pd.Series) -> dict[str, Number]:
        values = values.dropna()
        if len(values) < MIN_VALUES:
            return {}
        center = float(values.mean())
        half = mean_half_width(values, len(values))
        ends = max(center - half, 0.0), max(center + half, 0.0)
        return {name: self.number(name, max(center, 0.0), *ends, len(values))}

    def median(self, name: str, values: pd.Series) -> dict[str, Number]:
        [median] = quantiles(values, (0.5,))
        if not median.n or not median.value > 0:
            return {}
        return {name: self.number(name, median.value, median.low, median.high, median.n)}


def _process(stored: pd.DataFrame, worked_s: pd.Series, maker: Maker) -> dict[str, Number]:
    """Measure process() without the declared work."""
    declared = {text: faults.parse_work(text) for text in stored["work"].unique()}
    if any(work.kind == "cpu" for work in declared.values()):
        raise RunError(
            f"run {maker.source} declared computing, whose time depends on the machine's free cores: "
            "calibrate from a run with --work none or io"
        )
    own_s = worked_s - stored["work"].map({text: work.seconds for text, work in declared.items()})
    numbers = maker.mean("process_s", own_s)
    if numbers and numbers["process_s"].value > 0:
        cv = float(own_s.std() / numbers["process_s"].value)
        numbers["process_cv"] = maker.number("process_cv", cv, math.nan, math.nan, len(own_s))
    return numbers


def _handler(
    stored: pd.DataFrame, worked_s: pd.Series, invocations: pd.DataFrame, maker: Maker
) -> dict[str, Number]:
    """Measure an invocation beside its datapoints and writes, where it stored all that it received."""
    processors = invocations[(invocations["function"] == "processor") & invocations["request_id"].ne("")]
    stored_all = as_numbers(processors["received"]) == as_numbers(processors["stored"])
    clean = processors[stored_all].set_index("request_id")
    of_datapoints = worked_s.groupby(stored["request_id"]).sum()
    beside = as_numbers(clean["duration_s"]) - as_numbers(clean["put_s"]) - of_datapoints.reindex(clean.index)
    return maker.mean("handler_s", beside)


def _failures(records: pd.DataFrame, maker: Maker) -> dict[str, Number]:
    """Measure failures of runs without declared faults.

    A dead datapoint failed at every attempt, so it counts as permanent and its attempts do not count for
    p_fail. Attempts of datapoints that were sent again do not count either, so that a redrive changes
    neither number.
    """
    settled = records[records["outcome"].isin((STORED, DEAD))]
    redriven = as_numbers(settled["redrives"]).fillna(0) > 0
    clean = settled[(settled["outcome"] == STORED) & ~redriven]
    attempts = int(as_numbers(clean["receives"]).fillna(0).sum())
    failed = int(as_numbers(clean["failures"]).fillna(0).sum())
    numbers = {}
    if attempts and attempts >= failed:
        fail = share(failed, attempts)
        numbers["p_fail"] = maker.number("p_fail", fail.share, fail.low, fail.high, attempts)
    if dead := int((settled["outcome"] == DEAD).sum()):
        permanent = share(dead, len(settled))
        numbers["p_permanent"] = maker.number(
            "p_permanent", permanent.share, permanent.low, permanent.high, len(settled)
        )
    return numbers


def _aws_only(measurement: Measured) -> dict[str, Number]:
    maker, called, stored = measurement.maker, measurement.processors, measurement.stored
    cold = called["cold"].astype(str).str.lower() == "true"
    writes = as_numbers(called["stored"])
    way_s = as_numbers(stored["total_s"]) - (
        as_numbers(stored["done_at"]) - as_numbers(stored["received_at"])
    )
    return {
        **maker.median("init_s", as_numbers(called.loc[cold, "init_s"])),
        **maker.median("put_s", (as_numbers(called["put_s"]) / writes)[writes > 0]),
        **maker.median("network_s", way_s),
        "api_overhead_s": maker.number("api_overhead_s", 0.0, 0.0, 0.0, len(way_s)),  # within network_s
    }
