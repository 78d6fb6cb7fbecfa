"""Drawing of `measures.dead_letters`: how every datapoint of a file ended."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from lambdist_lib.contract import DEAD, OUTCOMES, STORED
from lambdist_lib.figures import theme
from lambdist_lib.measures import dead_letters

MOST_BARS = 12
CAUSE_CHARS = 40


def plot_outcomes(records: pd.DataFrame, ax: Axes, *, target: str) -> Axes:
    """Draw one bar per way to end: stored or dead at which receive and of what, or not settled.

    Lying bars, so that two dead among thousands have room for their cause; the counts at the
    bars' ends add up to the datapoints of the title.
    """
    bars = _bars(records)
    y = range(len(bars))
    ax.barh(
        y,
        bars["datapoints"],
        height=0.7,
        color=[theme.OUTCOME.get(name, theme.QUIET) for name in bars["outcome"]],
    )
    for place, (count, cause) in enumerate(zip(bars["datapoints"], bars["cause"], strict=True)):
        text = f"{count:,} {cause[:CAUSE_CHARS]}".rstrip()
        ax.annotate(
            text, (count, place), xytext=(4, 0), textcoords="offset points", va="center", color=theme.INK
        )
    ax.set_yticks(y, bars["label"])
    spare = max(3 - len(bars), 0) / 2  # or two bars would be two slabs
    ax.set_ylim(len(bars) - 0.4 + spare, -0.6 - spare)
    ax.set_xlim(0, bars["datapoints"].max() * 1.12 if len(bars) else 1)
    ax.set_xlabel("datapoints")
    rates = "".join(
        f"\n{row.arm.replace('_', ' ')}: {row.dead:,} of {row.settled:,} dead, {row.rate * 100:.3g} % "
        f"({row.low * 100:.3g} to {row.high * 100:.3g} %)"
        for row in dead_letters.rate(records).itertuples()
        if row.settled
    )
    theme.title(
        ax,
        f"How the datapoints ended, the dead with their 95 % interval{rates}",
        f"n = {len(records):,} datapoints",
        target,
    )
    return ax


def _bars(records: pd.DataFrame) -> pd.DataFrame:
    """Columns `label`, `outcome`, `datapoints`; beyond MOST_BARS the smallest become one bar."""
    settled = records["outcome"].isin([STORED, DEAD])
    ways = pd.DataFrame(
        {
            "arm": records["arm"],
            "outcome": pd.Categorical(records["outcome"], OUTCOMES),  # which is also their order
            "receives": dead_letters.receives_of(records).where(settled, 0),
            "cause": dead_letters.causes(records)["cause"].where(records["outcome"] == DEAD, ""),
        }
    )
    keys = ["arm", "outcome", "receives", "cause"]
    bars = ways.groupby(keys, observed=True, dropna=False).size().rename("datapoints").reset_index()
    bars["label"] = [_label(bar, several_arms=records["arm"].nunique() > 1) for bar in bars.itertuples()]
    if len(bars) <= MOST_BARS:
        return bars
    rest = bars.drop(bars["datapoints"].nlargest(MOST_BARS - 1).index)
    more = {
        "label": f"{len(rest)} further ways",
        "outcome": "",
        "cause": "",
        "datapoints": rest["datapoints"].sum(),
    }
    return pd.concat([bars.drop(rest.index), pd.DataFrame([more])], ignore_index=True)


def _label(bar: Any, *, several_arms: bool) -> str:
    arm = f"{bar.arm.replace('_', ' ')}: " if several_arms else ""
    receives = f" at receive {bar.receives}" if bar.receives else ""
    return f"{arm}{str(bar.outcome).replace('_', ' ')}{receives}"
