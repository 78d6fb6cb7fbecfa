"""Drawing of `measures.latency`: how long datapoints take, by arm and temperature."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lambdist_lib.figures import theme

MOST_STEPS = 2_000  # of a curve: more than the figure has pixels
WORDS = {"end_to_end": "stored", "answer": "answered"}  # of the keys of `measures.latency.ENDS`
LINES = {"warm": "-", "cold": "--", "as found": "-."}
PERCENTILES = (0.5, 0.9, 0.99)


def plot_ecdf(latencies: pd.DataFrame, ax: Axes, *, target: str, end: str = "end_to_end") -> Axes:
    """Draw the share of datapoints that were done by a time, from their intended send; a curve per arm.

    Args:
        latencies: What `measures.latency.per_datapoint` returns.
        end: A key of `measures.latency.ENDS`.
        ax: Drawn on and returned; the colour is the arm's, dashes are cold runs.
    """
    column, counted = f"{end}_s", 0
    for (arm, temperature), group in latencies.groupby(["arm", "temperature"], sort=False):
        times = group.loc[group[column] > 0, column].sort_values().to_numpy()
        if not len(times):
            continue
        counted += len(times)
        shares = np.arange(1, len(times) + 1) / len(times)
        kept = np.unique(np.linspace(0, len(times) - 1, min(len(times), MOST_STEPS)).astype(int))
        ax.step(
            times[kept],
            shares[kept],
            where="post",
            color=theme.ARM.get(arm, theme.INK),
            ls=LINES.get(temperature, ":"),
            label=f"{arm.replace('_', ' ')}, {temperature} ({len(times):,})",
        )
    for p in PERCENTILES:
        ax.axhline(p, color=theme.QUIET, lw=0.6, ls=":", zorder=0)
    ax.set_yticks([0, 0.25, *PERCENTILES], ["0", "25 %", "50 %", "90 %", "99 %"])
    ax.set_ylim(0, 1.02)
    if counted:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    ax.set_xlabel(f"seconds from the intended send until {WORDS[end]}")
    ax.set_ylabel("datapoints")
    missing = len(latencies) - counted
    n = f"n = {counted:,} datapoints" + (f", {missing:,} never {WORDS[end]}" if missing else "")
    theme.title(ax, f"Until a datapoint is {WORDS[end]}", n, target)
    return ax
