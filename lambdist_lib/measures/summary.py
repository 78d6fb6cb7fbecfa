"""Every measure of an experiment in one dictionary that JSON can hold: the content of `summary.json`.

    {"target", "meaningful", "finding", "cost", "confidence", "ledger": [...],
     "tables": {"stages": [...], ...},
     "measures": {"speedup": {"value", "low", "high", "n", "of", "unit", "target", "note"}, ...}}

A measure without a prefix is of the distributed arm where there is one; those of the other arms have
the arm's name before theirs: `makespan_s` and `single_node_makespan_s`. Times are of the warm runs,
or of those as found where none was declared warm; those of cold runs begin with `cold_`. What could
not be had is null, and its note says why. `flat` gives the numbers alone, named as for `--fail-if`.

Of a sweep, times have no meaning over all levels together: its measures are `speedup_chunks_20` and
`makespan_chunks_20_s` for each level, and its tables `by_level` and `laws`.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from lambdist_lib.costs import metering
from lambdist_lib.costs.metering import NO_COSTS, Costs
from lambdist_lib.errors import RunError
from lambdist_lib.measures import (
    cold_starts,
    concurrency,
    dead_letters,
    intervals,
    latency,
    ledger,
    scaling,
    speedup,
    stages,
    sweep,
)
from lambdist_lib.measures.intervals import Measure, measure, median
from lambdist_lib.protocol.contract import OUTCOMES

HEADLINE, CONTROL = "distributed", "single_node"
LOCAL_ONLY = (
    "counts, orders and ratios; all Lambdas share this machine's cores, so memory has no effect, and cold "
    "starts and the ramp of pollers are not AWS's"
)
ON_AWS = "all of it, for this region at that time"
TIMES = ("makespan_s", "enqueued_s", "seen_s")
SUFFIXES = {"": "value", "_low": "low", "_high": "high"}  # of a measure's name in `flat`: its part


class Data(NamedTuple):
    runs: pd.DataFrame
    records: pd.DataFrame
    invocations: pd.DataFrame
    confidence: float
    factor: str  # of a sweep, or ""
    costs: Costs = NO_COSTS

    def temperature(self) -> str:
        """Of the runs that are measured without a prefix."""
        present = set(self.runs["temperature"])
        return next((one for one in ("warm", "as found", "cold") if one in present), "warm")

    def arms(self) -> dict[str, str]:
        """Every arm with the prefix of its measures, the one without a prefix first."""
        arms = sorted(dict.fromkeys(self.runs["arm"]), key=lambda arm: arm != HEADLINE)
        return {arm: f"{arm}_" if place else "" for place, arm in enumerate(arms)}

    def groups(self) -> dict[str, tuple[str, str]]:
        """Prefixes of timed measures, with the arm and temperature that each is of."""
        found = {prefix: (arm, self.temperature()) for arm, prefix in self.arms().items()}
        if self.temperature() != "cold" and (self.runs["temperature"] == "cold").any():
            found |= {f"cold_{prefix}": (arm, "cold") for arm, prefix in self.arms().items()}
        return found

    def runs_of(self, arm: str, temperature: str) -> pd.DataFrame:
        return self.runs[(self.runs["arm"] == arm) & (self.runs["temperature"] == temperature)]


def build(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    *,
    target: str,
    confidence: float = 0.95,
    costs: Costs = NO_COSTS,
    insist: bool = False,
) -> dict[str, Any]:
    """Measure everything.

    Args:
        runs, records, invocations: Of one experiment (`columns`).
        target: The stamp, `local cloud` or AWS and its region.
        costs: What they used, metered, and what that costs (`cost_after.costs`).
        insist: Go on with an open ledger; the target of every measure then says that it is open.

    Raises:
        RunError: The ledger is open, or records are missing, and nobody insists.
    """
    counts = ledger.count(records)
    if insist:
        runs, target = ledger.mark_incomplete(runs, counts), target + ledger.incomplete_note(runs, counts)
    else:
        ledger.require_balanced(runs)
        ledger.require_balanced(counts)
        ledger.require_complete(counts, runs)
    data = Data(runs, records, invocations, confidence, sweep.varied_factor(runs), costs)
    of_times = (_levels,) if data.factor else (_speedups, _times, _latencies, _concurrency)
    measures: dict[str, Measure] = {}
    for section in (_counts, *of_times, _deaths, _cold, _costs):
        measures |= section(data)
    made: dict[str, Any] = _json_safe(
        {
            "target": target,
            "meaningful": ON_AWS if target.startswith("AWS") else LOCAL_ONLY,
            "finding": _or_why(lambda: _finding(data, target)),
            "cost": metering.sentence(costs.table, target),
            "confidence": confidence,
            "ledger": counts,
            "measures": {name: {**one, "target": target} for name, one in measures.items()},
            "tables": _tables(data),
        }
    )
    return made


def flat(summary: dict[str, Any]) -> dict[str, float]:
    """Numbers by name: each measure, and its interval's ends as `_low` and `_high`; NaN for null."""
    return {
        f"{name}{suffix}": math.nan if one[part] is None else float(one[part])
        for name, one in summary["measures"].items()
        for suffix, part in SUFFIXES.items()
    }


