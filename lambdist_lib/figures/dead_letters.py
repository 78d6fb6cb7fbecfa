"""Draw how every datapoint ended, and dead letters beside what theory expects."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdist_lib.figures import alt_text, theme
from lambdist_lib.figures.hover import label_each, label_marks
from lambdist_lib.figures.inputs import WIDTH_IN, FigureInputs, draw_one
from lambdist_lib.formatting import between, counted, label, number, percent
from lambdist_lib.measures import dead_letters, fault_matrix
from lambdist_lib.protocol.contract import DEAD, OUTCOMES, STORED

STEPS = 200  # of a curve
LEAST_RATE = 1e-9
LAW_LINES = ("-", "--", "-.", ":")
ASIDE = 0.006  # of p, between points at the same p
MAX_BARS = 12
CAUSE_CHARS = 40


def draw_outcomes(inputs: FigureInputs, *, even_if_none_died: bool = False) -> Figure | None:
    """Draw how the datapoints ended; None where none died, unless asked for."""
    if not even_if_none_died and not (inputs.records["outcome"] == DEAD).any():
        return None
    return draw_one(plot_outcomes, inputs.records, height_in=3.6, target_label=inputs.target_label)


def describe_outcomes(summary: alt_text.Summary) -> str:
    causes = "".join(
        f"; {row['dead']:,} of {row['cause']} ({label(row['arm'])})"
        for row in alt_text.rows(summary, "dead_by_cause")
    )
    submitted, dead = (alt_text.value(summary, name) or 0 for name in ("submitted", "dead"))
    numbers = f"Of {submitted:,.0f} datapoints {dead:,.0f} are dead{causes}"
    return alt_text.compose("A bar for each way in which datapoints ended.", numbers, summary)


def draw_theory(inputs: FigureInputs, *, max_receives: int = 0) -> Figure | None:
    """Draw the rates of a fault matrix against theory; None where `max_receives` is not given."""
    if not max_receives:
        return None
    cells = fault_matrix.cells(inputs.records, inputs.runs, inputs.invocations, max_receives=max_receives)
    return draw_one(plot_theory, cells, height_in=4.8, target_label=inputs.target_label)


describe_theory = alt_text.fixed(
    "The share that died at each probability of failure, beside what the law of retries expects."
)


def draw_receives(inputs: FigureInputs, *, max_receives: int = 0) -> Figure | None:
    """Draw a histogram of receives for each cell of a fault matrix; None without `max_receives`."""
    if not max_receives:
        return None
    cells = fault_matrix.cells(inputs.records, inputs.runs, inputs.invocations, max_receives=max_receives)
    lines = (len(cells) + 1) // 2
    figure = Figure(figsize=(WIDTH_IN, 3.4 * lines))
    axes = figure.subplots(lines, 2, squeeze=False)
    for ax, (_, cell) in zip(axes.flat, cells.iterrows(), strict=False):
        law = {"batch": cell["batch"], "partial": cell["partial"]}
        p = dead_letters.receive_failure_probability(cell["p"], **law)
        records = fault_matrix.select_cell(inputs.records, inputs.runs, cell)
        receives = dead_letters.receive_counts(
            records, p=p, permanent=cell["permanent"], max_receives=max_receives
        )
        text = f"{inputs.target_label}\n{fault_matrix.cell_label(cell)}"
        plot_receives(receives, ax, target_label=text, p=p, p_value=cell["p_value"])
    axes.flat[-1].set_visible(len(cells) % 2 == 0)
    return figure


def describe_receives(summary: alt_text.Summary) -> str:
    numbers = "; ".join(
        f"{row['datapoints']:,} {row['outcome']} at receive {row['receives']} ({label(row['arm'])})"
        for row in alt_text.rows(summary, "receives")
    )
    return alt_text.compose("Datapoints by the receive at which they ended:", numbers, summary)


def plot_outcomes(records: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw one bar per way to end: outcome, receive and cause.

    Args:
        records: Columns of `results.schema.RECORDS`; of any number of runs.
        ax: Drawn on and returned. The counts at the bars' ends add up to the datapoints of the title.
    """
    bars = _bars(records)
    y = range(len(bars))
    drawn = ax.barh(
        y,
        bars["datapoints"],
        height=0.7,
        color=[theme.OUTCOME.get(name, theme.QUIET) for name in bars["outcome"]],
    )
    label_each(drawn, [f"{bar.label}: {counted(bar.datapoints, 'datapoints')} {bar.cause}".rstrip()
                       for bar in bars.itertuples()])  # fmt: skip
    for place, (count, cause) in enumerate(zip(bars["datapoints"], bars["cause"], strict=True)):
        text = f"{count:,} {cause[:CAUSE_CHARS]}".rstrip()
        ax.annotate(
            text, (count, place), xytext=(4, 0), textcoords="offset points", va="center", color=theme.INK
        )
    ax.set_yticks(y, bars["label"])
    spare = max(3 - len(bars), 0) / 2  # keep one or two bars slim
    ax.set_ylim(len(bars) - 0.4 + spare, -0.6 - spare)
    ax.set_xlim(0, bars["datapoints"].max() * 1.12 if len(bars) else 1)
    theme.whole_numbers(ax.xaxis)
    ax.set_xlabel("datapoints")
    rates = "".join(
        f"\n{label(row.arm)}: {row.dead:,} of {row.settled:,} dead, {row.rate * 100:.3g} % "
        f"({row.low * 100:.3g} to {row.high * 100:.3g} %)"
        for row in dead_letters.rate(records).itertuples()
        if row.settled
    )
    theme.title(
        ax,
        f"How the datapoints ended, the dead with their 95 % interval{rates}",
        f"n = {counted(len(records), 'datapoints')}",
        target_label,
    )
    return ax


