"""Drawings of `measures.cold_starts` and `measures.temperatures`: cold beside warm, and when it was cold."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lambdist_lib.errors import RunError
from lambdist_lib.figures import theme
from lambdist_lib.measures import cold_starts, sweep

LANES = {  # label: (whether cold, column)
    "init": (True, "init_s"),
    "handler cold": (True, "duration_s"),
    "handler warm": (False, "duration_s"),
}
FUNCTIONS = ("collector", "processor", "dead_letter", "single_node")


def plot_latency(invocations: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw one point per invocation: a cold start's init, the handler cold, the handler warm.

    Args:
        invocations: Columns of `columns.INVOCATIONS`; of any number of runs.
        ax: Drawn on and returned, with a bar at each lane's median.
    """
    jitter = np.random.default_rng(0)  # the same picture every time
    lanes = {}  # label by its place
    place = 0.0
    for function in [name for name in FUNCTIONS if (invocations["function"] == name).any()]:
        called = invocations[invocations["function"] == function]
        cold = called["cold"].astype(object).eq(True)
        for lane, (is_cold, column) in LANES.items():
            times = called.loc[cold == is_cold, column]
            times = times[times > 0]  # a dead-letter handler logs no duration
            if times.empty:
                continue
            _draw_lane(
                ax, times, place, jitter, "cold" if is_cold else "warm", "D" if lane == "init" else "o"
            )
            lanes[place] = f"{function.replace('_', ' ')}, {lane} ({len(times):,})"
            place += 1
        place += 0.6
    ax.set_yticks(list(lanes), list(lanes.values()))
    ax.set_ylim(max(lanes, default=0) + 0.6, -0.9)
    if lanes:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
    ax.set_xlabel("seconds (bar and number: median)")
    theme.title(
        ax,
        "What cold starts cost: init, then the handler cold and warm",
        f"n = {len(invocations):,} invocations",
        target,
    )
    return ax


def plot_shares(shares: pd.DataFrame, ax: Axes, *, target: str, factor: str = "chunks") -> Axes:
    """Draw the share of cold invocations and of datapoints that waited, with its interval, at each level.

    Args:
        shares: What `measures.temperatures.shares` returns, of one arm.
        ax: Drawn on and returned; filled are datapoints, hollow invocations.
    """
    levels = sorted(shares["level"].unique())
    for k, ((temperature, of), rows) in enumerate(shares.groupby(["temperature", "of"], sort=True)):
        x = np.array([levels.index(level) for level in rows["level"]]) + (k - 1.5) * 0.12
        percent = rows[["share", "low", "high"]].to_numpy(dtype=float) * 100
        error = np.vstack([percent[:, 0] - percent[:, 1], percent[:, 2] - percent[:, 0]])
        colour = theme.TEMPERATURE.get(temperature, theme.INK)
        ax.errorbar(x, percent[:, 0], yerr=error, fmt="o", ms=6, capsize=3, color=colour,
                    mfc=colour if of == "datapoints" else "white",
                    label=f"{of} of {temperature} runs")  # fmt: skip
        for place, (share, _, high) in zip(x, percent, strict=True):
            if share == share:
                ax.annotate(f"{share:.3g}", (place, high), xytext=(0, 3), textcoords="offset points",
                            ha="center", fontsize="small", color=theme.INK)  # fmt: skip
    ax.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    ax.set_xlim(-0.6, max(len(levels), 1) - 0.4)
    top = shares["high"].max() * 100 if len(shares) else 100
    ax.set_ylim(0, top * 1.15 if top > 0 else 100)
    ax.set_xlabel(_factor(factor))
    ax.set_ylabel("cold, or waited on a cold start (%)")
    if len(shares):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    arm = shares["arm"].iloc[0].replace("_", " ") if len(shares) else "no run"
    counts = shares.groupby("of")["n"].sum()
    n = f"n = {counts.get('datapoints', 0):,} datapoints, {counts.get('invocations', 0):,} invocations"
    theme.title(ax, f"Who waits on a cold start: {arm}, 95 % intervals", n, target)
    return ax


def plot_handlers(handlers: pd.DataFrame, ax: Axes, *, target: str, factor: str = "chunks") -> Axes:
    """Draw the median duration of each function's handler, cold and warm, at each level.

    Args:
        handlers: What `measures.temperatures.handlers` returns.
        ax: Drawn on and returned; a lane per function and level.
    """
    known = handlers[handlers["median_s"] > 0]
    order = [name for name in FUNCTIONS if (known["function"] == name).any()]
    lanes = [
        (name, level)
        for name in order
        for level in sorted(known.loc[known["function"] == name, "level"].unique())
    ]
    for kind, rows in known.groupby("invocation"):
        y = [lanes.index(lane) for lane in zip(rows["function"], rows["level"], strict=True)]
        error = np.nan_to_num([rows["median_s"] - rows["low_s"], rows["high_s"] - rows["median_s"]])
        ax.errorbar(rows["median_s"], y, xerr=error, fmt="o", ms=6, capsize=3,
                    color=theme.TEMPERATURE[kind], label=f"{kind} invocations, median")  # fmt: skip
        for x, place in zip(rows["median_s"], y, strict=True):
            ax.annotate(_milliseconds(x), (x, place), xytext=(0, 5), textcoords="offset points",
                        ha="center", fontsize="small", color=theme.INK)  # fmt: skip
    counts = known.groupby(["function", "level"])["n"].sum()
    words = [f"{name.replace('_', ' ')}, {level:g} ({counts[name, level]:,})" for name, level in lanes]
    ax.set_yticks(range(len(lanes)), words)
    ax.set_ylim(max(len(lanes), 1) - 0.5, -0.8)
    if lanes:
        ax.set_xscale("log")
        theme.log_seconds(ax.xaxis)
        ax.margins(x=0.08)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    ax.set_xlabel("seconds of the handler, init left out (95 % interval where n allows one)")
    ax.set_ylabel(f"function, {_factor(factor)}")
    n = f"n = {int(known['n'].sum()):,} invocations"
    theme.title(ax, f"Cold and warm handlers by {factor.replace('_', ' ')}", n, target)
    return ax


