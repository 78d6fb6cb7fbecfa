"""Draw the pairs of runs, their ratio with its interval, and the speedup at each level of a sweep."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import WIDTH_IN, FigureInputs, draw_one
from lambdist_lib.formatting import compared, counted, label, level, number
from lambdist_lib.measures import speedup
from lambdist_lib.measures.pairs import EVENTS, not_resumed, paired_ratios

ROW_IN = 0.62  # of a row on the right, with three lines of text
MAX_UPRIGHT = 6  # labels below the runs that have room side by side
LOG_FROM = 8  # largest over smallest time from which a linear axis would crush the small ones
CROWDED_FROM = 50  # largest over smallest ratio from which labels at 1, 2, 5, 10 would touch
WIDE = 0.16  # half of a median's bar
LABEL_ROOM = 1.15  # of an axis: the highest median's text stands above its points


def draw_speedup(inputs: FigureInputs) -> Figure | None:
    """Draw the pairs beside their ratios; None for a sweep or without a complete warm pair."""
    if inputs.factor or paired_ratios(inputs.runs).empty:
        return None
    return plot_speedup(inputs.runs)


def describe_speedup(summary: alt_text.Summary) -> str:
    numbers = "; ".join(
        f"{row['time']}, distributed took {alt_text.seconds(row['arm_s'])} and {label(row['control'])} "
        f"{alt_text.seconds(row['control_s'])}: {row['ratio']:.3g} times as fast{alt_text.interval(row)}, "
        f"{counted(row['pairs'], 'pairs')}"
        for row in alt_text.rows(summary, "speedup")
    )
    shows = "A point for each run on the left, the median ratio of the pairs on the right:"
    return alt_text.compose(shows, numbers, summary)


def draw_by_level(inputs: FigureInputs) -> Figure | None:
    """Draw the speedup at each level of a sweep; None for runs under equal conditions."""
    if not (factor := inputs.factor):
        return None
    table = speedup.by_level(inputs.runs, factor)
    return draw_one(plot_by_level, table, height_in=4.4, target_label=inputs.target_label, factor=factor)


def describe_by_level(summary: alt_text.Summary) -> str:
    numbers = "; ".join(
        f"at {level(row['level'])}, {row['ratio']:.3g} times{alt_text.interval(row)}"
        for row in alt_text.rows(summary, "by_level")
    )
    return alt_text.compose("Speedup of distributed over single node at each level:", numbers, summary)


def plot_speedup(runs: pd.DataFrame) -> Figure:
    """Draw the pairs on the left and their ratios on the right of a new figure.

    Args:
        runs: Columns of `results.schema.RUNS`.

    Raises:
        RunError: There is no complete warm pair, or a run's ledger is open.
    """
    rows = len(EVENTS) + max(runs["arm"].nunique() - 2, 0)
    figure = Figure(figsize=(WIDTH_IN + 1, max(4.4, ROW_IN * rows + 1.2)))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    plot_pairs(runs, left)
    plot_ratios(runs, right)
    return figure


def plot_pairs(
    runs: pd.DataFrame,
    ax: Axes,
    metric: str = "makespan_s",
    *,
    arm: str = "distributed",
    control: str = "single_node",
) -> Axes:
    """Draw a point per run, a line per pair and a bar at each median; cold runs hollow, beside the warm.

    Args:
        runs: The control is drawn first, then further arms, then the arm. Resumed runs and runs without
            a time are counted in the title, not drawn.
        metric: The time drawn, a key of `measures.pairs.EVENTS`.
        ax: Drawn on and returned; the caller owns its size, saving and closing.
    """
    arms = [control, *(name for name in dict.fromkeys(runs["arm"]) if name not in (arm, control)), arm]
    timed = not_resumed(runs[runs[metric].between(0, math.inf, inclusive="neither")])
    ticks: dict[float, str] = {}
    for temperature in ("warm", "cold"):
        of_temperature = timed[timed["temperature"] == temperature]
        if of_temperature.empty:
            continue
        places = {name: float(len(ticks) + k) for k, name in enumerate(arms)}
        _draw_pairs(ax, of_temperature, metric, places, hollow=temperature == "cold")
        for name, place in places.items():
            many = (of_temperature["arm"] == name).sum()
            ticks[place] = f"{_tick_label(name)}\n{temperature} ({many})"
    _label_arms(ax, ticks)
    _seconds_axis(ax, timed[metric], f"seconds {EVENTS[metric]}")
    left_out = len(runs) - len(timed)
    count = f"n = {len(timed)} runs, bars: medians" + (
        f" ({left_out} resumed or without a time left out)" if left_out else ""
    )
    text = f"Time {EVENTS[metric]}\n{_conclusion(runs, metric, arm, control)}"
    theme.title(ax, text, count, _targets(runs))
    return ax


def _label_arms(ax: Axes, ticks: dict[float, str]) -> None:
    """Label the places of arms and temperatures, slanted where they are many."""
    labels = list(ticks.values())
    if len(ticks) > MAX_UPRIGHT:
        slanted: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(list(ticks), [text.replace("\n", " ") for text in labels], **slanted)
    else:
        ax.set_xticks(list(ticks), labels)
    ax.set_xlim(-0.5, max(ticks, default=1) + 0.5)


def plot_ratios(
    runs: pd.DataFrame,
    ax: Axes,
    *,
    arm: str = "distributed",
    control: str = "single_node",
    confidence: float = 0.95,
) -> Axes:
    """Draw the ratio control / arm with its interval, against the line of no difference.

    A row for each event with the control, and one until stored with each further arm.

    Args:
        runs: Columns of `results.schema.RUNS`.
        ax: Drawn on and returned.

    Raises:
        RunError: There is no complete warm pair, or a run's ledger is open.
    """
    table = speedup.table(runs, arm=arm, control=control, confidence=confidence)
    y = np.arange(len(table))
    ax.axvline(1, color=theme.QUIET, lw=1, zorder=0)
    ax.annotate(
        "as fast", (1, 0), xycoords=("data", "axes fraction"), xytext=(4, 4), textcoords="offset points",
        color=theme.INK,
    )  # fmt: skip
    _draw_ratios(ax, table, y, arm)
    seconds = [
        f"{row.Index}\n{row.arm_s:.3g} s against {row.control_s:.3g} s"
        + ("" if row.control == control else f" of\n{label(row.control)}")
        for row in table.itertuples()
    ]
    ax.set_yticks(y, seconds)
    ax.set_ylim(len(table) - 0.5, -0.6)
    _ratio_axis(ax, table)
    ax.set_xlabel(f"speedup (×): median of pairs, {confidence * 100:g} % interval")
    n = " or ".join(counted(pairs, "warm pairs") for pairs in table["pairs"].unique())
    theme.title(ax, f"Speedup of {label(arm)}, by what is timed", f"n = {n}", _targets(runs))
    return ax


def _ratio_axis(ax: Axes, table: pd.DataFrame) -> None:
    """Let the axis begin at 0, or make it logarithmic; the text of the largest ratio has room beside it."""
    low = min(table[["ratio", "low"]].min(axis=None), 1)
    high = max(table[["ratio", "high"]].max(axis=None), 1)
    if high / low < LOG_FROM:
        ax.set_xlim(0, high * 1.6)
        return
    ax.set_xscale("log")
    theme.log_seconds(ax.xaxis)
    if high / low > CROWDED_FROM:
        ax.xaxis.set_major_locator(LogLocator())
    ax.set_xlim(low * 0.9, high * (high / low) ** 0.65)


def _draw_ratios(ax: Axes, table: pd.DataFrame, y: np.ndarray, arm: str) -> None:
    """Draw each ratio with its interval, and both as text."""
    error = np.vstack([table["ratio"] - table["low"], table["high"] - table["ratio"]])
    bars = ax.errorbar(table["ratio"], y, xerr=error, fmt="o", capsize=4, color=theme.ARM[arm])
    label_marks(bars.lines[0], [
        f"{row.Index}, {label(arm)} is {compared(row.ratio, row.low, row.high)} than {label(row.control)}; "
        f"{counted(row.pairs, 'pairs')}"
        for row in table.itertuples()
    ])  # fmt: skip
    for place, row in zip(y, table.itertuples(), strict=True):
        between = "no interval" if math.isnan(row.low) else f"{row.low:.3g} to {row.high:.3g}"
        ax.annotate(
            f"{row.ratio:.3g} ({between})", (row.ratio, place), xytext=(-6, 9), textcoords="offset points",
            ha="left", color=theme.INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip


def plot_by_level(
    table: pd.DataFrame, ax: Axes, *, target_label: str, factor: str = "chunks", arm: str = "distributed"
) -> Axes:
    """Draw the speedup at each level with its interval, the line at 1 and the ideal line.

    Args:
        table: What `measures.speedup.by_level` returns.
        ax: Drawn on and returned. The ideal, one times faster per sender, is drawn for `chunks` only.
    """
    is_words = not pd.api.types.is_numeric_dtype(table["level"])
    x, ratio = pd.Series(range(len(table))) if is_words else table["level"], table["ratio"]
    if factor == "chunks":
        ax.plot(x, x, ls=":", color=theme.QUIET, label="ideal: as many times faster as senders")
    ax.axhline(1, color=theme.QUIET, lw=1, zorder=0)
    _draw_levels(ax, table, x, factor, arm)
    if len(table):
        ax.set_xscale("linear" if is_words else "log")
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_ylim(min(ratio.min(), 1) * 0.6, max(table[["ratio", "high"]].max(axis=None), 1) * 2)
        ax.legend(frameon=False, fontsize="small")
    ax.set_xticks(list(x), [level(value) for value in table["level"]])
    ax.set_xlabel(label(factor))
    ax.set_ylabel("speedup (×)")
    n = ("" if table["pairs"].nunique() == 1 else "at least ") + counted(table["pairs"].min(), "warm pairs")
    text = f"Speedup of {label(arm)} by {label(factor)}"
    where = "the one level" if len(table) == 1 else f"each of {len(table)} levels"
    theme.title(ax, text, f"n = {n} at {where}", target_label)
    return ax


def _draw_levels(ax: Axes, table: pd.DataFrame, x: pd.Series, factor: str, arm: str) -> None:
    """Draw the ratio at each level with its interval."""
    ratio = table["ratio"]
    error = np.nan_to_num(np.vstack([ratio - table["low"], table["high"] - ratio]).astype(float))
    has_interval = "" if table["low"].isna().all() else ", 95 % interval"
    bars = ax.errorbar(x, ratio, yerr=error, marker="o", capsize=3, lw=1, color=theme.ARM[arm],
                       label=f"median of pairs{has_interval}")  # fmt: skip
    label_marks(bars.lines[0], [
        f"{label(factor)} = {level(row.level)}: {compared(row.ratio, row.low, row.high)}; "
        f"{counted(row.pairs, 'pairs')}"
        for row in table.itertuples()
    ])  # fmt: skip
    for place, row in zip(x, table.itertuples(), strict=True):
        top = row.ratio if math.isnan(row.high) else row.high
        ax.annotate(f"{row.ratio:.3g}", (place, top), xytext=(0, 4), textcoords="offset points",
                    ha="center", fontsize="small", color=theme.INK)  # fmt: skip


def _tick_label(arm: str) -> str:
    return label(arm).replace(" parallel", "\nparallel")


def _seconds_axis(ax: Axes, times: pd.Series, text: str) -> None:
    if len(times) and times.max() / times.min() >= LOG_FROM:
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        ax.set_ylim(top=times.max() * (times.max() / times.min()) ** (LABEL_ROOM - 1))
    else:
        ax.set_ylim(0, times.max() * LABEL_ROOM if len(times) else 1)
    ax.set_ylabel(text)


def _draw_pairs(ax: Axes, runs: pd.DataFrame, metric: str, places: dict[str, float], *, hollow: bool) -> None:
    for (_, place), pair in runs.groupby(["experiment_id", "pair"]):
        if place > 0:
            placed = pair.assign(place=pair["arm"].map(places)).sort_values("place")
            ax.plot(placed["place"], placed[metric], lw=0.8, color=theme.QUIET, zorder=1)
    for name in places:
        times = runs.loc[runs["arm"] == name, metric]
        if times.empty:
            continue
        colour = theme.ARM[name]
        x = np.full(len(times), places[name])
        dots = ax.scatter(x, times, s=32, zorder=2, edgecolors=colour,
                          facecolors="white" if hollow else colour)  # fmt: skip
        of_arm = runs[runs["arm"] == name]
        label_marks(dots, [f"{row.run_id}: {number(getattr(row, metric))} s (pair {row.pair})"
                           for row in of_arm.itertuples()])  # fmt: skip
        ax.hlines(times.median(), places[name] - WIDE, places[name] + WIDE, color=theme.INK, lw=1.5, zorder=3)
        ax.annotate(
            f"{times.median():.3g} s", (places[name], times.max()), xytext=(0, 6), zorder=4,
            textcoords="offset points", ha="center", va="bottom", color=theme.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip


def _conclusion(runs: pd.DataFrame, metric: str, arm: str, control: str) -> str:
    if paired_ratios(runs, arm=arm, control=control, metric=metric).empty:
        return "no complete warm pair, so no ratio"
    result = speedup.compare_arms(runs, arm=arm, control=control, metric=metric)
    between = f"{result.confidence * 100:g} % interval {result.low:.3g} to {result.high:.3g}"
    if result.verdict == speedup.NO_INTERVAL:
        between = result.verdict
    n = counted(result.pairs, "warm pairs")
    return f"{label(control)} over {label(arm)}: {result.ratio:.3g} ({between}, {n})"


def _targets(runs: pd.DataFrame) -> str:
    return ", ".join(runs["target"].unique()) or "no target"
