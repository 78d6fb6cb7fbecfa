"""Inputs of a prediction, measured on a run; with their intervals, and saying where they were measured.

What only AWS can give is taken from runs on AWS alone: the start of environments, the network, the
table's write. The mapping's ramp is never measured: a run that fits a machine does not show it.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from lambdist_lib.cloud.limits import LIMITS, ON_AWS, ON_LOCAL_CLOUD, Number, number
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError
from lambdist_lib.measures.intervals import quantiles, share
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.contract import STORED

OPEN = ("lost", "in_flight", "unsent")
FEWEST = 2  # datapoints for a mean with an interval


@dataclass(frozen=True, slots=True)
class Measured:
    """What any target gives, and the tables that it is from.

    stored: records; processors: their invocations, with `queued_at` of the last message of each.
    """

    maker: "Maker"
    numbers: dict[str, Number]
    stored: pd.DataFrame
    invocations: pd.DataFrame
    processors: pd.DataFrame


def calibrate(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Table:
    """The numbers that these runs of the distributed arm give, by the names of `limits`.

    Args:
        runs, records, invocations: Of one target (`columns`).

    Raises:
        RunError: There is no such run, one is open, or the work that it declared cannot be told from
            what process() itself took.
    """
    found = measured(runs, records, invocations)
    return found.numbers | (_aws_only(found) if found.maker.on_aws else {})


def measured(runs: pd.DataFrame, records: pd.DataFrame, invocations: pd.DataFrame) -> Measured:
    """As `calibrate`, without what only AWS can give."""
    runs = runs[runs["arm"] == "distributed"]
    if runs.empty:
        raise RunError(
            "there is no run of the distributed arm to calibrate from; `lambdist submit FILE` makes one"
        )
    for run in runs.itertuples():
        require_whole(run)
    records = records[records["run_id"].isin(runs["run_id"])]
    invocations = invocations[invocations["run_id"].isin(runs["run_id"])]
    [target] = runs["target"].unique() if runs["target"].nunique() == 1 else [None]
    if target is None:
        raise RunError("runs on several targets cannot calibrate one prediction; name a single run")
    maker = Maker(", ".join(runs["run_id"].head(3)), runs, on_aws=target.startswith("AWS"))
    stored = records[records["outcome"] == STORED].merge(runs[["run_id", "work"]], on="run_id")
    if len(stored) < FEWEST:
        raise RunError(f"run {maker.source} stored {len(stored)} datapoints, too few to calibrate from")
    worked_s = _numbers(stored["finished_at"]) - _numbers(stored["started_at"])
    found = {**_process(stored, worked_s, maker), **_handler(stored, worked_s, invocations, maker)}
    if (runs["fault"] == "none").all():
        found |= _failures(records, maker)
    queued = _numbers(stored["queued_at"]).groupby(stored["request_id"]).max()
    processors = invocations[invocations["function"] == "processor"]
    processors = processors.assign(queued_at=processors["request_id"].map(queued))
    return Measured(maker, found, stored, invocations, processors)


def inputs(table: Table) -> pd.DataFrame:
    """One row per number, prices left out: whose it is, its spread and its source."""
    rows = [{"name": name, **asdict(one)} for name, one in table.items()]
    found = pd.DataFrame(rows).set_index("name")
    names = ["value", "low", "high", "unit", "provenance", "source", "as_of"]
    return found.loc[~found.index.str.startswith(("price_", "free_")), names].sort_values(
        "provenance", kind="stable"
    )


def require_whole(run: Any) -> None:
    """Hold a run to its ledger.

    Raises:
        RunError: It lost datapoints or left some behind, so its times are not those of the whole job.
    """
    for outcome in OPEN:
        if count := int(getattr(run, outcome)):
            raise RunError(
                f"run {run.run_id} has {count:,} datapoints {outcome.replace('_', ' ')}, so its times and "
                f"failures are not the job's; `lambdist resume {run.run_id}`, or name a run that is whole"
            )


class Maker:
    """Makes numbers that say which run they are of."""

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
        from scipy.stats import sem, t  # takes a second to import

        values = values.dropna()
        if len(values) < FEWEST:
            return {}
        center = float(values.mean())
        half = float(t.ppf(0.975, len(values) - 1) * sem(values))
        ends = max(center - half, 0.0), max(center + half, 0.0)
        return {name: self.number(name, max(center, 0.0), *ends, len(values))}

    def median(self, name: str, values: pd.Series) -> dict[str, Number]:
        [found] = quantiles(values, (0.5,))
        if not found.n or not found.value > 0:
            return {}
        return {name: self.number(name, found.value, found.low, found.high, found.n)}


def _process(stored: pd.DataFrame, worked_s: pd.Series, maker: Maker) -> dict[str, Number]:
    """process() without the work that the run declared beside it."""
    declared = {text: faults.parse_work(text) for text in stored["work"].unique()}
    if any(work.kind == "cpu" for work in declared.values()):
        raise RunError(
            f"run {maker.source} declared computing, which takes as long as the machine has cores to spare; "
            "calibrate from a run with --work none or io"
        )
    own_s = worked_s - stored["work"].map({text: work.seconds for text, work in declared.items()})
    found = maker.mean("process_s", own_s)
    if found and found["process_s"].value > 0:
        cv = float(own_s.std() / found["process_s"].value)
        found["process_cv"] = maker.number("process_cv", cv, math.nan, math.nan, len(own_s))
    return found


def _handler(
    stored: pd.DataFrame, worked_s: pd.Series, invocations: pd.DataFrame, maker: Maker
) -> dict[str, Number]:
    """What an invocation takes beside its datapoints and their writes; of those that stored all they got."""
    called = invocations[(invocations["function"] == "processor") & invocations["request_id"].ne("")]
    clean = called[_numbers(called["received"]) == _numbers(called["stored"])].set_index("request_id")
    of_datapoints = worked_s.groupby(stored["request_id"]).sum()
    beside = _numbers(clean["duration_s"]) - _numbers(clean["put_s"]) - of_datapoints.reindex(clean.index)
    return maker.mean("handler_s", beside)


def _failures(records: pd.DataFrame, maker: Maker) -> dict[str, Number]:
    """Attempts that failed by themselves: of runs without declared faults."""
    attempts = int(_numbers(records["receives"]).fillna(0).sum())
    failed = int(_numbers(records["failures"]).fillna(0).sum())
    if attempts < failed or not attempts:
        return {}
    found = share(failed, attempts)
    return {"p_fail": maker.number("p_fail", found.share, found.low, found.high, attempts)}


def _aws_only(found: Measured) -> dict[str, Number]:
    maker, called, stored = found.maker, found.processors, found.stored
    cold = called["cold"].astype(str).str.lower() == "true"
    writes = _numbers(called["stored"])
    way_s = _numbers(stored["total_s"]) - (_numbers(stored["done_at"]) - _numbers(stored["received_at"]))
    return {
        **maker.median("init_s", _numbers(called.loc[cold, "init_s"])),
        **maker.median("put_s", (_numbers(called["put_s"]) / writes)[writes > 0]),
        **maker.median("network_s", way_s),
        "api_overhead_s": maker.number("api_overhead_s", 0.0, 0.0, 0.0, len(way_s)),  # within network_s
    }


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce")
