"""Compute the measures of an experiment, section by section, for its summary.

Each section takes Data and returns its measures by name (`measures.summary` has the naming).
"""

import math
import re
from typing import NamedTuple

import pandas as pd

from lambdist_lib.costs import metering
from lambdist_lib.costs.metering import NO_COSTS, Costs
from lambdist_lib.errors import RunError
from lambdist_lib.measures import cold_starts, concurrency, dead_letters, intervals, latency, speedup
from lambdist_lib.measures.intervals import Measure, as_numbers, measure, median
from lambdist_lib.measures.pairs import not_resumed
from lambdist_lib.protocol.contract import OUTCOMES

HEADLINE, CONTROL = "distributed", "single_node"
TIMES = ("makespan_s", "enqueued_s", "seen_s")


class Data(NamedTuple):
    """The tables of one experiment (`results.schema`), and how to measure them."""

    runs: pd.DataFrame
    records: pd.DataFrame
    invocations: pd.DataFrame
    confidence: float
    factor: str  # of a sweep, or ""
    costs: Costs = NO_COSTS

    def temperature(self) -> str:
        """Return the temperature of the runs that are measured without a prefix."""
        present = set(self.runs["temperature"])
        return next((name for name in ("warm", "as found", "cold") if name in present), "warm")

    def arms(self) -> dict[str, str]:
        """Return the prefix of each arm's measures; the first arm has none."""
        arms = sorted(dict.fromkeys(self.runs["arm"]), key=lambda arm: arm != HEADLINE)
        return {arm: f"{arm}_" if place else "" for place, arm in enumerate(arms)}

    def groups(self) -> dict[str, tuple[str, str]]:
        """Return the arm and temperature behind each prefix of timed measures."""
        groups = {prefix: (arm, self.temperature()) for arm, prefix in self.arms().items()}
        if self.temperature() != "cold" and (self.runs["temperature"] == "cold").any():
            groups |= {f"cold_{prefix}": (arm, "cold") for arm, prefix in self.arms().items()}
        return groups

    def runs_of(self, arm: str, temperature: str) -> pd.DataFrame:
        """Return the runs of an arm at a temperature."""
        return self.runs[(self.runs["arm"] == arm) & (self.runs["temperature"] == temperature)]


def measure_counts(data: Data) -> dict[str, Measure]:
    """Count the outcomes of all runs together."""
    outcomes = data.records["outcome"].value_counts()
    numbers = {"submitted": len(data.records), **{name: int(outcomes.get(name, 0)) for name in OUTCOMES}}
    numbers["duplicates"] = int(as_numbers(data.records["duplicates"]).sum())
    n, resumed = len(data.records), int(data.runs["resumed"].eq(True).sum())
    counts = {name: measure(number, "count", n, "datapoints") for name, number in numbers.items()}
    return counts | {"resumed_runs": measure(resumed, "count", len(data.runs), "runs")}


def measure_speedups(data: Data) -> dict[str, Measure]:
    """Compare with the control at each event, and with every other arm until stored."""
    wanted = {"speedup": (CONTROL, "makespan_s")}
    wanted |= {f"speedup_{metric.removesuffix('_s')}": (CONTROL, metric) for metric in TIMES[1:]}
    others = [arm for arm in data.arms() if arm not in (HEADLINE, CONTROL)]
    wanted |= {f"speedup_over_{arm}": (arm, "makespan_s") for arm in others if HEADLINE in data.arms()}
    measures = {}
    for name, (control, metric) in wanted.items():
        try:
            result = speedup.compare_arms(
                data.runs, control=control, metric=metric, confidence=data.confidence
            )
        except RunError as error:
            measures[name] = measure(math.nan, "times", 0, "pairs", note=str(error))
            continue
        measures[name] = measure(
            result.ratio, "times", result.pairs, "pairs", (result.low, result.high), result.note
        )
    return measures


