"""The figures of an experiment's or a run's tables, each as a PNG with words for who cannot see it.

pictures.draw(runs, records, invocations, target=stamp)     those that the tables allow, by name
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from lambdist_lib.errors import RunError
from lambdist_lib.figures import (
    cold_starts,
    concurrency,
    cost,
    dead_letters,
    latency,
    scaling,
    theme,
    timeline,
)
from lambdist_lib.figures import speedup as speedup_figures
from lambdist_lib.measures import concurrency as concurrency_measures
from lambdist_lib.measures import latency as latency_measures
from lambdist_lib.measures import scaling as scaling_measures
from lambdist_lib.measures import speedup, sweep
from lambdist_lib.protocol.contract import DEAD

ORDER = (  # in which a page shows them: what answers the question comes first
    "sizes", "speedup", "cold_shares", "theory", "speedup_by_level", "scaling", "residuals", "timeline",
    "latency", "concurrency", "cold_starts", "handlers", "environments", "dead_letters", "receives", "costs",
    "over_time", "over_time_largest", "front", "held_out", "validation",
)  # fmt: skip
WIDTH_IN = 11


@dataclass(frozen=True, slots=True)
class Data:
    runs: pd.DataFrame
    records: pd.DataFrame
    invocations: pd.DataFrame
    costs: pd.DataFrame
    target: str


def draw(
    runs: pd.DataFrame,
    records: pd.DataFrame,
    invocations: pd.DataFrame,
    *,
    target: str,
    costs: pd.DataFrame | None = None,
) -> dict[str, bytes]:
    """PNGs by name, in ORDER; what the tables have nothing for is left out.

    Args:
        runs, records, invocations: Of a run or an experiment (`columns`).
        target: The stamp of every title.
        costs: What `cost_after.table` returns of them.
    """
    data, drawn = Data(runs, records, invocations, pd.DataFrame() if costs is None else costs, target), {}
    with matplotlib.rc_context():
        theme.apply()
        for name, drawing in DRAWINGS.items():
            try:
                figure = drawing(data)
            except RunError:  # of a measure that these runs do not allow, as their summary says
                continue
            if figure is not None:
                drawn[name] = theme.png(figure)
    return {name: drawn[name] for name in in_order(drawn)}


def in_order(names: Iterable[str]) -> list[str]:
    """As ORDER has them, others after these by name."""
    place = {name: k for k, name in enumerate(ORDER)}
    return sorted(names, key=lambda name: (place.get(name, len(ORDER)), name))


def packed(image: bytes) -> tuple[bytes, int, int]:
    """The same picture in fewer bytes where that can be, with its width and height in pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as picture:
        file = io.BytesIO()
        picture.convert("RGB").save(file, format="png", optimize=True)  # figures are opaque
        return min(image, file.getvalue(), key=len), *picture.size


def one_run(runs: pd.DataFrame) -> str:
    """The run to look at closely: the first warm one of the fan-out, or what comes nearest."""
    return str(
        runs.assign(
            other=runs["arm"] != "distributed",
            colder=runs["temperature"].map({"warm": 0, "as found": 1}).fillna(2),
        )
        .sort_values(["other", "colder", "started_at"], kind="stable")["run_id"]
        .iloc[0]
    )


def _speedup(data: Data) -> Figure | None:
    if sweep.varied_factor(data.runs) or speedup.paired_ratios(data.runs).empty:
        return None
    figure = Figure(figsize=(WIDTH_IN + 1, 4.4))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    speedup_figures.plot_pairs(data.runs, left)
    speedup_figures.plot_ratios(data.runs, right)
    return figure


def _by_level(data: Data) -> Figure | None:
    if not (factor := sweep.varied_factor(data.runs)):
        return None
    table = speedup.by_level(data.runs, factor)
    return _figure(4.4, speedup_figures.plot_by_level, table, target=data.target, factor=factor)


def _scaling(data: Data) -> Figure | None:
    if not (factor := sweep.varied_factor(data.runs)):
        return None
    points = sweep.by_level(data.runs, factor=factor)
    laws = scaling_measures.fits(points)
    return _figure(4.4, scaling.plot_scaling, points, target=data.target, found=laws)


def _timeline(data: Data) -> Figure | None:
    return _figure(5, timeline.plot_timeline, _of_one(data, data.records), target=data.target)


def _latency(data: Data) -> Figure | None:
    if sweep.varied_factor(data.runs):
        return None
    latencies = latency_measures.per_datapoint(data.records, data.runs)
    return _figure(3.8, latency.plot_ecdf, latencies, target=data.target)


def _concurrency(data: Data) -> Figure | None:
    spans = concurrency_measures.spans(_of_one(data, data.records))
    return _figure(3.8, concurrency.plot_concurrency, spans, target=data.target) if len(spans) else None


def _cold_starts(data: Data) -> Figure | None:
    if data.invocations.empty:
        return None
    return _figure(4.2, cold_starts.plot_latency, data.invocations, target=data.target)


def _dead_letters(data: Data) -> Figure | None:
    if not (data.records["outcome"] == DEAD).any():
        return None
    return _figure(3.6, dead_letters.plot_outcomes, data.records, target=data.target)


def _costs(data: Data) -> Figure | None:
    if data.costs.empty:
        return None
    metered = data.runs["arm"].isin(data.costs["arm"]).sum()
    return _figure(4.6, cost.plot_costs, data.costs, target=data.target, runs=int(metered))


def _of_one(data: Data, table: pd.DataFrame) -> pd.DataFrame:
    return table[table["run_id"] == one_run(data.runs)]


def _figure(height_in: float, plot: Callable[..., Any], table: pd.DataFrame, **options: Any) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, height_in))
    plot(table, figure.subplots(), **options)
    return figure


DRAWINGS: dict[str, Callable[[Data], Figure | None]] = {
    "speedup": _speedup,
    "speedup_by_level": _by_level,
    "scaling": _scaling,
    "timeline": _timeline,
    "latency": _latency,
    "concurrency": _concurrency,
    "cold_starts": _cold_starts,
    "dead_letters": _dead_letters,
    "costs": _costs,
}
