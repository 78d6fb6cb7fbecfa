"""Draw the ways of fanning a job out as time against cost, as predicted for AWS."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one, has_predictions
from lambdist_lib.formatting import between, counted, is_known, label, money, number
from lambdist_lib.protocol.arms import ARMS

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")  # by the place of the arm in ARMS


def draw_ways(inputs: FigureInputs, *, table: pd.DataFrame | None = None) -> Figure | None:
    """Draw the ways; None where nothing was predicted.

    Args:
        table: `WhichWay.table`, if it is computed already.
    """
    table = inputs.ways() if table is None else table
    if not has_predictions(table):
        return None
    return draw_one(plot_ways, table, height_in=4.6, target_label=inputs.target_label)


def describe_ways(summary: alt_text.Summary) -> str:
    numbers = "; ".join(
        f"{label(row['arm'])} takes {number(row['predicted_s'])} s ({between(row['low_s'], row['high_s'])}) "
        f"and costs {money(row['usd_per_million'])} USD"
        for row in alt_text.rows(summary, "ways")
        if is_known(row.get("predicted_s"))
    )
    shows = "A point per way, its time on AWS against its cost for a million datapoints, predicted:"
    return alt_text.compose(shows, numbers, summary)


def plot_ways(table: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw a named point for each way, with the range of its time, on logarithmic axes.

    Args:
        table: `planner.which_way.WhichWay.table`.
    """
    known = table[table["predicted_s"] > 0].sort_values("predicted_s")
    for row in known.to_dict("records"):
        usd, seconds, colour = row["usd_per_million"], row["predicted_s"], theme.ARM[row["arm"]]
        ax.vlines(usd, row["low_s"], row["high_s"], color=colour, lw=5, alpha=0.35)
        marker = MARKERS[list(ARMS).index(row["arm"]) % len(MARKERS)]
        [mark] = ax.plot(usd, seconds, marker, color=colour, mec=theme.INK, ms=9)
        text = f"{label(row['arm'])}: {number(seconds)} s, {money(usd)} USD per million"
        label_marks(mark, [text])
        ax.annotate(label(row["arm"]), (usd, seconds), xytext=(10, 0), textcoords="offset points",
                    va="center", color=theme.INK, fontsize="small")  # fmt: skip
    if len(known):
        ax.set_xscale("log")
        ax.set_yscale("log")
        theme.log_seconds(ax.xaxis)
        theme.log_seconds(ax.yaxis)
        ax.set_xlim(known["usd_per_million"].min() * 0.8, known["usd_per_million"].max() * 1.9)
        ax.set_ylim(known["low_s"].min() * 0.85, known["high_s"].max() * 1.15)
    ax.set_xlabel("USD for a million datapoints")
    ax.set_ylabel("seconds until the last datapoint is stored")
    n = f"{counted(len(known), 'ways')}, bars: 5 to 95 %"
    theme.title(ax, "Time against cost on AWS, predicted", n, f"calibrated on {target_label}")
    return ax
