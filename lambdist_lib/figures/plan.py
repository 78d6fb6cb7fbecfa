"""Draw plans: backlog over time, time and cost by size and setting, and the planner's validation."""

import functools
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.inputs import FigureInputs, draw_one
from lambdist_lib.formatting import counted, duration, money
from lambdist_lib.planner import curves, predict
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.limit_words import limit_in_words
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
ROOM_BELOW = 40.0  # the least time over the end of the axis: room for the texts of the named settings
WIDTH_IN = 6.9
NICE_S = (0.1, 1, 10, 60, 600, 3_600, 14_400, 86_400, 864_000, 8_640_000, 86_400_000, 864_000_000)
UNITS_S = (("hours", 3_600.0), ("minutes", 60.0))
VERDICT = {True: "#0072B2", False: "#D55E00", None: "#999999"}

_draw = functools.partial(draw_one, width_in=WIDTH_IN)


def draw_by_size(inputs: FigureInputs, *, sizes: pd.DataFrame | None = None) -> Figure | None:
    """Draw plans by size (`plot_by_size`); None without a plan."""
    if sizes is None:
        return None
    return _draw(plot_by_size, sizes, height_in=3.5, target_label=predict.TARGET)


describe_by_size = alt_text.fixed("The time and cost at each number of datapoints, and the bottleneck.")


def draw_over_time(
    inputs: FigureInputs, *, backlog: Sequence[pd.DataFrame] | None = None, datapoints: int = 0
) -> Figure | None:
    """Draw a plan's backlog and concurrency (`plot_over_time`); None without a plan."""
    if backlog is None:
        return None
    figure = Figure(figsize=(WIDTH_IN, 3.8))
    axes = figure.subplots(2, 1, sharex=True)
    plot_over_time(backlog, axes, target_label=predict.TARGET, n=datapoints)
    return figure


describe_over_time = alt_text.fixed("Datapoints waiting and batches at once over time, by both models.")


describe_over_time_largest = alt_text.fixed(
    "Datapoints waiting and batches at once over time, and the bottleneck of each phase."
)


def draw_front(
    inputs: FigureInputs, *, settings: pd.DataFrame | None = None, datapoints: int = 0
) -> Figure | None:
    """Draw time against cost of the settings (`plot_front`); None without a plan."""
    if settings is None:
        return None
    return _draw(plot_front, settings, height_in=3.5, target_label=predict.TARGET, n=datapoints)


describe_front = alt_text.fixed("A point for each setting; none beats those on the front in both.")


def draw_held_out(inputs: FigureInputs, *, held_out: pd.DataFrame | None = None) -> Figure | None:
    """Draw the planner's forecasts of held-out runs (`plot_held_out`); None without them."""
    if held_out is None or held_out.empty:
        return None
    return _draw(plot_held_out, held_out, height_in=2.7, target_label=inputs.target_label)


describe_held_out = alt_text.fixed("What each run predicts of the others, beside their median.")


def draw_validation(inputs: FigureInputs, *, validation: pd.DataFrame | None = None) -> Figure | None:
    """Draw the planner beside published measurements (`plot_validation`); None without them."""
    if validation is None:
        return None
    return _draw(plot_validation, validation, height_in=4, target_label="AWS, published")


describe_validation = alt_text.fixed("The error of each row, within its tolerance.")


def plot_over_time(
    backlog: Sequence[pd.DataFrame], axes: Sequence[Axes], *, target_label: str, n: int
) -> None:
    """Draw backlog above and concurrency below, shaded by the bottleneck.

    Args:
        backlog: What `planner.curves.backlog_over_time` returns, of one job: of the fluid model, and of
            the simulation where it ran.
        axes: Two, with one x axis.
        n: Datapoints.
    """
    upper, lower = axes
    last_s = max(curve["at_s"].max() for curve in backlog)
    unit, length_s = next((pair for pair in UNITS_S if last_s > 2 * pair[1]), ("seconds", 1.0))
    for curve in backlog:
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
    theme.title(
        upper,
        "Backlog and concurrency, shaded by the bottleneck",
        f"n = {counted(n, 'datapoints')}",
        target_label,
    )


