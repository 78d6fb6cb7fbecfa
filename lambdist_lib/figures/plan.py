"""Drawing of `planner`: backlog and concurrency to come, time and cost by size and setting, and how far
the planner may be trusted."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lambdist_lib.figures import theme
from lambdist_lib.formatting import duration, money
from lambdist_lib.planner import curves
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.validation import published

LIMIT_COLOUR = {
    phases.SENDERS: "#E69F00",
    phases.API: "#F0E442",
    phases.COLLECTORS: "#CC79A7",
    phases.RAMP: "#56B4E9",
    phases.CEILING: "#0072B2",
    phases.MAXIMUM: "#009E73",
    phases.ACCOUNT: "#D55E00",
    phases.RESERVED: "#882255",
    phases.IN_FLIGHT: "#5D3A9B",
    phases.BACKOFF: "#332288",
    phases.TABLE: "#999933",
    phases.RETRIES: "#999999",
}
OTHER = "#DDDDDD"
SHADE = 0.28
NICE_S = (0.1, 1, 10, 60, 600, 3_600, 14_400, 86_400, 864_000, 8_640_000, 86_400_000, 864_000_000)
UNITS_S = (("hours", 3_600.0), ("minutes", 60.0))
VERDICT = {True: "#0072B2", False: "#D55E00", None: "#999999"}


def plot_over_time(found: Sequence[pd.DataFrame], axes: Sequence[Axes], *, target: str, n: int) -> None:
    """Draw backlog above and concurrency below, shaded by what binds.

    Args:
        found: What `planner.curves.over_time` returns, of one job: of the fluid, and of the simulation
            where it was run.
        axes: Two, with one x axis.
        n: Datapoints.
    """
    upper, lower = axes
    last_s = max(curve["at_s"].max() for curve in found)
    unit, length_s = next((one for one in UNITS_S if last_s > 2 * one[1]), ("seconds", 1.0))
    for curve in found:
        curve = curve.assign(at=curve["at_s"] / length_s)
        exact = curve["model"].iloc[0] == curves.EXACT
        colour, line = ("#D55E00", "-") if exact else (theme.INK, "--")
        for ax, name in ((upper, "waiting"), (lower, "running")):
            ax.plot(curve["at"], curve[name], label=curve["model"].iloc[0], color=colour, ls=line, lw=1.4)
        if not exact:
            _shade(curve, axes)
    upper.set_ylabel("datapoints waiting")
    lower.set_ylabel("batches at once")
    lower.set_xlabel(f"{unit} since the first send")
    for ax in axes:
        ax.set_xlim(0, last_s / length_s)
        ax.set_ylim(0, None)
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_major_formatter("{x:,.0f}")
    _legend(upper)
    theme.title(upper, "Backlog and concurrency, shaded by what binds", f"n = {n:,} datapoints", target)


def _shade(curve: pd.DataFrame, axes: Sequence[Axes]) -> None:
    changes = curve["limit"].ne(curve["limit"].shift()).cumsum()
    named: set[str] = set()
    for _, part in curve.groupby(changes):
        limit = part["limit"].iloc[0]
        for place, ax in enumerate(axes):
            label = limit if not place and limit not in named else None
            ax.axvspan(part["at"].min(), part["at"].max(), color=LIMIT_COLOUR.get(limit, OTHER),
                       alpha=SHADE, lw=0, label=label)  # fmt: skip
        named.add(limit)


def plot_by_size(sizes: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw the makespan at each size with its 5 to 95 %, coloured by what binds, beside the single node.

    Args:
        sizes: What `planner.curves.by_size` returns.
    """
    x = sizes["datapoints"]
    ax.plot(x, sizes["single_node_s"], color=theme.ARM["single_node"], lw=1.2, label="single node")
    ceiling_s = sizes["single_node_s"] / sizes["ceiling"]
    ax.plot(x, ceiling_s, color=theme.QUIET, ls=":", lw=1.2, label="least, however it is sent")
    ax.plot(x, sizes["makespan_s"], color=theme.INK, lw=0.8, zorder=1)
    for limit, of in sizes.groupby("limit", sort=False):
        error = [of["makespan_s"] - of["low_s"], of["high_s"] - of["makespan_s"]]
        ax.errorbar(of["datapoints"], of["makespan_s"], yerr=[one.clip(lower=0) for one in error], fmt="o",
                    ms=7, capsize=3, color=LIMIT_COLOUR.get(str(limit), theme.INK), label=limit,
                    zorder=3)  # fmt: skip
    for row in sizes.itertuples():
        ax.annotate(f"${money(row.usd)}", (row.datapoints, row.makespan_s), textcoords="offset points",
                    xytext=(0, 8), ha="center", fontsize="x-small", color=theme.INK)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    _durations(ax)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("datapoints")
    ax.set_ylabel("time until the last is stored")
    _legend(ax, "what binds longest")
    theme.title(ax, "Time and cost by size", f"{len(sizes)} sizes, 5 to 95 %", target)
    return ax


