"""Draw which way of fanning out wins, over the number of datapoints and the work of each.

Colours name the ways for those who see them; hatches and names on the regions name them for everybody.
"""

import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import WIDTH_IN, FigureInputs
from lambdist_lib.formatting import count, counted, duration, label, money, number, percent
from lambdist_lib.planner.arm_map import COST, TIE, TIME
from lambdist_lib.protocol.arms import ARMS, arm_abbreviation, in_order

HEIGHT_IN = 5.2
TITLES = {TIME: "The fastest way", COST: "The cheapest way"}
HATCHES = ("", "//", "..", "xx", "\\\\", "--", "oo", "++", "||")  # by the place of the arm in ARMS
NAME_CHARS = 12  # of a line of a way's name on its region
CHARS_PER_CELL = 4.6
TIED = "≈"
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
PREDICTED = "predicted for AWS"


def draw_map(inputs: FigureInputs, *, table: pd.DataFrame | None = None) -> Figure | None:
    """Draw the fastest and the cheapest way; None without a prediction, or where one way alone ran.

    Args:
        table: `WhichWay.map`, if it is computed already.
    """
    table = inputs.arm_map() if table is None else table
    if table.empty or not (table["arm"] != "").any():
        return None
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_map(table, left, criterion=TIME, target_label=inputs.target_label)
    plot_map(table, right, criterion=COST, target_label=inputs.target_label)
    right.set_ylabel("")
    return figure


def describe_map(summary: alt_text.Summary) -> str:
    table = pd.DataFrame(alt_text.rows(summary, "arm_map"))
    texts = [_in_words(table, criterion) for criterion in TITLES] if len(table) else []
    shows = "Two maps over datapoints and work per datapoint; each cell names the way that wins:"
    return alt_text.compose(shows, "; ".join(texts), summary)


def plot_map(table: pd.DataFrame, ax: Axes, *, criterion: str, target_label: str) -> Axes:
    """Draw a cell for each size and work in the colour and hatch of the way that wins.

    A cell with TIED has another way within 5 % of the winner. The cross is the measured job.

    Args:
        table: `planner.which_way.WhichWay.map`.
        criterion: `arm_map.TIME` or `arm_map.COST`.
        target_label: Where the calibration was measured.
    """
    cells = table[table["criterion"] == criterion]
    sizes, works = (sorted(cells[name].unique()) for name in ("datapoints", "work_s"))
    grid = {(row["datapoints"], row["work_s"]): row for row in cells.to_dict("records")}
    for (x, size), (y, work_s) in itertools.product(enumerate(sizes), enumerate(works)):
        _cell(ax, x, y, grid[size, work_s], criterion)
    named = _name_regions(ax, [[grid[size, work_s]["arm"] for size in sizes] for work_s in works])
    for (x, size), (y, work_s) in itertools.product(enumerate(sizes), enumerate(works)):
        if grid[size, work_s]["tied"] and (x, y) not in named:
            ax.text(x, y, TIED, ha="center", va="center", color=theme.INK, bbox=_box(0.1))
    _mark_job(ax, cells, sizes, works)
    ax.set_xlim(-0.5, len(sizes) - 0.5)
    ax.set_ylim(-0.5, len(works) - 0.5)
    ax.set_xticks(range(len(sizes)), [_short(size) for size in sizes])
    ax.set_yticks(range(len(works)), [_work(work_s) for work_s in works])
    ax.set_xlabel("datapoints")
    ax.set_ylabel("time of process() per datapoint")
    _legend(ax, cells)
    theme.title(ax, f"{TITLES[criterion]}, {PREDICTED}", _width(cells), f"calibrated on {target_label}")
    return ax


def _cell(ax: Axes, x: int, y: int, row: dict[str, Any], criterion: str) -> None:
    patch = Rectangle((x - 0.5, y - 0.5), 1, 1, **_style(row["arm"]), lw=0)
    ax.add_patch(patch)
    where = f"{count(row['datapoints'])} datapoints of {_work(row['work_s'])}"
    if not row["arm"]:
        label_marks(patch, [f"{where}: no way can finish"])
        return
    second = (
        f"; then {label(row['runner_up'])}, {_value(row['runner_up_value'], criterion)}"
        if row["runner_up"]
        else ""
    )
    text = f"{where}: {label(row['arm'])}, {_value(row['value'], criterion)}{second}"
    label_marks(patch, [text])


