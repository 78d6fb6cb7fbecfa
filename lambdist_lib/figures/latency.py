"""Draw how long datapoints take, by arm and temperature."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import WIDTH_IN, FigureInputs, draw_one
from lambdist_lib.formatting import label, number
from lambdist_lib.measures import latency

WORDS = {"end_to_end": "stored", "answer": "answered"}  # of the keys of `measures.latency.ENDS`
LINES = {"warm": "-", "cold": "--", "as found": "-."}
PERCENTILES = (0.5, 0.9, 0.99)
MAX_STEPS = 2_000


def draw_latency(inputs: FigureInputs) -> Figure | None:
    """Draw the latencies, of a sweep with cold and warm levels a panel each; None for other sweeps."""
    if not (factor := inputs.factor):
        latencies = latency.per_datapoint(inputs.records, inputs.runs)
        if latencies["end_to_end_s"].isna().all():
            return None  # every datapoint is dead
        return draw_one(plot_latency, latencies, height_in=3.8, target_label=inputs.target_label)
    if not inputs.has_cold_and_warm_levels:
        return None
    levels = sorted(inputs.runs[factor].unique())
    figure = Figure(figsize=(WIDTH_IN, 2.9 * len(levels)))
    axes = figure.subplots(len(levels), sharex=True, squeeze=False)
    for ax, level in zip(axes[:, 0], levels, strict=True):
        runs = inputs.runs[inputs.runs[factor] == level]
        records = inputs.records[inputs.records["run_id"].isin(runs["run_id"])]
        text = f"{inputs.target_label}, {label(factor)} = {level}"
        plot_latency(latency.per_datapoint(records, runs), ax, target_label=text).label_outer()
    return figure


def describe_latency(summary: alt_text.Summary) -> str:
    texts, ending = [], "end_to_end_p50_s"
    for name in [measure for measure in summary["measures"] if measure.endswith(ending)]:
        median_s, p90_s = alt_text.value(summary, name), alt_text.value(summary, name.replace("p50", "p90"))
        arm = label(name.removesuffix(ending).rstrip("_"))
        arm = {"": "fan-out or only arm", "cold": "the same, cold"}.get(arm, arm)
        tail = "" if p90_s is None else f", nine in ten within {alt_text.seconds(p90_s)}"
        texts += [] if median_s is None else [f"{arm}: half within {alt_text.seconds(median_s)}{tail}"]
    shows = "The share of datapoints stored by a time, a curve per arm:"
    return alt_text.compose(shows, "; ".join(texts), summary)


def plot_latency(latencies: pd.DataFrame, ax: Axes, *, target_label: str, end: str = "end_to_end") -> Axes:
    """Draw the share of datapoints done by a time since their intended send; a curve per arm.

    Args:
        latencies: What `measures.latency.per_datapoint` returns.
        end: A key of `measures.latency.ENDS`.
        ax: Drawn on and returned; the colour is the arm's, dashes are cold runs.
    """
    column, counted = f"{end}_s", 0
    groups = dict(iter(latencies.groupby(["arm", "temperature"], sort=False)))
    for arm, temperature in sorted(groups, key=_place):
        group = groups[arm, temperature]
        times = group.loc[group[column] > 0, column]
        if not len(times):
            continue
        counted += len(times)
        _draw_curve(ax, times, arm, temperature, end)
    for p in PERCENTILES:
        ax.axhline(p, color=theme.QUIET, lw=0.6, ls=":", zorder=0)
    ax.set_yticks([0, 0.25, *PERCENTILES], ["0", "25 %", "50 %", "90 %", "99 %"])
    ax.set_ylim(0, 1.02)
    if counted:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
        theme.legend_beside(ax)
    ax.set_xlabel(f"seconds from the intended send until {WORDS[end]}")
    ax.set_ylabel("datapoints")
    missing = len(latencies) - counted
    n = f"n = {counted:,} datapoint{'' if counted == 1 else 's'}"
    n += f", {missing:,} never {WORDS[end]}" if missing else ""
    theme.title(ax, f"Until a datapoint is {WORDS[end]}", n, target_label)
    return ax


def _place(curve: tuple[str, str]) -> tuple[int, int]:
    """Return where a curve of an arm and a temperature stands in the legend."""
    known, lines = list(theme.ARM), list(LINES)
    arm, temperature = curve
    return (
        known.index(arm) if arm in known else len(known),
        lines.index(temperature) if temperature in lines else len(lines),
    )


def _draw_curve(ax: Axes, times: pd.Series, arm: str, temperature: str, end: str) -> None:
    """Draw the empirical distribution of one arm's times at one temperature."""
    import seaborn  # takes a second to import

    many = len(times)
    if many >= MAX_STEPS:  # the curve of a million points is that of as many as a figure can show
        times = times.quantile(np.linspace(0, 1, MAX_STEPS - 1))
    half, nine = times.quantile(0.5), times.quantile(0.9)
    seaborn.ecdfplot(
        x=times,
        ax=ax,
        color=theme.ARM.get(arm, theme.INK),
        ls=LINES.get(temperature, ":"),
        label=f"{label(arm)}, {temperature} ({many:,})",
    )
    label_marks(ax.lines[-1], [f"{label(arm)}, {temperature}: half {WORDS[end]} within {number(half)} s, "
                               f"nine in ten within {number(nine)} s"])  # fmt: skip
