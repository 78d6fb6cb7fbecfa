"""Draw the time at each level of a sweep, the scaling law that it follows, and what the law misses."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_marks
from lambdist_lib.figures.inputs import FigureInputs, draw_one
from lambdist_lib.formatting import counted, label, level, number
from lambdist_lib.measures import scaling, sweep
from lambdist_lib.measures.scaling import Fit
from lambdist_lib.measures.scaling_laws import LAWS
from lambdist_lib.protocol import faults

CURVE_POINTS = 200
BEYOND = 2.0  # how far past the largest level a curve is drawn, dashed


def draw_scaling(inputs: FigureInputs, *, processors: int = 0) -> Figure | None:
    """Draw the time at each level with the best law; None for runs under equal conditions.

    Args:
        processors: Most processors at once: with it, a line shows the time that no run can beat.
    """
    if not (factor := inputs.factor):
        return None
    points, bounds = sweep.by_level(inputs.runs, factor=factor), {}
    if processors and factor != "work":
        first = inputs.runs.iloc[0]
        work_s = faults.parse_work(first["work"]).seconds * first["submitted"]
        bounds = {f"work over {processors} processors": work_s / processors}
    options: dict[str, Any] = {"fits": scaling.fits(points), "bounds": bounds}
    return draw_one(plot_scaling, points, height_in=4.4, target_label=inputs.target_label, **options)


def describe_scaling(summary: alt_text.Summary) -> str:
    table = alt_text.rows(summary, "by_level")
    times = ", ".join(f"{alt_text.seconds(row['arm_s'])} at {level(row['level'])}" for row in table)
    laws = ", ".join(dict.fromkeys(row["law"] for row in _accepted(summary))) or "none"
    numbers = f"{times}; accepted laws: {laws}" if times else ""
    shows = "Median time of distributed at each level, with the best accepted law:"
    return alt_text.compose(shows, numbers, summary)


def draw_residuals(inputs: FigureInputs) -> Figure | None:
    """Draw what the best law misses; None for runs under equal conditions."""
    if not (factor := inputs.factor):
        return None
    laws = scaling.fits(sweep.by_level(inputs.runs, factor=factor))
    law = scaling.best_fit(laws) or laws.get("overhead")
    if law is None:
        return None
    return draw_one(plot_residuals, law, height_in=3.4, target_label=inputs.target_label)


def describe_residuals(summary: alt_text.Summary) -> str:
    missed = dict.fromkeys(f"{row['law']} by {row['spread'] * 100:.2g} %" for row in _accepted(summary))
    numbers = f"Typical miss: {', '.join(missed)}" if missed else ""
    return alt_text.compose("By how much the times miss a law at each level.", numbers, summary)


def plot_scaling(
    points: pd.DataFrame,
    ax: Axes,
    *,
    target_label: str,
    fits: Mapping[str, Fit] | None = None,
    bounds: Mapping[str, float] | None = None,
) -> Axes:
    """Draw the median at each level with its interval, and the best accepted law with its band.

    Args:
        points: What `measures.sweep.by_level` returns, of one arm.
        fits: What `measures.scaling.fits` returns. Without an accepted law there is no curve, and the
            title says so. Beyond the measured levels the curve is dashed: extrapolated.
        bounds: Label and seconds of each time that no run can beat.
    """
    factor = points["factor"].iloc[0] if len(points) else "chunks"
    arm = points["arm"].iloc[0] if len(points) else "distributed"
    colour = theme.ARM.get(arm, theme.INK)
    for place, (size, of_size) in enumerate(points.groupby("submitted")):
        error = [of_size["median_s"] - of_size["low_s"], of_size["high_s"] - of_size["median_s"]]
        marker = "osD^v"[place % 5]
        text = f"{size:,} datapoints, median" + (", 95 % interval" if of_size["low_s"].notna().any() else "")
        bars = ax.errorbar(of_size["level"], of_size["median_s"], yerr=np.nan_to_num(error), fmt=marker,
                           ms=5, capsize=3, color=colour, label=text, zorder=3)  # fmt: skip
        label_marks(bars.lines[0], [
            f"{label(factor)} = {row.level:g}: median {number(row.median_s)} s of {counted(row.runs, 'runs')}"
            for row in of_size.itertuples()
        ])  # fmt: skip
    law = scaling.best_fit(dict(fits)) if fits else None
    if law:
        _draw_law(ax, law, points)
    for name, seconds in (bounds or {}).items():
        ax.axhline(seconds, color=theme.LIMIT, lw=1.2, ls="-.", label=f"{name}: {seconds:.3g} s")
    _axes(ax, points, factor)
    counts = sorted(points["runs"].unique()) if len(points) else [0]
    each = counted(counts[0], "runs") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs"
    text = f"Time of {label(arm)} by {label(factor)}\n{_conclusion(law, fits)}"
    theme.title(ax, text, f"n = {each} at each of {points['level'].nunique()} levels", target_label)
    return ax


def plot_residuals(fit: Fit, ax: Axes, *, target_label: str) -> Axes:
    """Draw by how many per cent the points miss a law: noise around zero if the law holds.

    Args:
        fit: One of those that `measures.scaling.fits` returns.
        ax: Drawn on and returned.
    """
    seen = fit.residuals
    percent = (np.exp(seen["residual"]) - 1) * 100
    ax.axhline(0, color=theme.QUIET, lw=1, zorder=0)
    colour = theme.ARM.get(seen["arm"].iloc[0], theme.INK)
    ax.vlines(seen["level"], 0, percent, color=colour, lw=1)
    [marks] = ax.plot(seen["level"], percent, "o", color=colour)
    label_marks(marks, [f"{label(fit.factor)} = {level:g}: {miss:+.2g} %"
                        for level, miss in zip(seen["level"], percent, strict=True)])  # fmt: skip
    _level_axis(ax, seen, fit.factor)
    ax.set_ylabel("observed over fitted (%)")
    verdict = "accepted" if fit.accepted else f"refused: {_wrapped(fit.refusal)}"
    text = f"Residuals of {fit.law}, {verdict}"
    theme.title(ax, text, f"n = {len(seen)} points, spread {fit.spread * 100:.2g} %", target_label)
    return ax


def _draw_law(ax: Axes, law: Fit, points: pd.DataFrame) -> None:
    low, high = points["level"].min(), points["level"].max() * BEYOND
    levels = np.geomspace(low, high, CURVE_POINTS) if low > 0 else np.linspace(low, high, CURVE_POINTS)
    for place, size in enumerate(sorted(points["submitted"].unique())):
        curve = scaling.predict(law, levels, submitted=size)
        beyond = curve["extrapolated"]
        inside, outside = curve[~beyond], curve[beyond | beyond.shift(-1, fill_value=False)]
        ax.fill_between(curve["level"], curve["low_s"], curve["high_s"], color=theme.QUIET, alpha=0.25, lw=0)
        formula = f"{law.law}: {LAWS[law.law].formula}" if not place else None
        ax.plot(inside["level"], inside["makespan_s"], color=theme.INK, lw=1.3, label=formula)
        ax.plot(outside["level"], outside["makespan_s"], color=theme.INK, lw=1.3, ls="--",
                label=None if place else "extrapolated")  # fmt: skip


def _axes(ax: Axes, points: pd.DataFrame, factor: str) -> None:
    _level_axis(ax, points, factor)
    if len(points):
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        theme.legend_beside(ax)
    ax.set_ylabel("seconds until stored")


def _level_axis(ax: Axes, points: pd.DataFrame, factor: str) -> None:
    levels = sorted(points["level"].unique())
    if levels and levels[0] > 0:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(levels, [f"{level:g}" for level in levels])
    ax.set_xlabel(f"{label(factor)} ({sweep.FACTORS[factor]})")


def _conclusion(law: Fit | None, fits: Mapping[str, Fit] | None) -> str:
    if not fits:
        return "no law fitted"
    if law is None:
        return "no law is identified by these levels"
    same = [
        fit.law
        for fit in fits.values()
        if fit.accepted and fit is not law and scaling.indistinguishable(fit, law)
    ]
    name = law.law + (f" (the same curve: {', '.join(same)})" if same else "")
    parameters = ", ".join(
        f"{parameter.name} = {parameter.value:.3g} ({parameter.low:.3g} to {parameter.high:.3g})"
        for parameter in law.parameters
    )
    return _wrapped(f"{name}: {parameters}")


def _accepted(summary: alt_text.Summary) -> alt_text.Rows:
    return [row for row in alt_text.rows(summary, "laws") if row["verdict"] == "accepted"]


def _wrapped(text: str, width: int = 80) -> str:
    return "\n".join(textwrap.wrap(text, width))
