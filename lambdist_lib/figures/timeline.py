"""Drawing of `measures.stages`: every datapoint of one run on its way."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lambdist_lib.errors import RunError
from lambdist_lib.figures import theme
from lambdist_lib.measures import stages
from lambdist_lib.protocol.contract import DEAD, OUTCOMES, STORED

LABELS = {
    "wait": "waits for a sender",
    "to_entry": "to the first Lambda",
    "collector": "collector",
    "queue": "in the queue",
    "start": "starting, retries",
    "process": "process()",
    "to_put": "to the write",
}
MARKER = {"dead": "x", "rejected": "|", "unsent": "_", "in_flight": ">", "lost": "s"}


def plot_timeline(records: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw a bar per datapoint, cut into its stages, in order of the data file.

    Args:
        records: Of one run. What was not stored is drawn too: a line from its send to the last
            that is known of it, with a marker for how it ended.
        ax: Drawn on and returned.

    Raises:
        RunError: Records of several runs.
    """
    if records["run_id"].nunique() > 1:
        raise RunError(
            f"a timeline shows one run, not {records['run_id'].nunique()}; "
            f"keep one with records[records['run_id'] == {records['run_id'].iloc[0]!r}]"
        )
    ordered = stages.with_sent_at_of_the_try_that_counted(records.sort_values("n", ignore_index=True))
    zero = pd.to_numeric(ordered["intended_at"], errors="coerce").min()
    stamps = ordered.filter(regex="_at$").apply(pd.to_numeric, errors="coerce") - zero
    handles: list[Patch | Line2D] = []
    stored = ordered["outcome"] == STORED
    for stage, (begin, end) in stages.STAGES.get(ordered["arm"].iloc[0] if len(ordered) else "", {}).items():
        spans = stamps.loc[stored, [begin, end]].dropna()
        if len(spans):
            ax.add_collection(_bars(spans, theme.STAGE[stage]))
            handles.append(Patch(color=theme.STAGE[stage], label=LABELS[stage]))
    for outcome in OUTCOMES:
        ended = stamps[ordered["outcome"] == outcome]
        if outcome == STORED or ended.empty:
            continue
        known = ended.max(axis="columns").fillna(0)
        ax.hlines(ended.index, ended["intended_at"].fillna(0), known, color=theme.OUTCOME[outcome], lw=1)
        style: dict[str, Any] = {"marker": MARKER[outcome], "color": theme.OUTCOME[outcome], "ls": ""}
        ax.plot(known, ended.index, **style, ms=6, mew=2, clip_on=False)
        handles.append(Line2D([], [], **style, mew=2, label=f"{outcome.replace('_', ' ')} ({len(ended):,})"))
    last_s = stamps.max(axis=None) if len(stamps) else np.nan
    ax.set_xlim(0, last_s * 1.02 if last_s > 0 else 1)
    ax.set_ylim(max(len(ordered), 1) * 1.02, -0.5)
    ax.set_xlabel("seconds since the first intended send")
    ax.set_ylabel("datapoint, in order of the file")
    if handles:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    run = (
        f"{ordered['arm'].iloc[0].replace('_', ' ')}, {ordered['run_id'].iloc[0]}"
        if len(ordered)
        else "no run"
    )
    count = f"n = {len(ordered):,} datapoints, {int((ordered['outcome'] == DEAD).sum())} dead"
    theme.title(ax, f"Every datapoint on its way: {run}", count, target)
    return ax


def _bars(spans: pd.DataFrame, colour: str) -> PolyCollection:
    """One collection for all bars of a stage: ten thousand rectangles of their own take minutes."""
    begin, end, y = spans.iloc[:, 0], spans.iloc[:, 1], spans.index
    low, high = y - 0.5, y + 0.5  # no gaps: rows may be narrower than a pixel
    corners = np.stack([begin, low, end, low, end, high, begin, high], axis=1).reshape(-1, 4, 2)
    return PolyCollection(list(corners), facecolors=colour, edgecolors="none")
