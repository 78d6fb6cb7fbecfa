"""Say which way of fanning out pays: measured here, predicted on AWS, and what changes with the size.

ways = which_way(results)
ways.conclusion()      in words, computed from the tables
ways.in_words()        one row per way, for people
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lambdist_lib.analysis import Results
from lambdist_lib.cloud.limits import MAX_PROCESSORS
from lambdist_lib.costs import assumptions
from lambdist_lib.costs.assumptions import Table
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.formatting import (
    NONE,
    count,
    counted,
    is_known,
    joined,
    label,
    money,
    number,
    seconds,
    spaced,
)
from lambdist_lib.measures import ways
from lambdist_lib.planner import arm_map
from lambdist_lib.planner.arm_predictions import calibrated, job_of_runs, predict_arms
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import values, work_on_s
from lambdist_lib.planner.limit_words import limit_in_words
from lambdist_lib.protocol.arms import ARMS

PREDICTED = ["predicted_s", "low_s", "high_s", "bottleneck", "usd_per_million"]
FACTORS = (1, 10, 1000)  # times the size
STAYS, BECOMES = "stays", "becomes"


@dataclass(frozen=True, kw_only=True)
class WhichWay:
    """The ways of an experiment, side by side.

    table: one row per arm that ran: the columns of `measures.ways.by_way`, and PREDICTED (NaN where nothing
    is predicted). fastest: the arm of the least median here, "" for none; alike: arms not shown to be
    slower. sizes: `arm_map.by_size`. map: `arm_map.arm_map`, with the job's `senders`, `processors`,
    `job_datapoints` and `job_work_s`. job: whose conditions sizes and map have.
    note: why nothing is predicted, or "".
    """

    table: pd.DataFrame
    fastest: str
    alike: list[str]
    sizes: pd.DataFrame
    map: pd.DataFrame
    job: Job | None = None
    note: str = ""

    def conclusion(self) -> str:
        """Return which way is the fastest and the cheapest, here and on AWS, and what changes by size."""
        return " ".join(filter(None, [self._measured(), self.outlook()]))

    def outlook(self) -> str:
        """Return the part of the conclusion that is about AWS."""
        if self.note:
            return f"AWS is not predicted: {self.note}."
        return spaced(" ".join(filter(None, [self._predicted(), self._by_size()])))

    def in_words(self) -> pd.DataFrame:
        """Return the table for people: a column of text per fact, indexed by the arm."""
        return in_words(self.table)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables for `summary.json`, by name."""
        return {"ways": self.table, "ways_by_size": self.sizes, "arm_map": self.map}

    def _measured(self) -> str:
        if not self.fastest:
            return "Here no way stored a datapoint in a warm run, so none is the fastest."
        rows = self.table.set_index("arm")
        best = rows.loc[self.fastest]
        text = f"Of {counted(len(rows), 'ways')} measured here, {self.fastest} is the fastest: "
        text += f"{number(best['median_s'])} s, median of {counted(int(best['runs']), 'warm runs')}"
        if self.alike:
            text += f"; {joined(self.alike)} {'is' if len(self.alike) == 1 else 'are'} not shown to be slower"
        cpu = rows["cpu_s"].dropna()
        if len(cpu) > 1:
            least = str(cpu.idxmin())
            text += f"; {least} takes the fewest CPU seconds, {number(cpu[least])}"
        return spaced(f"{text}.")

    def _predicted(self) -> str:
        known = self.table[self.table["predicted_s"] > 0]
        if known.empty:
            return ""
        fast = known.loc[known["predicted_s"].idxmin()]
        cheap = known.loc[known["usd_per_million"].idxmin()]
        alike = [
            str(row["arm"]) for row in known.to_dict("records")
            if row["arm"] != fast["arm"] and row["low_s"] <= fast["high_s"]
        ]  # fmt: skip
        text = (
            f"On AWS, predicted from these runs and published figures, never run there, {fast['arm']} is the "
            f"fastest ({seconds(fast['predicted_s'])}, bottleneck: {limit_in_words(fast['bottleneck'])})"
        )
        if alike:
            text += f", and the prediction's range does not separate it from {joined(alike)}"
        usd = f"{money(cheap['usd_per_million'])} USD for a million datapoints"
        if cheap["arm"] == fast["arm"]:
            return f"{text}; it is the cheapest, too: {usd}."
        return f"{text}; {cheap['arm']} is the cheapest: {usd}."

    def _by_size(self) -> str:
        if self.sizes.empty or self.job is None:
            return ""
        senders, processors = counted(self.job.chunks, "senders"), counted(self.job.processors, "processors")
        parts = []
        before = _leaders(self.sizes, self.sizes["times"].min())
        for times in sorted(self.sizes["times"].unique())[1:]:
            now = _leaders(self.sizes, times)
            parts.append(f"at {count(times)} times the size {_change(before, now)}")
        first = f"From cold environments, with {senders} and up to {processors}, {_lead(before)}"
        return " ".join(filter(None, [f"{'; '.join([first, *parts])}.", self._left_out()]))

    def _left_out(self) -> str:
        """Return which ways cannot do the job at a size that another one can, and why."""
        arms = {times: set(rows["arm"]) for times, rows in self.sizes.groupby("times")}
        parts = []
        for arm in self.sizes["arm"].unique():
            if missing := [times for times in sorted(arms) if arm not in arms[times]]:
                lines = ARMS[arm].max_requests
                why = (
                    f"at most {count(lines)} lines: raise request_batch"
                    if lines
                    else "not within its timeouts"
                )
                parts.append(f"{arm} from {count(missing[0])} times the size on ({why})")
        return f"Left out: {joined(parts)}." if parts else ""


