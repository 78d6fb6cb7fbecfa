"""Draw how many executions ran at once, in how many environments, against the limits."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one, require_one_run
from lambdist_lib.formatting import counted, label
from lambdist_lib.measures import concurrency


def draw_concurrency(inputs: FigureInputs, *, processors: int = 0) -> Figure | None:
    """Draw the concurrency of the run that `inputs.select_run` chooses; None where nothing ran.

    Args:
        processors: The queue's limit of processors at once; drawn as a line.
    """
    spans = concurrency.spans(inputs.one_run(inputs.records))
    if spans.empty:
        return None
    limits = {"most processors": processors} if processors else {}
    return draw_one(plot_concurrency, spans, height_in=3.8, target_label=inputs.target_label, limits=limits)


def describe_concurrency(summary: alt_text.Summary) -> str:
    numbers, peak = "", alt_text.value(summary, "concurrency_peak")
    if peak and (environments := alt_text.value(summary, "concurrency_environments")):
        numbers = f"Medians over runs: {peak:g} at once at most, {environments:g} environments"
    shows = "Executions at once during one run, and environments used by then."
    return alt_text.compose(shows, numbers, summary)


def plot_concurrency(
    spans: pd.DataFrame, ax: Axes, *, target_label: str, limits: Mapping[str, float] | None = None
) -> Axes:
    """Draw executions at once over time, and the environments used so far.

    Args:
        spans: Of one run, as `measures.concurrency.spans` returns.
        limits: Label and number of each limit to draw, such as {"MaximumConcurrency": 10}.
        ax: Drawn on and returned; the filled area is the work done.

    Raises:
        RunError: Spans of several runs.
    """
    require_one_run(spans, "concurrency is drawn", "spans")
    steps = concurrency.over_time(spans)
    arm = steps["arm"].iloc[0] if len(steps) else ""
    _draw_steps(ax, steps, theme.ARM.get(arm, theme.INK))
    top = max(steps[["running", "environments"]].max(axis=None), 1) if len(steps) else 1
    for name, limit in (limits or {}).items():
        ax.axhline(limit, color=theme.LIMIT, lw=1.2, ls="-.", label=f"{name}: {limit:g}")
        top = max(top, limit)
    ax.set_ylim(0, top * 1.08)
    last_s = steps["at_s"].max()
    ax.set_xlim(0, last_s if len(steps) and last_s > 0 else 1)
    theme.whole_numbers(ax.yaxis)
    ax.set_xlabel("seconds since the first execution began")
    ax.set_ylabel("executions, environments")
    if len(steps) or limits:
        theme.legend_beside(ax)
    theme.title(ax, _text(spans, arm), f"n = {counted(len(spans), 'executions')}", target_label)
    return ax


def _draw_steps(ax: Axes, steps: pd.DataFrame, colour: str) -> None:
    """Draw executions at once as an area; a dashed line counts the environments used."""
    x = steps["at_s"]
    ax.fill_between(x, steps["running"], step="post", color=colour, alpha=0.35, lw=0)
    ax.step(x, steps["running"], where="post", color=colour, lw=1, label="running at once")
    used = steps[steps["environments"].diff().ne(0) | (steps.index == steps.index.max())]
    ax.step(used["at_s"], used["environments"], where="post", color=theme.INK, lw=1.2, ls="--",
            label="environments used so far")  # fmt: skip
    for rows, column, words in ((steps, "running", "running"), (used, "environments", "environments used")):
        [marks] = ax.plot(rows["at_s"], rows[column], "o", ms=5, alpha=0)  # what the pointer reads
        label_marks(marks, [f"{count:g} {words} at {at_s:.3f} s"
                            for at_s, count in zip(rows["at_s"], rows[column], strict=True)])  # fmt: skip


def _text(spans: pd.DataFrame, arm: str) -> str:
    if spans.empty:
        return "Concurrency: nothing ran"
    [row] = concurrency.summary(spans).itertuples()
    return (
        f"Concurrency of {label(arm)}, {row.run_id}: peak {row.peak}, mean {row.mean:.2g}\n"
        f"{row.work_s:,.3g} s of work in {row.span_s:,.3g} s; "
        + ("one environment" if row.environments == 1 else f"each of {row.environments} environments")
        + f" used {'once' if row.reuse == 1 else f'{row.reuse:.3g} times'}"
    )
