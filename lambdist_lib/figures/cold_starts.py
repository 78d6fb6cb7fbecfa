"""Draw cold starts: their cost, which datapoints wait for one, and how long handlers take."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one
from lambdist_lib.formatting import counted, label
from lambdist_lib.formatting import percent as share_text
from lambdist_lib.measures import cold_vs_warm, sweep

LANES = {  # label: (whether cold, column)
    "init": (True, "init_s"),
    "handler cold": (True, "duration_s"),
    "handler warm": (False, "duration_s"),
}
FUNCTIONS = tuple(theme.FUNCTION)
INTERVAL_FROM = 5  # points of a strip that has a bar
JITTER = 0.24  # half of a strip's height, in lanes
FULL_INK, LEAST_ALPHA = 100, 0.12  # points of a strip that are drawn opaque; of the points of a full one


def draw_latency(inputs: FigureInputs) -> Figure | None:
    """Draw init and handler of every invocation; None without logs."""
    if inputs.invocations.empty:
        return None
    return draw_one(plot_cold_starts, inputs.invocations, height_in=4.8, target_label=inputs.target_label)


def describe_latency(summary: alt_text.Summary) -> str:
    shows = "A point for each invocation: the init of a cold start, its handler, and warm handlers."
    return alt_text.compose(shows, _init_text(summary), summary)


def draw_shares(inputs: FigureInputs) -> Figure | None:
    """Draw the cold shares of the distributed arm; None without a sweep of cold and warm runs."""
    if not inputs.has_cold_and_warm_levels:
        return None
    shares = cold_vs_warm.cold_shares(inputs.records, inputs.invocations, inputs.runs, factor=inputs.factor)
    shares = shares[shares["arm"] == "distributed"]
    options: dict[str, Any] = {"target_label": inputs.target_label, "factor": inputs.factor}
    return draw_one(plot_cold_shares, shares, height_in=4.2, **options)


describe_shares = alt_text.fixed(
    "The share of cold invocations and of datapoints that waited, at each level."
)


def draw_handlers(inputs: FigureInputs) -> Figure | None:
    """Draw each function's handler; None without a sweep of cold and warm runs."""
    if not inputs.has_cold_and_warm_levels or inputs.invocations.empty:
        return None
    handlers = cold_vs_warm.handler_durations(inputs.invocations, inputs.runs, factor=inputs.factor)
    options: dict[str, Any] = {"target_label": inputs.target_label, "factor": inputs.factor}
    return draw_one(plot_handlers, handlers, height_in=4.6, **options)


def describe_handlers(summary: alt_text.Summary) -> str:
    shows = "The median duration of each function's handler, at each level."
    return alt_text.compose(shows, _init_text(summary), summary)