def which_way(
    results: Results,
    *,
    predicted: pd.DataFrame | None = None,
    chunks: int = 0,
    processors: int = MAX_PROCESSORS,
    limits_file: str = "",
    seed: int = 0,
) -> WhichWay:
    """Put the ways that an experiment ran side by side, here and on AWS.

    Args:
        predicted: What `predict_arms` returned for these runs, so that it is not computed again.
        chunks: Senders on AWS, for the sizes and the map; 0 for those of the runs.
        processors: The most invocations of the processor at once there.
        limits_file: Your own limits and prices as TOML (`assumptions.load`).
        seed: Of the simulation.

    Returns:
        Without a prediction where the runs cannot calibrate one; then `note` has the reason.
    """
    measured = ways.by_way(results.runs, results.invocations)
    best, alike = ways.fastest(measured, results.runs)
    no_sizes, no_map = (pd.DataFrame(columns=names) for names in (arm_map.SIZE_COLUMNS, arm_map.COLUMNS))
    try:
        table = calibrated(results, assumptions.load(limits_file or None))
        if predicted is None:
            predicted = predict_arms(results.runs, table, seed=seed)
        job = arm_map.map_job(job_of_runs(results.runs), chunks=chunks, processors=processors)
        sizes, winners = _on_aws(job, table, _common(measured["arm"], predicted))
    except (RunError, UsageError) as error:
        none = measured.assign(**dict.fromkeys(PREDICTED, math.nan))
        return WhichWay(table=none, fastest=best, alike=alike, sizes=no_sizes,
                        map=no_map, note=str(error))  # fmt: skip
    return WhichWay(
        table=measured.merge(predicted[["arm", *PREDICTED]], on="arm", how="left"),
        fastest=best, alike=alike, sizes=sizes, map=winners, job=job,
    )  # fmt: skip


def _common(measured: pd.Series, predicted: pd.DataFrame) -> list[str]:
    """Return the ways that ran and can be predicted; without a fan-out among them any with a stack."""
    known = set(predicted.loc[predicted["predicted_s"] > 0, "arm"])
    arms = [arm for arm in measured if arm in known]
    return [arm for arm in arms if arm in ways.fan_outs()] or [arm for arm in arms if ARMS[arm].stack]