def plot_theory(against: pd.DataFrame, ax: Axes, *, target_label: str) -> Axes:
    """Draw observed dead-letter rates with their intervals against what the law of retries expects.

    Args:
        against: Rows of `measures.dead_letters.compare_with_theory`, of any number of experiments, or of
            `measures.fault_matrix.cells`. Rows without an expected rate are counted, not drawn.
        ax: Drawn on and returned. A rate of zero has no place on a logarithmic axis: its
            interval's upper end is drawn, pointing down. Points at the same p stand side by side.
    """
    drawn = against[against["expected"].notna() & (against["settled"] > 0)]
    if len(drawn):
        _draw_laws(ax, drawn)
        _draw_rates(ax, drawn)
        ax.set_yscale("log")
        theme.log_seconds(ax.yaxis)
        ax.yaxis.set_major_formatter(lambda share, _: f"{share * 100:g} %")
        ends = pd.concat([drawn.loc[drawn["dead"] > 0, "low"], drawn["expected"], drawn["high"]])
        ax.set_ylim(max(ends[ends > 0].min() / 3, LEAST_RATE), 1.5)
        theme.legend_beside(ax)
    right = max(min(drawn["p"].max() * 1.3, 1), 0.1) if len(drawn) else 1
    ax.set_xlim(-0.03 * right if (drawn["p"] <= 0).any() else 0, right)  # a whole mark at p = 0
    ax.set_xlabel("probability p that an attempt fails")
    ax.set_ylabel("dead of the settled datapoints")
    left_out = len(against) - len(drawn)
    n = f"n = {counted(int(drawn['settled'].sum()), 'datapoints')} in {counted(len(drawn), 'experiments')}"
    n += f" ({left_out} without a law or a datapoint left out)" if left_out else ""
    text = f"Dead letters against theory: {int(drawn['agrees'].sum())} of {len(drawn)} intervals hold it"
    theme.title(ax, text, n, target_label)
    return ax


def _draw_laws(ax: Axes, against: pd.DataFrame) -> None:
    p = np.linspace(0.01, 0.99, STEPS)
    laws = against.assign(batch=against["batch"].mask(against["partial"], 1))  # a batch means nothing then
    names = ["max_receives", "batch", "partial", "permanent"]
    for k, row in enumerate(laws[names].drop_duplicates().sort_values(names).itertuples()):
        law = (
            f"p^{row.max_receives}"
            if row.partial
            else f"(1-(1-p)^{row.batch})^{row.max_receives}, whole batches"
        )
        if row.permanent:
            law = f"f + (1-f)·{law}, f = {row.permanent:g}"
        cell = {name: getattr(row, name) for name in names}
        rates = [dead_letters.expected_rate(share, **cell) for share in p]
        ax.plot(p, rates, color=theme.INK, lw=1.2, ls=LAW_LINES[k % len(LAW_LINES)], label=f"expected: {law}")