def _shade(curve: pd.DataFrame, axes: Sequence[Axes]) -> None:
    changes = curve["limit"].ne(curve["limit"].shift()).cumsum()
    named: set[str] = set()
    for _, part in curve.groupby(changes):
        limit = part["limit"].iloc[0]
        for place, ax in enumerate(axes):
            label = limit_in_words(limit) if not place and limit not in named else None
            ax.axvspan(part["at"].min(), part["at"].max(), color=LIMIT_COLOUR.get(limit, OTHER),
                       alpha=SHADE, lw=0, label=label)  # fmt: skip
        named.add(limit)


def plot_by_size(sizes: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw the makespan at each size with its 5 to 95 % range, coloured by bottleneck.

    Args:
        sizes: What `planner.curves.by_size` returns.
    """
    x = sizes["datapoints"]
    ax.plot(x, sizes["single_node_s"], color=theme.ARM["single_node"], lw=1.2, label="single node")
    ceiling_s = sizes["single_node_s"] / sizes["ceiling"]
    ax.plot(x, ceiling_s, color=theme.QUIET, ls=":", lw=1.2, label="least, however it is sent")
    ax.plot(x, sizes["makespan_s"], color=theme.INK, lw=0.8, zorder=1)
    for limit, group in sizes.groupby("limit", sort=False):
        error = [group["makespan_s"] - group["low_s"], group["high_s"] - group["makespan_s"]]
        ax.errorbar(group["datapoints"], group["makespan_s"], yerr=[ends.clip(lower=0) for ends in error],
                    fmt="o", ms=7, capsize=3, color=LIMIT_COLOUR.get(str(limit), theme.INK), zorder=3,
                    label=limit_in_words(str(limit)))  # fmt: skip
    for row in sizes.itertuples():
        ax.annotate(f"${money(row.usd)}", (row.datapoints, row.makespan_s), textcoords="offset points",
                    xytext=(0, 8), ha="center", fontsize="x-small", color=theme.INK)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.margins(x=0.09, y=0.09)
    _durations(ax)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("datapoints")
    ax.set_ylabel("time until the last is stored")
    _legend(ax, "longest bottleneck")
    theme.title(ax, "Time and cost by size", f"{counted(len(sizes), 'sizes')}, 5 to 95 %", target_label)
    return ax


def plot_front(settings: pd.DataFrame, ax: Axes, *, target_label: str, n: int) -> Axes:
    """Draw time against cost of each setting, and the front of the undominated ones.

    Args:
        settings: What `planner.curves.by_settings` returns.
    """
    for limit, group in settings.groupby("limit", sort=False):
        ax.plot(group["usd"], group["makespan_s"], "o", ms=3.5, alpha=0.5, mew=0,
                color=LIMIT_COLOUR.get(str(limit), OTHER), label=limit_in_words(str(limit)))  # fmt: skip
    front = settings[settings["on_front"]].sort_values("usd")
    ax.step(front["usd"], front["makespan_s"], where="post", color=theme.INK, lw=1.2, label="front")
    ax.set_yscale("log")
    ax.set_ylim(settings["makespan_s"].min() / ROOM_BELOW, None)
    for place, row in enumerate(settings[settings["name"] != ""].itertuples()):
        ax.plot(row.usd, row.makespan_s, "s", ms=8, mfc="none", mec=theme.LIMIT, mew=1.6)
        senders = counted(row.chunks, "senders")
        text = f"{row.name}: {senders} × {row.request_batch}, batches of {row.queue_batch}, "
        ax.annotate(f"{text}{row.memory_mb} MB\n{duration(row.makespan_s)}, ${row.usd:,.4g}",
                    (row.usd, row.makespan_s), textcoords="offset points",
                    xytext=(4, -24 - 24 * (place % 3)), fontsize="x-small", color=theme.LIMIT,
                    bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
                    arrowprops={"arrowstyle": "-", "color": theme.LIMIT, "lw": 0.6})  # fmt: skip
    ax.set_xscale("log")
    _durations(ax)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"${usd:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("cost, USD")
    ax.set_ylabel("time until the last is stored")
    _legend(ax, "longest bottleneck")
    count = f"{counted(len(settings), 'settings')}, n = {counted(n, 'datapoints')}"
    theme.title(ax, "Time against cost of the settings", count, target_label)
    return ax


def plot_held_out(table: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw what each run predicts of the others, beside their median and all makespans.

    Args:
        table: What `planner.validation.held_out.held_out` returns.
    """
    places = range(1, len(table) + 1)
    for place, row in zip(places, table.itertuples(), strict=True):
        colour = VERDICT[bool(row.inside)]
        ax.vlines(place, row.low_s, row.high_s, color=colour, lw=5, alpha=0.35)
        ax.plot(place, row.value_s, "_", ms=12, color=colour)
    ax.plot(places, table["median_s"], "D", ms=5, color=theme.INK, label="median of the others")
    ax.plot(places, table["makespan_s"], "x", ms=5, color=theme.QUIET, label="the run itself")
    ax.plot([], [], color=VERDICT[True], lw=5, alpha=0.35, label="predicted, 5 to 95 %: median inside")
    ax.plot([], [], color=VERDICT[False], lw=5, alpha=0.35, label="median outside")
    ax.set_ylim(0, None)
    ax.set_xticks(list(places))
    ax.set_xlabel("calibrated from run (the first one counts)")
    ax.set_ylabel("makespan (s)")
    _legend(ax)
    text = f"Held-out runs: inside with {int(table['inside'].sum())} of {len(table)} calibrations"
    others = int(table["others"].max()) if len(table) else 0
    theme.title(ax, text, f"n = {others} runs held out each time", target_label)
    return ax


def plot_validation(rows: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw the relative error of each row within its tolerance; fitted rows are grey.

    Args:
        rows: What `planner.validation.published.table` returns.
    """
    table = rows.iloc[::-1].reset_index(drop=True)
    for place, row in enumerate(table.itertuples()):
        colour = VERDICT[None if row.kind == published.FITTED else bool(row.holds)]
        if row.kind != published.FITTED:
            ax.hlines(place, -row.allowed * 100, row.allowed * 100, color=theme.QUIET, lw=6, alpha=0.3)
        ax.plot(row.error * 100, place, "o", ms=5, color=colour)
    for verdict, label in ((True, "holds"), (False, "misses"), (None, "fitted, does not count")):
        ax.plot([], [], "o", color=VERDICT[verdict], label=label)
    ax.axvline(0, color=theme.INK, lw=0.8)
    ax.set_yticks(range(len(table)), [f"{row.case}" for row in table.itertuples()], fontsize="x-small")
    ax.set_xlabel("predicted over expected (%); grey: tolerance")
    _legend(ax)
    theme.title(ax, published.sentence(rows).replace("; ", "\n"), f"{len(rows)} rows", target_label)
    return ax


def _legend(ax: Axes, title: str = "") -> None:
    theme.legend_beside(ax, title=title or None, title_fontsize="small", alignment="left")


def _durations(ax: Axes) -> None:
    low, high = ax.get_ylim()
    ticks = [seconds for seconds in NICE_S if low <= seconds <= high]
    ax.set_yticks(ticks, [_tick(seconds) for seconds in ticks])
    ax.yaxis.set_minor_locator(NullLocator())


def _tick(seconds: float) -> str:
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds / length_s:,g} {unit}"
    return f"{seconds:g} s"