def _finding(data: Data, target: str) -> str:
    if factor := data.factor:
        by_level = speedup.by_level(data.runs, factor, confidence=data.confidence)
        return speedup.conclusion_by_level(by_level, target, factor=factor)
    return speedup.conclusion(data.runs, target, confidence=data.confidence)


def _counts(data: Data) -> dict[str, Measure]:
    """Of all runs together, exact."""
    ends = data.records["outcome"].value_counts()
    numbers = {"submitted": len(data.records), **{name: int(ends.get(name, 0)) for name in OUTCOMES}}
    numbers["duplicates"] = int(pd.to_numeric(data.records["duplicates"], errors="coerce").sum())
    n, resumed = len(data.records), int(data.runs["resumed"].eq(True).sum())
    found = {name: measure(number, "count", n, "datapoints") for name, number in numbers.items()}
    return found | {"resumed_runs": measure(resumed, "count", len(data.runs), "runs")}


def _speedups(data: Data) -> dict[str, Measure]:
    """At each event against the control, and until stored against every other arm that was run."""
    wanted = {"speedup": (CONTROL, "makespan_s")}
    wanted |= {f"speedup_{at.removesuffix('_s')}": (CONTROL, at) for at in TIMES[1:]}
    others = [arm for arm in data.arms() if arm not in (HEADLINE, CONTROL)]
    wanted |= {f"speedup_over_{arm}": (arm, "makespan_s") for arm in others if HEADLINE in data.arms()}
    found = {}
    for name, (control, at) in wanted.items():
        try:
            one = speedup.compare_arms(data.runs, control=control, at=at, confidence=data.confidence)
        except RunError as error:
            found[name] = measure(math.nan, "times", 0, "pairs", note=str(error))
            continue
        found[name] = measure(one.ratio, "times", one.pairs, "pairs", (one.low, one.high), one.note)
    return found


def _levels(data: Data) -> dict[str, Measure]:
    """Of a sweep: the time of the headline arm and its speedup, at each level."""
    factor, found = data.factor, {}
    try:
        table = speedup.by_level(data.runs, factor, confidence=data.confidence)
    except RunError as error:
        return {"speedup": measure(math.nan, "times", 0, "pairs", note=str(error))}
    for row in table.itertuples():
        name = re.sub(r"\W", "_", f"{factor}_{row.level}")
        times = data.runs_of(HEADLINE, "warm").loc[lambda runs, level=row.level: runs[factor] == level]
        fresh = times.loc[~times["resumed"].eq(True).astype(bool), "makespan_s"]
        found[f"makespan_{name}_s"] = median(fresh, "s", "runs", data.confidence)
        ends = (row.low, row.high)
        found[f"speedup_{name}"] = measure(row.ratio, "times", row.pairs, "pairs", ends)
    return found


def _times(data: Data) -> dict[str, Measure]:
    """Medians over runs; runs resumed or without a time are no timing, as a smaller n tells."""
    found = {}
    for prefix, (arm, temperature) in data.groups().items():
        runs = data.runs_of(arm, temperature)
        runs = runs[~runs["resumed"].eq(True).astype(bool)]
        for at in TIMES:
            times = pd.to_numeric(runs[at], errors="coerce")
            found[f"{prefix}{at}"] = median(times[times > 0], "s", "runs", data.confidence)
        makespans = pd.to_numeric(runs["makespan_s"], errors="coerce")
        rates = (runs["stored"] / makespans)[makespans > 0]
        found[f"{prefix}throughput_per_s"] = median(rates, "datapoints/s", "runs", data.confidence)
    return found


