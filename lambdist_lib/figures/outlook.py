"""Draw each arm's makespan as measured here, beside its prediction for AWS."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one, has_predictions
from lambdist_lib.formatting import between, counted, is_known, label, number

HERE_ABOVE = 0.16  # of a row: the measured point above its middle, the predicted one below
ROW_IN, EDGES_IN = 0.75, 1.6  # height of a row, and of titles and the axis


def draw_outlook(inputs: FigureInputs, *, table: pd.DataFrame | None = None) -> Figure | None:
    """Draw the arms; None where nothing was predicted.

    Args:
        table: `Outlook.table`, if it is computed already.
    """
    table = inputs.outlook() if table is None else table
    if not has_predictions(table):
        return None
    runs = int(inputs.runs["arm"].isin(table["arm"]).sum())
    height_in = EDGES_IN + ROW_IN * len(table)
    return draw_one(plot_outlook, table, height_in=height_in, target_label=inputs.target_label, runs=runs)


def describe_outlook(summary: alt_text.Summary) -> str:
    numbers = "; ".join(
        f"{label(row['arm'])} {_measured(row)} and takes {number(row['predicted_s'])} s on AWS, predicted"
        f" ({number(row['low_s'])} to {number(row['high_s'])})"
        for row in alt_text.rows(summary, "outlook")
        if is_known(row.get("predicted_s"))
    )
    return alt_text.compose("Two points per arm, measured here and predicted on AWS:", numbers, summary)


def plot_outlook(table: pd.DataFrame, ax: Axes, *, target_label: str, runs: int) -> Axes:
    """Draw a measured point and a predicted one with its interval for each arm, on a logarithmic axis.

    Args:
        table: `planner.outlook.Outlook.table`.
        runs: How many runs were measured.
    """
    for place, row in enumerate(table.to_dict("records")):
        colour = theme.ARM[row["arm"]]
        if is_known(row["measured_s"]):
            [mark] = ax.plot(row["measured_s"], place - HERE_ABOVE, "o", color=colour, ms=8)
            label_marks(mark, [f"{label(row['arm'])}: {number(row['measured_s'])} s measured here"])
            _name(ax, row["measured_s"], place - HERE_ABOVE, f"{number(row['measured_s'])} s here")
        if is_known(row["predicted_s"]):
            y = place + HERE_ABOVE
            ax.hlines(y, row["low_s"], row["high_s"], color=colour, lw=5, alpha=0.35)
            [mark] = ax.plot(row["predicted_s"], y, "D", color=colour, mfc="white", ms=7)
            label_marks(mark, [f"{label(row['arm'])}: {number(row['predicted_s'])} s predicted on AWS "
                               f"({between(row['low_s'], row['high_s'])} s)"])  # fmt: skip
            _name(ax, max(row["high_s"], row["predicted_s"]), y, f"{number(row['predicted_s'])} s on AWS")
    ax.plot([], [], "o", color=theme.INK, label="measured here, median")
    ax.plot([], [], "D-", color=theme.INK, mfc="white", label="predicted on AWS, 5 to 95 %")
    ax.set_yticks(range(len(table)), [label(arm) for arm in table["arm"]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    if len(table):
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
        times_s = table[["measured_s", "low_s", "high_s"]]
        ax.set_xlim(times_s.min(axis=None) * 0.8, times_s.max(axis=None) * 2.2)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ax.set_xlabel("seconds until the last datapoint is stored")
    shows = "Measured here, and predicted on AWS"
    theme.title(ax, shows, f"n = {counted(runs, 'runs')} measured", target_label)
    return ax


def _name(ax: Axes, x: float, y: float, text: str) -> None:
    ax.annotate(text, (x, y), xytext=(9, 0), textcoords="offset points", va="center", color=theme.INK,
                fontsize="small")  # fmt: skip


def _measured(row: dict[str, object]) -> str:
    measured_s = row["measured_s"]
    return f"took {number(measured_s)} s" if is_known(measured_s) else "was not run"  # type: ignore[arg-type]