def _on_aws(job: Job, table: Table, arms: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sizes and the map of ways, with the job's conditions in the map."""
    own_s = table["process_s"].value + work_on_s(job, values(table))
    winners = arm_map.arm_map(job, table, arms=arms).assign(
        senders=job.chunks, processors=job.processors, job_datapoints=job.datapoints, job_work_s=own_s
    )
    return arm_map.by_size(job, table, arms=arms, factors=FACTORS), winners


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return `WhichWay.table` for people, from the summary's rows, too."""
    rows = {label(row["arm"]): _row_in_words(row) for row in table.to_dict("records")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("way").fillna(NONE)


def _row_in_words(row: dict[str, Any]) -> dict[str, str]:
    ratio = ways.ratio_in_words(row["ratio"], row["low"], row["high"], row["verdict"])
    if ratio == NONE:
        ratio = row["verdict"] or NONE
    words = {
        "here, s": number(row["median_s"]),
        f"against {label(ways.REFERENCE)} here": ratio,
        "CPU s": number(row["cpu_s"]),
        "cold, s": number(row["cold_s"]),
        "cold starts": count(row["cold_starts"]),
    }
    if is_known(row["predicted_s"]):
        words["on AWS, predicted"] = (
            f"{seconds(row['predicted_s'])} ({number(row['low_s'])} to {number(row['high_s'])} s)"
        )
        words["bottleneck there"] = limit_in_words(str(row["bottleneck"]))
        words["USD per million there"] = money(row["usd_per_million"])
    return words


@dataclass(frozen=True, slots=True)
class _Leaders:
    """The fastest and the cheapest way at one size, with the ways that a plan cannot tell apart."""

    datapoints: int
    fast: arm_map.WayForecast
    as_fast: list[str]
    cheap: arm_map.WayForecast
    as_cheap: list[str]


def _leaders(sizes: pd.DataFrame, times: float) -> _Leaders:
    rows = sizes[sizes["times"] == times]
    fields = [field.name for field in dataclasses.fields(arm_map.WayForecast)]
    forecasts = [arm_map.WayForecast(**row) for row in rows[fields].to_dict("records")]
    (fast, *_), as_fast = arm_map.rank(forecasts, arm_map.TIME)
    (cheap, *_), as_cheap = arm_map.rank(forecasts, arm_map.COST)
    return _Leaders(int(rows["datapoints"].iloc[0]), fast, as_fast, cheap, as_cheap)


def _lead(leaders: _Leaders) -> str:
    """Return the fastest and the cheapest way at a size in words."""
    fast = f"{leaders.fast.arm} {_like(leaders.as_fast)}is the fastest ({seconds(leaders.fast.makespan_s)}"
    usd = f"{money(leaders.cheap.usd_per_million)} USD per million"
    if leaders.cheap.arm == leaders.fast.arm:
        tie = f", {joined(leaders.as_cheap)} as cheap" if leaders.as_cheap else ""
        return f"{fast}) and the cheapest ({usd}{tie}) for {count(leaders.datapoints)} datapoints"
    return (
        f"{fast}) and {leaders.cheap.arm} {_like(leaders.as_cheap)}the cheapest ({usd}) "
        f"for {count(leaders.datapoints)} datapoints"
    )


def _change(before: _Leaders, now: _Leaders) -> str:
    """Return what is otherwise at another size."""
    fast_stays = now.fast.arm in (before.fast.arm, *before.as_fast)
    cheap_stays = now.cheap.arm in (before.cheap.arm, *before.as_cheap)
    time = f"{seconds(now.fast.makespan_s)}, bottleneck: {limit_in_words(now.fast.bottleneck)}"
    usd = f"{money(now.cheap.usd_per_million)} USD per million"
    size = f"({count(now.datapoints)} datapoints)"
    fast, cheap = (STAYS if stays else BECOMES for stays in (fast_stays, cheap_stays))
    if now.fast.arm == now.cheap.arm and fast == cheap:
        return f"{size} {now.fast.arm} {fast} both the fastest ({time}) and the cheapest ({usd})"
    of_cost = f"{now.cheap.arm} {cheap} the cheapest ({usd})"
    return f"{size} {now.fast.arm} {fast} the fastest ({time}) and {of_cost}"


def _like(arms: Sequence[str]) -> str:
    return f"(with {joined(arms)} as good) " if arms else ""