def measure_levels(data: Data) -> dict[str, Measure]:
    """Measure a sweep: the makespan of the headline arm and its speedup at each level."""
    factor, measures = data.factor, {}
    try:
        table = speedup.by_level(data.runs, factor, confidence=data.confidence)
    except RunError as error:
        return {"speedup": measure(math.nan, "times", 0, "pairs", note=str(error))}
    for row in table.itertuples():
        name = re.sub(r"\W", "_", f"{factor}_{row.level}")
        runs = not_resumed(data.runs_of(HEADLINE, "warm"))
        times = runs.loc[runs[factor] == row.level, "makespan_s"]
        measures[f"makespan_{name}_s"] = median(times, "s", "runs", data.confidence)
        ends = (row.low, row.high)
        measures[f"speedup_{name}"] = measure(row.ratio, "times", row.pairs, "pairs", ends)
    return measures


def measure_times(data: Data) -> dict[str, Measure]:
    """Take medians over runs. Resumed runs and those without a time are left out of n."""
    measures = {}
    for prefix, (arm, temperature) in data.groups().items():
        runs = not_resumed(data.runs_of(arm, temperature))
        for metric in TIMES:
            times = as_numbers(runs[metric])
            measures[f"{prefix}{metric}"] = median(times[times > 0], "s", "runs", data.confidence)
        makespans = as_numbers(runs["makespan_s"])
        rates = (runs["stored"] / makespans)[makespans > 0]
        measures[f"{prefix}throughput_per_s"] = median(rates, "datapoints/s", "runs", data.confidence)
    return measures


def measure_dead_letters(data: Data) -> dict[str, Measure]:
    """Measure the rate of dead datapoints of each arm."""
    rates = dead_letters.rate(data.records, confidence=data.confidence)
    return {
        f"{data.arms().get(row.arm, f'{row.arm}_')}dead_rate": measure(
            row.rate, "share", row.settled, "settled datapoints", (row.low, row.high), row.method
        )
        for row in rates.itertuples()
    }


def measure_cold_starts(data: Data) -> dict[str, Measure]:
    """Measure how many datapoints a cold start delayed, in runs that did not begin cold; and the inits."""
    measures, by_run = {}, cold_starts.delayed_datapoints(data.records)
    for arm, prefix in data.arms().items():
        counted = by_run[by_run["run_id"].isin(data.runs_of(arm, data.temperature())["run_id"])]
        n = int(counted["stored"].sum())
        waited = intervals.share(int(counted["waited"].sum()), n, data.confidence)
        measures[f"{prefix}cold_share"] = measure(
            waited.share, "share", n, "stored datapoints", (waited.low, waited.high), waited.method
        )
    for row in cold_starts.init_durations(data.invocations, confidence=data.confidence).itertuples():
        if row.percentile == 0.5:
            ends = (row.low_s, row.high_s)
            measures[f"{row.function}_init_s"] = measure(
                row.value_s, "s", row.n, "cold starts", ends, row.note
            )
    return measures


def measure_costs(data: Data) -> dict[str, Measure]:
    """Price all runs at AWS's prices; on the local cloud the durations are this machine's."""
    measures = {}
    for arm, prefix in data.arms().items():
        of_arm = data.costs.runs[data.costs.runs["arm"] == arm]
        for name, unit in metering.UNITS.items() if len(of_arm) else ():
            measures[f"{prefix}cost_{name}"] = median(of_arm[name], unit, "runs", data.confidence)
    return measures


def measure_latencies(data: Data) -> dict[str, Measure]:
    """Measure percentiles of the datapoints' latencies."""
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


def measure_concurrency(data: Data) -> dict[str, Measure]:
    """Take medians over runs, of executions that stored something."""
    units = {"peak": "executions at once", "reuse": "executions per environment", "environments": "count"}
    try:
        table = concurrency.summary(concurrency.spans(data.records))
    except RunError as error:
        return {
            f"concurrency_{name}": measure(math.nan, unit, 0, "runs", note=str(error))
            for name, unit in units.items()
        }
    measures = {}
    for prefix, (arm, temperature) in data.groups().items():
        of_group = table[table["run_id"].isin(data.runs_of(arm, temperature)["run_id"])]
        for name, unit in units.items():
            measures[f"{prefix}concurrency_{name}"] = median(of_group[name], unit, "runs", data.confidence)
    return measures
