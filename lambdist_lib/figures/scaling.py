"""Drawing of `measures.sweep` and `measures.scaling`: the time against a factor, and the law that holds."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from lambdist_lib.figures import theme
from lambdist_lib.measures import scaling, sweep
from lambdist_lib.measures.scaling import Fit
from lambdist_lib.measures.scaling_laws import LAWS

CURVE_POINTS = 200
BEYOND = 2.0  # how far past the largest level a curve is drawn, dashed


def plot_scaling(
    points: pd.DataFrame,
    ax: Axes,
    *,
    target: str,
    found: Mapping[str, Fit] | None = None,
    bounds: Mapping[str, float] | None = None,
) -> Axes:
    """Draw the median at each level with its interval, and the best accepted law with its band.

    Args:
        points: What `measures.sweep.levels` returns, of one arm.
        found: What `measures.scaling.fits` returns; without an accepted law no curve is drawn, and
            the title says so. Beyond the measured levels the curve is dashed: extrapolated.
        bounds: Label and seconds of each limit below which no run can come.
    """
    factor = points["factor"].iloc[0] if len(points) else "chunks"
    arm = points["arm"].iloc[0] if len(points) else "distributed"
    colour = theme.ARM.get(arm, theme.INK)
    for place, (size, of_size) in enumerate(points.groupby("submitted")):
        error = [of_size["median_s"] - of_size["low_s"], of_size["high_s"] - of_size["median_s"]]
        marker = "osD^v"[place % 5]
        label = f"{size:,} datapoints, median" + (", 95 % interval" if of_size["low_s"].notna().any() else "")
        ax.errorbar(of_size["level"], of_size["median_s"], yerr=np.nan_to_num(error), fmt=marker, ms=5,
                    capsize=3, color=colour, label=label, zorder=3)  # fmt: skip
    law = scaling.best_fit(dict(found)) if found else None
    if law:
        _draw_law(ax, law, points)
    for label, seconds in (bounds or {}).items():
        ax.axhline(seconds, color=theme.LIMIT, lw=1.2, ls="-.", label=f"{label}: {seconds:.3g} s")
    _axes(ax, points, factor)
    counts = sorted(points["runs"].unique()) if len(points) else [0]
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = f"Time of {arm.replace('_', ' ')} by {factor.replace('_', ' ')}\n{_conclusion(law, found)}"
    theme.title(ax, text, f"n = {each} runs at each of {points['level'].nunique()} levels", target)
    return ax


def plot_residuals(fit: Fit, ax: Axes, *, target: str) -> Axes:
    """Draw by how many per cent the points miss a law; what it misses should be noise around zero."""
    seen = fit.residuals
    percent = (np.exp(seen["residual"]) - 1) * 100
    ax.axhline(0, color=theme.QUIET, lw=1, zorder=0)
    colour = theme.ARM.get(seen["arm"].iloc[0], theme.INK)
    ax.vlines(seen["level"], 0, percent, color=colour, lw=1)
    ax.plot(seen["level"], percent, "o", color=colour)
    _level_axis(ax, seen, fit.factor)
    ax.set_ylabel("observed over fitted (%)")
    verdict = "accepted" if fit.accepted else f"refused: {_wrapped(fit.refusal)}"
    text = f"Residuals of {fit.law}, {verdict}"
    theme.title(ax, text, f"n = {len(seen)} points, spread {fit.spread * 100:.2g} %", target)
    return ax


def _draw_law(ax: Axes, law: Fit, points: pd.DataFrame) -> None:
    low, high = points["level"].min(), points["level"].max() * BEYOND
    levels = np.geomspace(low, high, CURVE_POINTS) if low > 0 else np.linspace(low, high, CURVE_POINTS)
    for place, size in enumerate(sorted(points["submitted"].unique())):
        curve = scaling.predict(law, levels, submitted=size)
        beyond = curve["extrapolated"]
        inside, outside = curve[~beyond], curve[beyond | beyond.shift(-1, fill_value=False)]
        ax.fill_between(curve["level"], curve["low_s"], curve["high_s"], color=theme.QUIET, alpha=0.25, lw=0)
        label = f"{law.law}: {LAWS[law.law].formula}" if not place else None
        ax.plot(inside["level"], inside["makespan_s"], color=theme.INK, lw=1.3, label=label)
        ax.plot(outside["level"], outside["makespan_s"], color=theme.INK, lw=1.3, ls="--",
                label=None if place else "extrapolated")  # fmt: skip


def _axes(ax: Axes, points: pd.DataFrame, factor: str) -> None:
    _level_axis(ax, points, factor)
    if len(points):
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    ax.set_ylabel("seconds until stored")


def _level_axis(ax: Axes, points: pd.DataFrame, factor: str) -> None:
    levels = sorted(points["level"].unique())
    if levels and levels[0] > 0:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(levels, [f"{level:g}" for level in levels])
    ax.set_xlabel(f"{factor.replace('_', ' ')} ({sweep.FACTORS[factor]})")


def _conclusion(law: Fit | None, found: Mapping[str, Fit] | None) -> str:
    if not found:
        return "no law fitted"
    if law is None:
        return "no law is identified by these levels"
    same = [
        one.law
        for one in found.values()
        if one.accepted and one is not law and scaling.indistinguishable(one, law)
    ]
    name = law.law + (f" (the same curve: {', '.join(same)})" if same else "")
    said = ", ".join(
        f"{one.name} = {one.value:.3g} ({one.low:.3g} to {one.high:.3g})" for one in law.parameters
    )
    return _wrapped(f"{name}: {said}")


def _wrapped(text: str, width: int = 80) -> str:
    return "\n".join(textwrap.wrap(text, width))