def plot_environments(invocations: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw how many environments of each function a run had used by a time; the fresh ones have a mark.

    Args:
        invocations: Of one run.
        ax: Drawn on and returned.

    Raises:
        RunError: Invocations of several runs.
    """
    _require_one_run(invocations, "environments are drawn")
    used = cold_starts.environments(invocations)
    last_s = used["last_s"].max() if len(used) else 1.0
    for function in [name for name in FUNCTIONS if (used["function"] == name).any()]:
        firsts = used[used["function"] == function].sort_values("first_s", kind="stable")
        so_far = np.arange(1, len(firsts) + 1)
        colour, fresh = theme.FUNCTION[function], firsts["fresh"].to_numpy()
        reuse = firsts["invocations"].sum() / len(firsts)
        label = f"{function.replace('_', ' ')}: {len(firsts)}, each used {reuse:.3g} times"
        ax.step(
            [*firsts["first_s"], last_s],
            [*so_far, len(firsts)],
            where="post",
            color=colour,
            lw=1.3,
            label=label,
        )
        ax.plot(firsts["first_s"][fresh], so_far[fresh], "o", ms=4, color=colour)
    ax.set_ylim(0, None)
    ax.set_xlim(0, last_s * 1.02)
    ax.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    ax.set_xlabel("seconds since the first invocation began")
    ax.set_ylabel("environments so far")
    if len(used):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    run = used["run_id"].iloc[0] if len(used) else "nothing ran"
    fresh = f"{int(used['fresh'].sum()):,} of them fresh (dots)"
    n = f"n = {len(invocations):,} invocations in {len(used):,} environments, {fresh}"
    theme.title(ax, f"Environments over time: {run}", n, target)
    return ax


def plot_bursts(invocations: pd.DataFrame, ax: Axes, *, target: str, bin_s: float = 0.5) -> Axes:
    """Draw the cold starts of one run per `bin_s` seconds, the functions on top of each other.

    Raises:
        RunError: Invocations of several runs.
    """
    _require_one_run(invocations, "bursts are drawn")
    table = cold_starts.bursts(invocations, bin_s=bin_s)
    by_bin = table.pivot_table(index="at_s", columns="function", values="cold", aggfunc="sum", fill_value=0)
    bottom = np.zeros(len(by_bin))
    for function in [name for name in FUNCTIONS if name in by_bin]:
        ax.bar(by_bin.index, by_bin[function], width=bin_s, align="edge", bottom=bottom, lw=0,
               color=theme.FUNCTION[function], label=function.replace("_", " "))  # fmt: skip
        bottom += by_bin[function].to_numpy()
    ax.set_ylim(0, max(bottom, default=1) * 1.1)
    ax.set_xlim(0, max(by_bin.index, default=1) + 2 * bin_s)
    ax.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    ax.set_xlabel("seconds since the first invocation began")
    ax.set_ylabel(f"cold starts per {bin_s:g} s")
    if len(by_bin):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    run = invocations["run_id"].iloc[0] if len(invocations) else "nothing ran"
    theme.title(ax, f"Bursts of cold starts: {run}", f"n = {int(table['cold'].sum()):,} cold starts", target)
    return ax


def _factor(factor: str) -> str:
    return f"{factor.replace('_', ' ')} ({sweep.FACTORS[factor]})"


def _require_one_run(invocations: pd.DataFrame, what: str) -> None:
    if invocations["run_id"].nunique() > 1:
        raise RunError(
            f"{what} of one run, not of {invocations['run_id'].nunique()}; "
            f"keep one with invocations[invocations['run_id'] == {invocations['run_id'].iloc[0]!r}]"
        )


def _draw_lane(
    ax: Axes, times: pd.Series, place: float, jitter: np.random.Generator, temperature: str, marker: str
) -> None:
    median_s = times.median()
    y = place + jitter.uniform(-0.22, 0.22, len(times))
    ax.scatter(times, y, s=14, alpha=0.7, linewidths=0, color=theme.TEMPERATURE[temperature], marker=marker)
    if len(times) > 1:
        ax.vlines(median_s, place - 0.36, place + 0.36, color=theme.INK, lw=1.5)
    ax.annotate(
        _milliseconds(median_s), (median_s, place - 0.36), xytext=(0, 1), textcoords="offset points",
        ha="center", va="bottom", fontsize="small", color=theme.INK,
    )  # fmt: skip


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2g} ms"
