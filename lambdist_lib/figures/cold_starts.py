"""Drawing of `measures.cold_starts`: what cold invocations cost beside warm ones."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lambdist_lib.figures import theme

LANES = {  # label: (whether cold, column)
    "init": (True, "init_s"),
    "handler cold": (True, "duration_s"),
    "handler warm": (False, "duration_s"),
}
FUNCTIONS = ("collector", "processor", "dead_letter", "single_node")


def plot_latency(invocations: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw one point per invocation: a cold start's init, the handler cold, the handler warm.

    Args:
        invocations: Columns of `columns.INVOCATIONS`; of any number of runs.
        ax: Drawn on and returned, with a bar at each lane's median.
    """
    jitter = np.random.default_rng(0)  # the same picture every time
    lanes = {}  # label by its place
    place = 0.0
    for function in [name for name in FUNCTIONS if (invocations["function"] == name).any()]:
        called = invocations[invocations["function"] == function]
        cold = called["cold"].astype(object).eq(True)
        for lane, (is_cold, column) in LANES.items():
            times = called.loc[cold == is_cold, column]
            times = times[times > 0]  # a dead-letter handler logs no duration
            if times.empty:
                continue
            _draw_lane(
                ax, times, place, jitter, "cold" if is_cold else "warm", "D" if lane == "init" else "o"
            )
            lanes[place] = f"{function.replace('_', ' ')}, {lane} ({len(times):,})"
            place += 1
        place += 0.6
    ax.set_yticks(list(lanes), list(lanes.values()))
    ax.set_ylim(max(lanes, default=0) + 0.6, -0.9)
    if lanes:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
    ax.set_xlabel("seconds (bar and number: median)")
    theme.title(
        ax,
        "What cold starts cost: init, then the handler cold and warm",
        f"n = {len(invocations):,} invocations",
        target,
    )
    return ax


def _draw_lane(
    ax: Axes, times: pd.Series, place: float, jitter: np.random.Generator, temperature: str, marker: str
) -> None:
    median_s = times.median()
    y = place + jitter.uniform(-0.22, 0.22, len(times))
    ax.scatter(times, y, s=14, alpha=0.7, linewidths=0, color=theme.TEMPERATURE[temperature], marker=marker)
    if len(times) > 1:
        ax.vlines(median_s, place - 0.36, place + 0.36, color=theme.INK, lw=1.5)
    ax.annotate(
        _milliseconds(median_s), (median_s, place - 0.36), xytext=(0, 1), textcoords="offset points",
        ha="center", va="bottom", fontsize="small", color=theme.INK,
    )  # fmt: skip


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2g} ms"