def plot_front(settings: pd.DataFrame, ax: Axes, *, target: str, n: int) -> Axes:
    """Draw time against cost of each setting; those that none beats in both are the front.

    Args:
        settings: What `planner.curves.by_settings` returns.
    """
    for limit, of in settings.groupby("limit", sort=False):
        ax.plot(of["usd"], of["makespan_s"], "o", ms=3.5, alpha=0.5, mew=0,
                color=LIMIT_COLOUR.get(str(limit), OTHER), label=limit)  # fmt: skip
    front = settings[settings["on_front"]].sort_values("usd")
    ax.step(front["usd"], front["makespan_s"], where="post", color=theme.INK, lw=1.2, label="front")
    for place, row in enumerate(settings[settings["name"] != ""].itertuples()):
        ax.plot(row.usd, row.makespan_s, "s", ms=8, mfc="none", mec=theme.LIMIT, mew=1.6)
        said = f"{row.name}: {row.chunks} senders × {row.request_batch}, batches of {row.queue_batch}, "
        ax.annotate(f"{said}{row.memory_mb} MB\n{duration(row.makespan_s)}, ${row.usd:,.4g}",
                    (row.usd, row.makespan_s), textcoords="offset points",
                    xytext=(12, 14 + 26 * (place % 3)), fontsize="x-small", color=theme.LIMIT,
                    bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
                    arrowprops={"arrowstyle": "-", "color": theme.LIMIT, "lw": 0.6})  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    _durations(ax)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"${usd:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("cost, USD")
    ax.set_ylabel("time until the last is stored")
    _legend(ax, "what binds longest")
    theme.title(
        ax, "Time against cost of the settings", f"{len(settings)} settings, n = {n:,} datapoints", target
    )
    return ax


def plot_held_out(found: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw what each run predicts of the others, beside their median and all makespans.

    Args:
        found: What `planner.heldout.held_out` returns.
    """
    places = range(1, len(found) + 1)
    for place, row in zip(places, found.itertuples(), strict=True):
        colour = VERDICT[bool(row.inside)]
        ax.vlines(place, row.low_s, row.high_s, color=colour, lw=5, alpha=0.35)
        ax.plot(place, row.value_s, "_", ms=12, color=colour)
    ax.plot(places, found["median_s"], "D", ms=5, color=theme.INK, label="median of the others")
    ax.plot(places, found["makespan_s"], "x", ms=5, color=theme.QUIET, label="the run itself")
    ax.plot([], [], color=VERDICT[True], lw=5, alpha=0.35, label="predicted, 5 to 95 %: median inside")
    ax.plot([], [], color=VERDICT[False], lw=5, alpha=0.35, label="median outside")
    ax.set_ylim(0, None)
    ax.set_xticks(list(places))
    ax.set_xlabel("calibrated from run (the first one counts)")
    ax.set_ylabel("makespan (s)")
    _legend(ax)
    text = f"Held-out runs: inside with {int(found['inside'].sum())} of {len(found)} calibrations"
    held = int(found["others"].max()) if len(found) else 0
    theme.title(ax, text, f"n = {held} runs held out each time", target)
    return ax


def plot_validation(rows: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw the relative error of each row within what it is held to; what was fitted is grey.

    Args:
        rows: What `planner.validation.table` returns.
    """
    table = rows.iloc[::-1].reset_index(drop=True)
    for place, row in enumerate(table.itertuples()):
        colour = VERDICT[None if row.kind == published.FITTED else bool(row.holds)]
        if row.kind != published.FITTED:
            ax.hlines(place, -row.allowed * 100, row.allowed * 100, color=theme.QUIET, lw=6, alpha=0.3)
        ax.plot(row.error * 100, place, "o", ms=5, color=colour)
    for verdict, label in ((True, "holds"), (False, "misses"), (None, "fitted, counts for nothing")):
        ax.plot([], [], "o", color=VERDICT[verdict], label=label)
    ax.axvline(0, color=theme.INK, lw=0.8)
    ax.set_yticks(range(len(table)), [f"{row.case}" for row in table.itertuples()], fontsize="x-small")
    ax.set_xlabel("predicted over expected (%); grey: what it is held to")
    _legend(ax)
    theme.title(ax, published.sentence(rows).replace("; ", "\n"), f"{len(rows)} rows", target)
    return ax


def _legend(ax: Axes, title: str = "") -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small",
              title=title or None, title_fontsize="small", alignment="left")  # fmt: skip


def _durations(ax: Axes) -> None:
    low, high = ax.get_ylim()
    ticks = [one for one in NICE_S if low <= one <= high]
    ax.set_yticks(ticks, [_tick(one) for one in ticks])
    ax.yaxis.set_minor_locator(NullLocator())


def _tick(seconds: float) -> str:
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:,g} {unit}"
    return f"{seconds:g} s"