def _deaths(data: Data) -> dict[str, Measure]:
    rates = dead_letters.rate(data.records, confidence=data.confidence)
    return {
        f"{data.arms().get(row.arm, f'{row.arm}_')}dead_rate": measure(
            row.rate, "share", row.settled, "settled datapoints", (row.low, row.high), row.method
        )
        for row in rates.itertuples()
    }


def _cold(data: Data) -> dict[str, Measure]:
    """Of runs that were not made cold: how many datapoints waited on a cold start all the same."""
    found, by_run = {}, cold_starts.delayed_datapoints(data.records)
    for arm, prefix in data.arms().items():
        counted = by_run[by_run["run_id"].isin(data.runs_of(arm, data.temperature())["run_id"])]
        n = int(counted["stored"].sum())
        waited = intervals.share(int(counted["waited"].sum()), n, data.confidence)
        found[f"{prefix}cold_share"] = measure(
            waited.share, "share", n, "stored datapoints", (waited.low, waited.high), waited.method
        )
    for row in cold_starts.init_durations(data.invocations, confidence=data.confidence).itertuples():
        if row.percentile == 0.5:
            ends = (row.low_s, row.high_s)
            found[f"{row.function}_init_s"] = measure(row.value_s, "s", row.n, "cold starts", ends, row.note)
    return found


def _costs(data: Data) -> dict[str, Measure]:
    """At AWS's prices, of runs of any temperature; on the local cloud with its durations."""
    found = {}
    for arm, prefix in data.arms().items():
        of_arm = data.costs.runs[data.costs.runs["arm"] == arm]
        for name, unit in metering.UNITS.items() if len(of_arm) else ():
            found[f"{prefix}cost_{name}"] = median(of_arm[name], unit, "runs", data.confidence)
    return found


def _latencies(data: Data) -> dict[str, Measure]:
    prefixes = {group: prefix for prefix, group in data.groups().items()}
    try:
        table = latency.table(data.records, data.runs, confidence=data.confidence)
    except RunError as error:
        names = [f"{name}_p{p * 100:g}_s" for name in latency.ENDS for p in latency.PERCENTILES]
        return {name: measure(math.nan, "s", 0, "datapoints", note=str(error)) for name in names}
    return {
        f"{prefixes[row.arm, row.temperature]}{row.latency}_p{row.percentile * 100:g}_s": measure(
            row.value_s, "s", row.n, "datapoints", (row.low_s, row.high_s), row.note
        )
        for row in table.itertuples()
        if (row.arm, row.temperature) in prefixes
    }


def _concurrency(data: Data) -> dict[str, Measure]:
    """Medians over runs, of executions that stored something."""
    units = {"peak": "executions at once", "reuse": "executions per environment", "environments": "count"}
    try:
        table = concurrency.summary(concurrency.spans(data.records))
    except RunError as error:
        return {
            f"concurrency_{name}": measure(math.nan, unit, 0, "runs", note=str(error))
            for name, unit in units.items()
        }
    found = {}
    for prefix, (arm, temperature) in data.groups().items():
        of_group = table[table["run_id"].isin(data.runs_of(arm, temperature)["run_id"])]
        for name, unit in units.items():
            found[f"{prefix}concurrency_{name}"] = median(of_group[name], unit, "runs", data.confidence)
    return found


def _tables(data: Data) -> dict[str, Any]:
    factor = data.factor
    of_times = (
        {
            "by_level": lambda: speedup.by_level(data.runs, factor, confidence=data.confidence),
            "laws": lambda: scaling.table(scaling.fits(sweep.by_level(data.runs, factor=factor))),
        }
        if factor
        else {"speedup": lambda: speedup.table(data.runs, confidence=data.confidence).reset_index()}
    )
    return {
        **{name: _or_why(table) for name, table in of_times.items()},
        "stages": stages.summary(data.records),
        "cold_starts": cold_starts.by_run(data.invocations, data.runs),
        "dead_by_cause": dead_letters.by_cause(data.records),
        "receives": dead_letters.receive_counts(data.records),
        "cost": data.costs.table,
    }


def _or_why(measure: Callable[[], Any]) -> Any:
    try:
        return measure()
    except RunError as error:
        return f"not measured: {error}"


def _json_safe(content: Any) -> Any:
    """Tables as lists of rows, numpy's numbers as Python's, and null for what is no number."""
    if isinstance(content, pd.DataFrame):
        return _json_safe(content.to_dict("records"))
    if isinstance(content, dict):
        return {str(name): _json_safe(one) for name, one in content.items()}
    if isinstance(content, list):
        return [_json_safe(one) for one in content]
    if hasattr(content, "item"):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
