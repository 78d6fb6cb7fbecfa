"""Drawings of `measures.speedup`: the pairs themselves, and their ratio with its interval."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from lambdist_lib.figures import theme
from lambdist_lib.formatting import counted
from lambdist_lib.measures import speedup

LOG_FROM = 8  # largest over smallest time from which a linear axis would crush the small ones
WIDE = 0.16  # half of a median's bar


def plot_pairs(
    runs: pd.DataFrame,
    ax: Axes,
    at: str = "makespan_s",
    *,
    arm: str = "distributed",
    control: str = "single_node",
) -> Axes:
    """Draw a point per run, a line per pair and a bar at each median; cold runs hollow, beside the warm.

    Args:
        runs: The control is drawn first, then other arms that are in it, then the arm. Resumed runs
            and those without a time are counted in the title, not drawn.
        at: The time drawn, a key of `measures.speedup.EVENTS`.
        ax: Drawn on and returned; the caller owns its size, saving and closing.
    """
    arms = [control, *(one for one in dict.fromkeys(runs["arm"]) if one not in (arm, control)), arm]
    timed = runs[runs[at].between(0, math.inf, inclusive="neither") & ~runs["resumed"].eq(True).astype(bool)]
    ticks: dict[float, str] = {}
    for temperature in ("warm", "cold"):
        of_temperature = timed[timed["temperature"] == temperature]
        if of_temperature.empty:
            continue
        places = {one: float(len(ticks) + k) for k, one in enumerate(arms)}
        _draw_pairs(ax, of_temperature, at, places, hollow=temperature == "cold")
        for name, place in places.items():
            number = (of_temperature["arm"] == name).sum()
            short = _spelt(name).replace(" parallel", "\nparallel")
            ticks[place] = f"{short}\n{temperature} ({number})"
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.set_xlim(-0.5, max(ticks, default=1) + 0.8)
    if len(timed) and timed[at].max() / timed[at].min() >= LOG_FROM:
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
    else:
        ax.set_ylim(0, timed[at].max() * 1.1 if len(timed) else 1)
    ax.set_ylabel(f"seconds {speedup.EVENTS[at]}")
    left_out = len(runs) - len(timed)
    count = f"n = {len(timed)} runs, bars: medians" + (
        f" ({left_out} resumed or without a time left out)" if left_out else ""
    )
    text = f"Time {speedup.EVENTS[at]}\n{_conclusion(runs, at, arm, control)}"
    theme.title(ax, text, count, _targets(runs))
    return ax


def plot_ratios(
    runs: pd.DataFrame,
    ax: Axes,
    *,
    arm: str = "distributed",
    control: str = "single_node",
    confidence: float = 0.95,
) -> Axes:
    """Draw the ratio control / arm with its interval, against the line of no difference.

    A row for each event, and one until stored for each other arm in place of the control.
    """
    table = speedup.table(runs, arm=arm, control=control, confidence=confidence)
    y = np.arange(len(table))
    error = np.vstack([table["ratio"] - table["low"], table["high"] - table["ratio"]])
    ax.axvline(1, color=theme.QUIET, lw=1, zorder=0)
    ax.annotate(
        "as fast", (1, 0), xycoords=("data", "axes fraction"), xytext=(4, 4), textcoords="offset points",
        color=theme.INK,
    )  # fmt: skip
    ax.errorbar(table["ratio"], y, xerr=error, fmt="o", capsize=4, color=theme.ARM[arm])
    for place, row in zip(y, table.itertuples(), strict=True):
        between = "no interval" if math.isnan(row.low) else f"{row.low:.3g} to {row.high:.3g}"
        ax.annotate(
            f"{row.ratio:.3g} ({between})", (row.ratio, place), xytext=(-6, 9), textcoords="offset points",
            ha="left", color=theme.INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    seconds = [
        f"{row.Index}\n{row.arm_s:.3g} s against {row.control_s:.3g} s"
        + ("" if row.control == control else f" of\n{_spelt(row.control)}")
        for row in table.itertuples()
    ]
    ax.set_yticks(y, seconds)
    ax.set_ylim(len(table) - 0.5, -0.6)
    ax.set_xlim(0, max(table[["ratio", "high"]].max(axis=None), 1) * 1.4)
    ax.set_xlabel(f"speedup (×): median of pairs, {confidence * 100:g} % interval")
    n = " or ".join(counted(pairs, "warm pairs") for pairs in table["pairs"].unique())
    theme.title(ax, f"Speedup of {_spelt(arm)}, by what is timed", f"n = {n}", _targets(runs))
    return ax


def plot_by_level(
    table: pd.DataFrame, ax: Axes, *, target: str, factor: str = "chunks", arm: str = "distributed"
) -> Axes:
    """Draw the speedup at each level with its interval, the line of no difference and the ideal one.

    Args:
        table: What `measures.speedup.by_level` returns.
        ax: Drawn on and returned. The ideal, one times faster per sender, is drawn for chunks alone.
    """
    x, ratio = table["level"], table["ratio"]
    if factor == "chunks":
        ax.plot(x, x, ls=":", color=theme.QUIET, label="ideal: as many times faster as senders")
    ax.axhline(1, color=theme.QUIET, lw=1, zorder=0)
    error = np.nan_to_num(np.vstack([ratio - table["low"], table["high"] - ratio]).astype(float))
    has_interval = "" if table["low"].isna().all() else ", 95 % interval"
    ax.errorbar(x, ratio, yerr=error, marker="o", capsize=3, lw=1, color=theme.ARM[arm],
                label=f"median of pairs{has_interval}")  # fmt: skip
    for row in table.itertuples():
        ax.annotate(f"{row.ratio:.3g}", (row.level, row.ratio), xytext=(6, 5), textcoords="offset points",
                    ha="left", fontsize="small", color=theme.INK)  # fmt: skip
    if len(table):
        ax.set_xscale("log")
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_ylim(min(ratio.min(), 1) * 0.6, max(table[["ratio", "high"]].max(axis=None), 1) * 2)
        ax.legend(frameon=False, fontsize="small")
    ax.set_xticks(list(x), [f"{level:g}" for level in x])
    ax.set_xlabel(factor.replace("_", " "))
    ax.set_ylabel("speedup (×)")
    n = ("" if table["pairs"].nunique() == 1 else "at least ") + counted(table["pairs"].min(), "warm pairs")
    text = f"Speedup of {_spelt(arm)} by {factor.replace('_', ' ')}"
    theme.title(ax, text, f"n = {n} at each of {len(table)} levels", target)
    return ax


def _draw_pairs(ax: Axes, runs: pd.DataFrame, at: str, places: dict[str, float], *, hollow: bool) -> None:
    for (_, number), pair in runs.groupby(["experiment_id", "pair"]):
        if number > 0:
            placed = pair.assign(place=pair["arm"].map(places)).sort_values("place")
            ax.plot(placed["place"], placed[at], lw=0.8, color=theme.QUIET, zorder=1)
    for name in places:
        times = runs.loc[runs["arm"] == name, at]
        if times.empty:
            continue
        colour = theme.ARM[name]
        x = np.full(len(times), places[name])
        ax.scatter(x, times, s=32, zorder=2, edgecolors=colour, facecolors="white" if hollow else colour)
        ax.hlines(times.median(), places[name] - WIDE, places[name] + WIDE, color=theme.INK, lw=1.5, zorder=3)
        ax.annotate(
            f"{times.median():.3g} s", (places[name] + WIDE, times.median()), xytext=(4, 0), zorder=4,
            textcoords="offset points", ha="left", va="center", color=theme.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip


def _conclusion(runs: pd.DataFrame, at: str, arm: str, control: str) -> str:
    if speedup.paired_ratios(runs, arm=arm, control=control, at=at).empty:
        return "no complete warm pair, so no ratio"
    found = speedup.compare_arms(runs, arm=arm, control=control, at=at)
    between = f"{found.confidence * 100:g} % interval {found.low:.3g} to {found.high:.3g}"
    if found.verdict == speedup.NO_INTERVAL:
        between = found.verdict
    n = counted(found.pairs, "warm pairs")
    return f"{_spelt(control)} over {_spelt(arm)}: {found.ratio:.3g} ({between}, {n})"


def _targets(runs: pd.DataFrame) -> str:
    return ", ".join(runs["target"].unique()) or "no target"


def _spelt(name: str) -> str:
    return name.replace("_", " ")