def plot_cold_starts(invocations: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw one point per invocation: a cold start's init, the handler cold, the handler warm.

    Args:
        invocations: Columns of `results.schema.INVOCATIONS`; of any number of runs.
        ax: Drawn on and returned, with a bar over the middle half of each strip, and its median at the edge.
    """
    jitter = np.random.default_rng(0)  # the same picture every time; seaborn's strips differ
    lanes, drawn = {}, []  # label by its place; times by their place
    place = 0.0
    for function in [name for name in FUNCTIONS if (invocations["function"] == name).any()]:
        called = invocations[invocations["function"] == function]
        cold = called["cold"].astype(object).eq(True)
        for lane, (is_cold, column) in LANES.items():
            rows = called[(cold == is_cold) & (called[column] > 0)]  # a dead-letter handler logs no duration
            times = rows[column]
            if times.empty:
                continue
            dots = _draw_lane(
                ax, times, place, jitter, "cold" if is_cold else "warm", "D" if lane == "init" else "o"
            )
            label_marks(dots, [f"{run}: {_milliseconds(seconds)}"
                               for run, seconds in zip(rows["run_id"], times, strict=True)])  # fmt: skip
            lanes[place] = f"{label(function)}, {lane} ({len(times):,})"
            drawn.append(pd.DataFrame({"seconds": times, "place": place}))
            place += 1
        place += 0.6
    ax.set_yticks(list(lanes), list(lanes.values()))
    ax.set_ylim(max(lanes, default=0) + 0.6, -0.9)
    if lanes:
        ax.set_xscale("log")
        _draw_intervals(ax, [times for times in drawn if len(times) >= INTERVAL_FROM])
        ax.set_yticks(list(lanes), list(lanes.values()))
        ax.annotate("median", (1, 1), xycoords="axes fraction", xytext=(6, 2), textcoords="offset points",
                    va="bottom", fontsize="small", color=theme.INK)  # fmt: skip
        theme.log_seconds(ax.xaxis)
    ax.set_xlabel("seconds (bar: middle half; line: 5 to 95 %)")
    ax.set_ylabel("")
    theme.title(
        ax,
        "What cold starts cost: init, then the handler cold and warm",
        f"n = {counted(len(invocations), 'invocations')}",
        target_label,
    )
    return ax


def plot_cold_shares(shares: pd.DataFrame, ax: Axes, *, target_label: str, factor: str = "chunks") -> Axes:
    """Draw the shares of cold invocations and of datapoints that waited, at each level.

    Args:
        shares: What `measures.cold_vs_warm.cold_shares` returns, of one arm.
        ax: Drawn on and returned; filled are datapoints, hollow invocations.
    """
    levels = sorted(shares["level"].unique())
    for k, ((temperature, of), rows) in enumerate(shares.groupby(["temperature", "of"], sort=True)):
        x = np.array([levels.index(level) for level in rows["level"]]) + (k - 1.5) * 0.12
        percent = rows[["share", "low", "high"]].to_numpy(dtype=float) * 100
        error = np.vstack([percent[:, 0] - percent[:, 1], percent[:, 2] - percent[:, 0]])
        colour = theme.TEMPERATURE.get(temperature, theme.INK)
        bars = ax.errorbar(x, percent[:, 0], yerr=error, fmt="o", ms=6, capsize=3, color=colour,
                           mfc=colour if of == "datapoints" else "white",
                           label=f"{of} of {temperature} runs")  # fmt: skip
        label_marks(bars.lines[0], [
            f"{of} of {temperature} runs, {label(factor)} = {row.level:g}: "
            f"{share_text(row.share)} of {row.n:,}"
            for row in rows.itertuples()
        ])  # fmt: skip
        for place, (share, _, high) in zip(x, percent, strict=True):
            if share == share:
                ax.annotate(f"{share:.3g}", (place, high), xytext=(0, 3), textcoords="offset points",
                            ha="center", fontsize="small", color=theme.INK)  # fmt: skip
    ax.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    ax.set_xlim(-0.6, max(len(levels), 1) - 0.4)
    top = shares["high"].max() * 100 if len(shares) else 100
    ax.set_ylim(0, top * 1.15 if top > 0 else 100)
    ax.set_xlabel(_factor(factor))
    ax.set_ylabel("cold, or waited on a cold start (%)")
    if len(shares):
        theme.legend_beside(ax)
    arm = label(shares["arm"].iloc[0]) if len(shares) else "no run"
    counts = shares.groupby("of")["n"].sum()
    n = "n = " + ", ".join(counted(int(counts.get(of, 0)), of) for of in ("datapoints", "invocations"))
    theme.title(ax, f"Who waits on a cold start: {arm}, 95 % intervals", n, target_label)
    return ax


def plot_handlers(handlers: pd.DataFrame, ax: Axes, *, target_label: str, factor: str = "chunks") -> Axes:
    """Draw the median duration of each function's handler, cold and warm, at each level.

    Args:
        handlers: What `measures.cold_vs_warm.handler_durations` returns.
        ax: Drawn on and returned; a lane per function and level.
    """
    known = handlers[handlers["median_s"] > 0]
    order = [name for name in FUNCTIONS if (known["function"] == name).any()]
    lanes = [
        (name, level)
        for name in order
        for level in sorted(known.loc[known["function"] == name, "level"].unique())
    ]
    for kind, rows in known.groupby("invocation"):
        places = [lanes.index(lane) for lane in zip(rows["function"], rows["level"], strict=True)]
        _draw_durations(ax, rows, places, kind, factor)
    counts = known.groupby(["function", "level"])["n"].sum()
    words = [f"{label(name)}, {level:g} ({counts[name, level]:,})" for name, level in lanes]
    ax.set_yticks(range(len(lanes)), words)
    ax.set_ylim(max(len(lanes), 1) - 0.5, -0.8)
    if lanes:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
        ax.margins(x=0.08)
        theme.legend_beside(ax)
    ax.set_xlabel("seconds of the handler, init left out (95 % interval where n allows one)")
    ax.set_ylabel(f"function, {_factor(factor)}")
    n = f"n = {int(known['n'].sum()):,} invocations"
    theme.title(ax, f"Cold and warm handlers by {label(factor)}", n, target_label)
    return ax


def _draw_durations(ax: Axes, rows: pd.DataFrame, places: list[int], kind: str, factor: str) -> None:
    """Draw the median durations of cold or warm handlers with their intervals, a lane each."""
    error = np.nan_to_num([rows["median_s"] - rows["low_s"], rows["high_s"] - rows["median_s"]])
    bars = ax.errorbar(rows["median_s"], places, xerr=error, fmt="o", ms=6, capsize=3,
                       color=theme.TEMPERATURE[kind], label=f"{kind} invocations, median")  # fmt: skip
    label_marks(bars.lines[0], [
        f"{label(row.function)}, {label(factor)} = {row.level:g}, {kind}: {_milliseconds(row.median_s)}, "
        f"n = {row.n:,}"
        for row in rows.itertuples()
    ])  # fmt: skip
    for x, place in zip(rows["median_s"], places, strict=True):
        ax.annotate(_milliseconds(x), (x, place), xytext=(0, 5), textcoords="offset points",
                    ha="center", fontsize="small", color=theme.INK)  # fmt: skip


def _init_text(summary: alt_text.Summary) -> str:
    """Return the median init of each function that had a cold start."""
    functions = ("collector", "processor", "dead_letter", "single_node")
    inits = {name: summary["measures"].get(f"{name}_init_s") for name in functions}
    texts = [
        f"{label(name)} {alt_text.seconds(init['value'])} (n = {init['n']:,})"
        for name, init in inits.items()
        if init and init["value"]
    ]
    return f"Median init: {', '.join(texts)}" if texts else "No cold start was seen"


def _factor(factor: str) -> str:
    return f"{label(factor)} ({sweep.FACTORS[factor]})"


def _draw_lane(
    ax: Axes, times: pd.Series, place: float, jitter: np.random.Generator, temperature: str, marker: str
) -> PathCollection:
    """Draw a strip of points, the fainter the more there are, and their median beside the axes."""
    y = place + jitter.uniform(-JITTER, JITTER, len(times))
    alpha = min(max(FULL_INK / len(times), LEAST_ALPHA), 0.8)
    ax.annotate(
        _milliseconds(times.median()), (1, place), xycoords=ax.get_yaxis_transform(), xytext=(6, 0),
        textcoords="offset points", va="center", fontsize="small", color=theme.INK,
    )  # fmt: skip
    return ax.scatter(
        times, y, s=14, alpha=alpha, linewidths=0, color=theme.TEMPERATURE[temperature], marker=marker
    )


def _draw_intervals(ax: Axes, strips: list[pd.DataFrame]) -> None:
    """Draw the median of each strip (columns `seconds` and `place`) with its middle half and nine tenths."""
    if not strips:
        return
    import seaborn  # takes a second to import

    data = {"data": pd.concat(strips), "x": "seconds", "y": "place", "orient": "h", "native_scale": True}
    look = {"color": theme.INK, "ls": "none", "marker": "|", "ms": 16, "mew": 1.8, "ax": ax}
    for middle, width in ((90, 1.0), (50, 3.0)):
        seaborn.pointplot(
            **data, **look, estimator="median", errorbar=("pi", middle), err_kws={"linewidth": width}
        )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2g} ms"