def _draw_rates(ax: Axes, against: pd.DataFrame) -> None:
    groups = against.groupby(["arm", "batch", "partial"], sort=True)
    for k, ((arm, batch, partial), rows) in enumerate(groups):
        colour, marker = theme.ARM.get(arm, theme.INK), "osD^P*"[k % 6]
        x = rows["p"] + (k - (len(groups) - 1) / 2) * ASIDE
        error = [rows["rate"] - rows["low"], rows["high"] - rows["rate"]]
        words = f"batches of {batch}" if partial else f"whole batches of {batch}"
        words = f"{label(arm)}, {words}" if against["arm"].nunique() > 1 else words
        if "expected_filled" in rows and not partial:
            ax.plot(x, rows["expected_filled"], "_", ms=16, mew=2, color=theme.INK, zorder=2,
                    label=f"{words}: expected, as full as they were")  # fmt: skip
        some, none = rows["dead"] > 0, rows["dead"] == 0
        if some.any():
            style: dict[str, Any] = {
                "fmt": marker,
                "color": colour,
                "mfc": colour if partial else "white",
                "zorder": 3,
            }
            bars = ax.errorbar(x[some], rows.loc[some, "rate"], yerr=[ends[some] for ends in error],
                               capsize=3, label=f"{words}: 95 % interval", **style)  # fmt: skip
            label_marks(bars.lines[0], [
                f"{words}, p = {row.p:g}: {row.dead:,} of {row.settled:,} dead, {percent(row.rate)} "
                f"({between(row.low, row.high, percent)})"
                for row in rows[some].itertuples()
            ])  # fmt: skip
        if none.any():
            ax.plot(x[none], rows.loc[none, "high"], "v", ms=8, mfc="white", color=colour, zorder=3,
                    label=f"{words}: none died, upper end")  # fmt: skip


def plot_receives(receives: pd.DataFrame, ax: Axes, *, target_label: str, p: float, p_value: float) -> Axes:
    """Draw how many datapoints were stored or dead after each receive, beside the geometric law.

    Args:
        receives: Of one arm, with `expected`, as `measures.dead_letters.receive_counts` gives it for a p.
        p: Probability that a receive fails.
        p_value: Of the fit (`measures.dead_letters.goodness_of_fit`); NaN where there was nothing to test.
        ax: Drawn on and returned. The bar on the right, set apart, is of the dead.
    """
    last = int(receives["receives"].max()) if len(receives) else 1
    place = receives["receives"] + np.where(receives["outcome"] == DEAD, 0.42, 0)
    for outcome in (STORED, DEAD):
        of_outcome = receives["outcome"] == outcome
        bars = ax.bar(place[of_outcome], receives.loc[of_outcome, "datapoints"], width=0.38,
                      color=theme.OUTCOME[outcome], label=outcome)  # fmt: skip
        label_each(bars, [f"{counted(row.datapoints, 'datapoints')} {outcome} at receive {row.receives}, "
                          f"expected {number(row.expected)}"
                          for row in receives[of_outcome].itertuples()])  # fmt: skip
    lawful = receives["expected"] > 0
    ax.plot(place[lawful], receives.loc[lawful, "expected"], "_", ms=18, mew=2, color=theme.INK,
            label=f"expected for p = {p:.3g}")  # fmt: skip
    tops = receives[["datapoints", "expected"]].max(axis="columns").clip(lower=0.8)
    for x, top, count in zip(place, tops, receives["datapoints"], strict=True):
        ax.annotate(f"{count:,}", (x, top), xytext=(0, 4), textcoords="offset points",
                    ha="center", fontsize="small", color=theme.INK)  # fmt: skip
    if len(receives):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_ylim(0.5, tops.max() * 10)
        ax.legend(
            loc="upper right", ncols=3, frameon=False, fontsize="small", columnspacing=1, handlelength=1.2
        )
    ax.set_xticks(range(1, last + 1))
    ax.set_xlabel("receives until it ended")
    ax.set_ylabel("datapoints")
    fit = "nothing to test" if np.isnan(p_value) else f"p value {p_value:.2g}" if p_value else "impossible"
    n = f"n = {receives['datapoints'].sum():,} settled datapoints"
    theme.title(ax, f"Receives against the geometric law: {fit}", n, target_label)
    return ax


def _bars(records: pd.DataFrame) -> pd.DataFrame:
    """Columns `label`, `outcome`, `datapoints`; beyond MAX_BARS the smallest become one bar."""
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
    if len(bars) <= MAX_BARS:
        return bars
    rest = bars.drop(bars["datapoints"].nlargest(MAX_BARS - 1).index)
    more = {
        "label": f"{len(rest)} further ways",
        "outcome": "",
        "cause": "",
        "datapoints": rest["datapoints"].sum(),
    }
    return pd.concat([bars.drop(rest.index), pd.DataFrame([more])], ignore_index=True)


def _label(bar: Any, *, several_arms: bool) -> str:
    arm = f"{label(bar.arm)}: " if several_arms else ""
    receives = f" at receive {bar.receives}" if bar.receives else ""
    return f"{arm}{label(str(bar.outcome))}{receives}"