def _style(arm: str) -> dict[str, Any]:
    if not arm:
        return {"facecolor": "white", "edgecolor": theme.QUIET, "hatch": ""}
    hatch = HATCHES[list(ARMS).index(arm) % len(HATCHES)]
    return {"facecolor": (theme.ARM[arm], 0.55), "edgecolor": (theme.INK, 0.45), "hatch": hatch}


def _name_regions(ax: Axes, arms: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """Write each way's name on its widest run of cells, or its initials; return the cells below names."""
    runs = [
        (len(cells), y, cells[0][0], arm)
        for y, row in enumerate(arms)
        for arm, group in itertools.groupby(enumerate(row), key=lambda cell: cell[1])
        if (cells := list(group))
    ]
    named: set[tuple[int, int]] = set()
    middle = (len(arms) - 1) / 2
    for arm in dict.fromkeys(run[3] for run in runs):
        length, y, first, _ = max(
            (run for run in runs if run[3] == arm), key=lambda run: (run[0], -abs(run[1] - middle))
        )
        full = textwrap.fill(label(arm) or "none can finish", NAME_CHARS)
        fits = max(map(len, full.splitlines())) <= length * CHARS_PER_CELL
        text = full if fits else (arm_abbreviation(arm) if arm else "-")
        ax.text(first + (length - 1) / 2, y, text, ha="center", va="center", fontsize="small",
                weight="bold", bbox=_box(0.2), zorder=3)  # fmt: skip
        named |= {(x, y) for x in range(first, first + length)}
    return named


def _mark_job(ax: Axes, cells: pd.DataFrame, sizes: list[float], works: list[float]) -> None:
    if "job_datapoints" not in cells:
        return
    job = cells.iloc[0]
    x, y = _place(job["job_datapoints"], sizes), _place(job["job_work_s"], works)
    ax.plot(x, y, "P", ms=11, color="white", mec="black", mew=1.4, zorder=4)
    ax.annotate("this job", (x, y), xytext=(0, -14), textcoords="offset points", ha="center", va="center",
                fontsize="small", bbox=_box(0.15), zorder=4)  # fmt: skip


def _place(value: float, ticks: Sequence[float]) -> float:
    """Return where a value lies between ticks that are each one unit apart, at most half a unit outside."""
    if value <= 0 or len(ticks) < 2:
        return -0.5 if value < ticks[0] else 0.0
    at = [math.log(tick) for tick in ticks]
    low = max((k for k in range(len(at) - 1) if at[k] <= math.log(value)), default=0)
    place = low + (math.log(value) - at[low]) / (at[low + 1] - at[low])
    return min(max(place, -0.5), len(ticks) - 0.5)


def _legend(ax: Axes, cells: pd.DataFrame) -> None:
    winners = in_order(cells["arm"])
    handles: list[Any] = [
        Rectangle((0, 0), 1, 1, **_style(arm), label=f"{label(arm)} ({arm_abbreviation(arm)})")
        for arm in winners
    ]
    if (cells["tied"] != "").any():
        tie = f"another way within {percent(round(TIE - 1, 2))}"
        handles += ax.plot([], [], ls="", marker=f"${TIED}$", color=theme.INK, label=tie)
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2, fontsize="small",
              handlelength=2.2, handleheight=1.4)  # fmt: skip


def _width(cells: pd.DataFrame) -> str:
    if "senders" not in cells:
        return f"n = {counted(len(cells), 'cells')}"
    row = cells.iloc[0]
    return f"{counted(int(row['senders']), 'senders')}, up to {counted(int(row['processors']), 'processors')}"


def _in_words(table: pd.DataFrame, criterion: str) -> str:
    cells = table[table["criterion"] == criterion]
    won = cells["arm"].value_counts()
    shares = ", ".join(f"{label(arm) or 'no way'} in {number_of}" for arm, number_of in won.items())
    return f"{TITLES[criterion].lower()} of {len(cells)} cells: {shares}"


def _value(value: float, criterion: str) -> str:
    return duration(value) if criterion == TIME else f"{money(value)} USD per million"


def _short(size: float) -> str:
    for unit, prefix in PREFIXES:
        if size >= unit:
            return f"{size / unit:g} {prefix}"
    return f"{size:g}"


def _work(work_s: float) -> str:
    return f"{number(work_s)} s" if work_s >= 1 else f"{number(work_s * 1000)} ms"


def _box(pad: float) -> dict[str, Any]:
    return {"boxstyle": f"round,pad={pad}", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
