"""Draw when a run's environments were made, and the bursts of its cold starts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_each, label_marks
from lambdist_lib.figures.inputs import WIDTH_IN, FigureInputs, require_one_run
from lambdist_lib.formatting import counted, label
from lambdist_lib.measures import cold_starts

FUNCTIONS = tuple(theme.FUNCTION)


def draw_environments(inputs: FigureInputs) -> Figure | None:
    """Draw the environments of one cold run; None without a sweep of cold and warm runs."""
    invocations = inputs.one_run(inputs.invocations, "cold")
    if not inputs.has_cold_and_warm_levels or invocations.empty:
        return None
    figure = Figure(figsize=(WIDTH_IN, 6.4))
    top, bottom = figure.subplots(2, sharex=True)
    plot_environments(invocations, top, target_label=inputs.target_label).label_outer()
    plot_bursts(invocations, bottom, target_label=inputs.target_label)
    return figure


def describe_environments(summary: alt_text.Summary) -> str:
    texts = []
    for temperature, table in alt_text.group(alt_text.rows(summary, "cold_starts"), "temperature").items():
        cold, invocations = sum(row["cold"] for row in table), sum(row["invocations"] for row in table)
        texts.append(f"{cold:,} of {invocations:,} invocations of {temperature} runs were a cold start")
    shows = "Environments used so far in one run, and bursts of new ones."
    return alt_text.compose(shows, "; ".join(texts), summary)


def plot_environments(invocations: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw the environments that a run used over time, by function; fresh ones are marked.

    Args:
        invocations: Of one run.
        ax: Drawn on and returned.

    Raises:
        RunError: Invocations of several runs.
    """
    require_one_run(invocations, "environments are drawn", "invocations")
    used = cold_starts.environments(invocations)
    last_s = used["last_s"].max() if len(used) else 1.0
    for function in [name for name in FUNCTIONS if (used["function"] == name).any()]:
        firsts = used[used["function"] == function].sort_values("first_s", kind="stable")
        _draw_environments(ax, function, firsts, last_s)
    ax.set_ylim(0, None)
    ax.set_xlim(0, last_s * 1.02)
    theme.whole_numbers(ax.yaxis)
    ax.set_xlabel("seconds since the first invocation began")
    ax.set_ylabel("environments so far")
    if len(used):
        theme.legend_beside(ax)
    run = used["run_id"].iloc[0] if len(used) else "nothing ran"
    fresh = f"{int(used['fresh'].sum()):,} of them fresh (dots)"
    n = f"n = {len(invocations):,} invocations in {len(used):,} environments, {fresh}"
    theme.title(ax, f"Environments over time: {run}", n, target_label)
    return ax


def _draw_environments(ax: Axes, function: str, firsts: pd.DataFrame, last_s: float) -> None:
    """Draw a function's environments as steps up to `last_s`, the fresh ones with a dot."""
    so_far = np.arange(1, len(firsts) + 1)
    colour, fresh = theme.FUNCTION[function], firsts["fresh"].to_numpy()
    reuse = firsts["invocations"].sum() / len(firsts)
    text = f"{label(function)}: {len(firsts)}, each used {reuse:.3g} times"
    ax.step(
        [*firsts["first_s"], last_s], [*so_far, len(firsts)], where="post", color=colour, lw=1.3, label=text
    )
    [marks] = ax.plot(firsts["first_s"][fresh], so_far[fresh], "o", ms=4, color=colour)
    label_marks(marks, [
        f"{label(function)}, environment {place}: fresh at {row.first_s:.3f} s, "
        f"used {counted(row.invocations, 'times')}"
        for place, row in zip(so_far[fresh], firsts[fresh].itertuples(), strict=True)
    ])  # fmt: skip


def plot_bursts(invocations: pd.DataFrame, ax: Axes, *, target_label: str, bin_s: float = 0.5) -> Axes:
    """Draw the cold starts of one run per `bin_s` seconds, functions stacked.

    Args:
        invocations: Of one run (`results.schema.INVOCATIONS`).
        ax: Drawn on and returned.

    Raises:
        RunError: Invocations of several runs.
    """
    require_one_run(invocations, "bursts are drawn", "invocations")
    table = cold_starts.bursts(invocations, bin_s=bin_s)
    by_bin = table.pivot_table(index="at_s", columns="function", values="cold", aggfunc="sum", fill_value=0)
    bottom = np.zeros(len(by_bin))
    for function in [name for name in FUNCTIONS if name in by_bin]:
        bars = ax.bar(by_bin.index, by_bin[function], width=bin_s, align="edge", bottom=bottom, lw=0,
                      color=theme.FUNCTION[function], label=label(function))  # fmt: skip
        label_each(bars, [f"{label(function)}: {counted(many, 'cold starts')} from {at_s:g} s on"
                          for at_s, many in by_bin[function].items()])  # fmt: skip
        bottom += by_bin[function].to_numpy()
    ax.set_ylim(0, max(bottom, default=1) * 1.1)
    ax.set_xlim(0, max(by_bin.index, default=1) + 2 * bin_s)
    theme.whole_numbers(ax.yaxis)
    ax.set_xlabel("seconds since the first invocation began")
    ax.set_ylabel(f"cold starts per {bin_s:g} s")
    if len(by_bin):
        theme.legend_beside(ax)
    run = invocations["run_id"].iloc[0] if len(invocations) else "nothing ran"
    theme.title(
        ax, f"Bursts of cold starts: {run}", f"n = {int(table['cold'].sum()):,} cold starts", target_label
    )
    return ax
