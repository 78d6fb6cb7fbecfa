"""Draw what a million datapoints cost in each arm, predicted and metered."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_each
from lambdist_lib.figures.inputs import FigureInputs, draw_one
from lambdist_lib.formatting import counted, label, number

SERVICE = {
    "API Gateway": "#CC79A7",
    "Lambda": "#E69F00",
    "SQS": "#56B4E9",
    "DynamoDB": "#0072B2",
    "SNS": "#882255",
    "CloudWatch": "#009E73",
    "X-Ray": "#999999",
}
SIDES = {"predicted": 0.45, "metered": 1.0}  # how opaque: what was, stands out
HEIGHT, GAP = 0.8, 1.2


def draw_costs(inputs: FigureInputs) -> Figure | None:
    """Draw the bill of each arm; None where nothing was metered."""
    table = inputs.costs()
    if table.empty:
        return None
    metered = int(inputs.runs["arm"].isin(table["arm"]).sum())
    return draw_one(plot_costs, table, height_in=4.6, target_label=inputs.target_label, runs=metered)


def describe_costs(summary: alt_text.Summary) -> str:
    shows = "Two bars per arm, predicted and metered, of the services:"
    return alt_text.compose(shows, str(summary.get("cost", "")), summary)


def plot_costs(table: pd.DataFrame, ax: Axes, *, target_label: str, runs: int) -> Axes:
    """Draw two horizontal bars per arm, of the services on the bill, with their sums at the ends.

    Args:
        table: What `costs.metering.table` returns.
        ax: Drawn on and returned.
        runs: How many runs were metered.
    """
    arms = list(dict.fromkeys(table["arm"])) if len(table) else []
    ticks: dict[float, str] = {}
    for place, arm in enumerate(arms):
        of_arm = table[table["arm"] == arm]
        lines, last = of_arm.iloc[:-1], of_arm.iloc[-1]
        by_service = lines.groupby("service")[[f"usd_{side}" for side in SIDES]].sum()
        for below, (side, alpha) in enumerate(SIDES.items()):
            y, left = place * (2 + GAP) + below, 0.0
            ticks[y] = f"{label(arm)}, {side}"
            for service in [name for name in SERVICE if name in by_service.index]:
                usd = by_service.loc[service, f"usd_{side}"]
                bars = ax.barh(y, usd, HEIGHT, left, color=SERVICE[service], alpha=alpha, lw=0)
                label_each(bars, [f"{label(arm)}, {service}: {number(usd)} USD {side}"])
                left += usd
            text = f"{left:.3g} USD{_parts(last) if side == 'metered' else ''}"
            ax.annotate(
                text, (left, y), xytext=(4, 0), textcoords="offset points", va="center", color=theme.INK
            )
    paid = set(table.loc[table["usd_metered"] + table["usd_predicted"] > 0, "service"]) if arms else set()
    _name_services(ax, [name for name in SERVICE if name in paid])
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.invert_yaxis()
    ax.set_xlim(0, ax.get_xlim()[1] * 2 if arms else 1)  # the longest bar's words end before the legend
    ax.set_xlabel("USD for a million datapoints, at the prices of AWS")
    theme.title(ax, "What it would cost", f"n = {counted(runs, 'runs')} metered", target_label)
    return ax


def _parts(last: pd.Series) -> str:
    whole = last["usd_metered"]
    if not whole:
        return ""
    shares = (100 * last[name] / whole for name in ("retries_usd", "dead_letters_usd"))
    return " (retries {:.2g} %, dead {:.2g} %)".format(*shares)


def _name_services(ax: Axes, present: list[str]) -> None:
    handles = [ax.barh([0], [0], color=SERVICE[name], lw=0, label=name) for name in present]
    if handles:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
