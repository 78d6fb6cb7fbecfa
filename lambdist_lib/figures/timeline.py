"""Draw every datapoint of one run as a bar, cut into its stages."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one, require_one_run
from lambdist_lib.formatting import counted, label, number
from lambdist_lib.measures import stages
from lambdist_lib.protocol.contract import DEAD, OUTCOMES, STORED

LABELS = {
    "wait": "waits for a sender",
    "upload": "upload of the file",
    "to_entry": "to the first Lambda or queue",
    "collector": "collector",
    "queue": "in the queue",
    "start": "starting, retries",
    "process": "process()",
    "to_put": "to the write",
}
MARKER = {"dead": "x", "rejected": "|", "unsent": "_", "in_flight": ">", "lost": "s"}


def draw_timeline(inputs: FigureInputs) -> Figure | None:
    """Draw the datapoints of the run that `inputs.select_run` chooses."""
    records = inputs.one_run(inputs.records)
    return draw_one(plot_timeline, records, height_in=5, target_label=inputs.target_label)


def describe_timeline(summary: alt_text.Summary) -> str:
    texts = []
    for arm, table in alt_text.group(alt_text.rows(summary, "stages"), "arm").items():
        known = [row for row in table if row["share"] and row["stage"] != "end_to_end"]
        longest = sorted(known, key=lambda row: row["share"], reverse=True)[:3]
        parts = ", ".join(f"{label(row['stage'])} {row['share'] * 100:.2g} %" for row in longest)
        texts += [f"{label(arm)}: {parts}"] if parts else []
    numbers = f"Over all runs most of the time went to, {'; '.join(texts)}" if texts else ""
    return alt_text.compose("A bar for each datapoint of one run, cut into its stages.", numbers, summary)


def plot_timeline(records: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw a bar per datapoint, cut into its stages, in order of the data file.

    Args:
        records: Of one run. A datapoint that was not stored is a line from its send to its last known
            time, with a marker for its outcome.
        ax: Drawn on and returned.

    Raises:
        RunError: Records of several runs.
    """
    require_one_run(records, "a timeline is drawn", "records")
    ordered = stages.with_sent_at_of_counted_try(records.sort_values("n", ignore_index=True))
    zero = pd.to_numeric(ordered["intended_at"], errors="coerce").min()
    stamps = ordered.filter(regex="_at$").apply(pd.to_numeric, errors="coerce") - zero
    handles = [*_draw_stages(ax, ordered, stamps), *_draw_failures(ax, ordered, stamps)]
    last_s = stamps.max(axis=None) if len(stamps) else np.nan
    ax.set_xlim(0, last_s * 1.02 if last_s > 0 else 1)
    rows = max(len(ordered), 1)
    ax.set_ylim(rows - 0.5 + 0.02 * rows, -0.5)
    theme.whole_numbers(ax.yaxis)
    ax.set_xlabel("seconds since the first intended send")
    ax.set_ylabel("datapoint, in order of the file")
    if handles:
        theme.legend_beside(ax, handles=handles)
    run = f"{label(ordered['arm'].iloc[0])}, {ordered['run_id'].iloc[0]}" if len(ordered) else "no run"
    count = f"n = {counted(len(ordered), 'datapoints')}, {int((ordered['outcome'] == DEAD).sum())} dead"
    theme.title(ax, f"Every datapoint on its way: {run}", count, target_label)
    return ax


def _draw_stages(ax: Axes, records: pd.DataFrame, stamps: pd.DataFrame) -> list[Patch | Line2D]:
    """Draw the bars of what was stored; return the legend's handles."""
    handles: list[Patch | Line2D] = []
    stored = records["outcome"] == STORED
    for stage, (begin, end) in stages.of_arm(records["arm"].iloc[0] if len(records) else "").items():
        spans = stamps.loc[stored, [begin, end]].dropna()
        spans = spans[spans[begin] != spans[end]]
        if len(spans):
            bars = ax.add_collection(_bars(spans, theme.STAGE[stage]))
            label_marks(bars, _bar_texts(spans, records["n"], LABELS[stage]))
            handles.append(Patch(color=theme.STAGE[stage], label=LABELS[stage]))
    return handles


def _draw_failures(ax: Axes, records: pd.DataFrame, stamps: pd.DataFrame) -> list[Patch | Line2D]:
    """Draw a line and a marker for what was not stored; return the legend's handles."""
    handles: list[Patch | Line2D] = []
    for outcome in OUTCOMES:
        ended = stamps[records["outcome"] == outcome]
        if outcome == STORED or ended.empty:
            continue
        known = ended.max(axis="columns").fillna(0)
        ax.hlines(ended.index, ended["intended_at"].fillna(0), known, color=theme.OUTCOME[outcome], lw=1)
        style: dict[str, Any] = {"marker": MARKER[outcome], "color": theme.OUTCOME[outcome], "ls": ""}
        [marks] = ax.plot(known, ended.index, **style, ms=6, mew=2, clip_on=False)
        label_marks(marks, [
            f"datapoint {records['n'][place]}: {label(outcome)} after {number(known[place])} s"
            for place in ended.index
        ])  # fmt: skip
        handles.append(Line2D([], [], **style, mew=2, label=f"{label(outcome)} ({len(ended):,})"))
    return handles


def _bar_texts(spans: pd.DataFrame, numbers: pd.Series, words: str) -> list[str]:
    """Return a line per bar: the datapoint, the stage, how long and from when."""
    return [
        f"datapoint {numbers[place]}: {words} {(end - begin) * 1000:,.3g} ms, from {begin:.3f} s"
        for place, begin, end in zip(spans.index, *spans.to_numpy().T, strict=True)
    ]


def _bars(spans: pd.DataFrame, colour: str) -> PolyCollection:
    """Return all bars of a stage as one collection: ten thousand separate rectangles take minutes."""
    begin, end, y = spans.iloc[:, 0], spans.iloc[:, 1], spans.index
    low, high = y - 0.5, y + 0.5  # no gaps: rows may be narrower than a pixel
    corners = np.stack([begin, low, end, low, end, high, begin, high], axis=1).reshape(-1, 4, 2)
    return PolyCollection(list(corners), facecolors=colour, edgecolors="none")
