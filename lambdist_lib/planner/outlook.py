"""Put what an experiment measured here beside what the planner predicts for AWS.

results = load_results("reference")
outlook = aws_outlook(results)
outlook.in_words()          one row per arm, for people
outlook.conclusion()        the conclusion about AWS
summarise(results)          write summary.json with both
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lambdist_lib.analysis import Results
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.formatting import (
    IN_SECONDS_BELOW,
    NONE,
    between,
    compared,
    counted,
    duration,
    is_known,
    label,
    money,
    number,
    seconds,
)
from lambdist_lib.measures.speedup import Speedup, compare_arms
from lambdist_lib.measures.sweep import varied_factor
from lambdist_lib.measures.ways import fan_outs, reference_of
from lambdist_lib.planner.arm_predictions import (
    calibrated,
    job_of_runs,
    measured_makespan_s,
    predict_arms,
)
from lambdist_lib.planner.break_even import INSTANCE, break_even
from lambdist_lib.planner.limit_words import limit_in_words
from lambdist_lib.planner.which_way import WhichWay, which_way
from lambdist_lib.protocol.arms import ARMS

ARM, CONTROL = "distributed", "single_node"


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Measured and predicted makespans of each arm, and from where on each pays.

    table: one row per arm; `arm`, `what` (a few words), `measured_s` (median), `ratio`, `low`, `high` (of the
    makespan of `against` over the arm's: of the control where it ran), and the columns of `predict_arms`.
    break_even: as `planner.break_even.break_even`.
    note: why there is no prediction, or "".
    """

    table: pd.DataFrame
    break_even: pd.DataFrame
    note: str = ""

    def conclusion(self) -> str:
        """Return the conclusion about AWS in words, named as a prediction."""
        if self.note:
            return f"AWS is not predicted: {self.note}."
        rows = self.table.set_index("arm")
        arm, control = rows.loc[ARM], rows.loc[CONTROL]
        texts = [
            f"On AWS, predicted from these runs and published figures, never run there: {ARM} takes "
            f"{_span(arm)}, {_than(CONTROL, control['predicted_s'] / arm['predicted_s'])} "
            f"({seconds(control['predicted_s'])})"
        ]
        for name in rows.index:
            if name in ARMS and ARMS[name].isolates_queue:
                other = rows.loc[name, "predicted_s"]
                texts.append(
                    f"and {_than(name, other / arm['predicted_s'])}, which has no queue ({seconds(other)})"
                )
        sentence = " ".join(texts) + f". Its bottleneck there: {limit_in_words(arm['bottleneck'])}."
        if arm["most_sensitive"]:
            sentence += f" The assumption that moves it most: {arm['most_sensitive']}."
        return sentence + self._pays()

    def in_words(self) -> pd.DataFrame:
        """Return the table for people: a column of text per fact, indexed by the arm."""
        return in_words(self.table)

    def _pays(self) -> str:
        times = self.break_even.query("criterion == 'time' and arm == @ARM and against == @CONTROL")
        costs = self.break_even.query("criterion == 'cost' and arm == @INSTANCE and against == @ARM")
        text = ""
        if len(times):
            least = times["from_datapoints"].iloc[0]
            text += (
                f" The fan-out saves time from {counted(round(least), 'datapoints')} on."
                if not math.isnan(least)
                else " The fan-out saves no time at any size."
            )
        if len(costs) and not math.isnan(costs["per_day"].iloc[0]):
            per_day = float(f"{costs['per_day'].iloc[0]:.2g}")
            text += f" Above about {per_day:,.0f} datapoints a day an {INSTANCE} costs less."
        return text


def aws_outlook(results: Results, *, limits_file: str = "", seed: int = 0) -> Outlook:
    """Predict the arms of an experiment on AWS, calibrated with its runs.

    Args:
        limits_file: Your own limits and prices as TOML (`assumptions.load`).
        seed: Of the simulation.

    Returns:
        An `Outlook`; without a prediction where the runs cannot calibrate one, and `note` has the reason.
    """
    limits, measured = assumptions.load(limits_file or None), _measured(results.runs)
    try:
        table = calibrated(results, limits)
        predicted = predict_arms(results.runs, table, seed=seed)
        pays = break_even(job_of_runs(results.runs), table)
    except (RunError, UsageError) as error:
        return Outlook(table=measured, break_even=pd.DataFrame(), note=str(error))
    both = predicted.drop(columns="measured_s").merge(measured, on="arm", how="outer")
    both["against"] = measured["against"].iloc[0]
    both["what"] = both["arm"].map(lambda arm: ARMS[arm].what if arm in ARMS else "")
    order = {arm: number for number, arm in enumerate(ARMS)}
    return Outlook(table=both.sort_values("arm", key=lambda arms: arms.map(order)), break_even=pays)


def summarise(
    results: Results, *, outlook: Outlook | None = None, ways: WhichWay | None = None, further: str = ""
) -> dict[str, Any]:
    """Write `summary.json` with the finding, the prediction for AWS, and the table of both.

    A sweep, and runs of one arm, have no such prediction: they are summarised alone. Where more ways ran
    than the fan-out, its control and its variant without a queue, the conclusion says which of them pays.

    Args:
        outlook: What `aws_outlook(results)` returned, so that it is not computed again.
        ways: The same, of `which_way`.
        further: A sentence that ends the conclusion about ways.
    """
    arms = set(results.runs["arm"])
    if len(arms) < 2 or varied_factor(results.runs):
        return results.summarise()
    outlook = outlook or aws_outlook(results)
    tables = {"outlook": outlook.table, "break_even": outlook.break_even}
    if ways is None and not compares_ways(arms):
        return results.summarise(conclusion=outlook.conclusion(), tables=tables)
    ways = ways or which_way(results, predicted=None if outlook.note else outlook.table)
    conclusion = " ".join(filter(None, [ways.conclusion(), further]))
    return results.summarise(conclusion=conclusion, tables=tables | ways.tables())


def compares_ways(arms: Collection[str]) -> bool:
    """Return whether arms are ways to choose from, rather than the fan-out, its control and its variant."""
    known = set(arms) & set(ARMS)
    further = [arm for arm in fan_outs() if arm in known and arm != ARM and not ARMS[arm].isolates_queue]
    return len(known) > 1 and (bool(further) or not {ARM, CONTROL} <= known)


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return `Outlook.table` for people, from the summary's rows, too."""
    rows = {label(row["arm"]): _in_words(row) for row in table.to_dict("records")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm").fillna(NONE)


def _against(row: Mapping[str, Any]) -> str:
    """Return the arm of a row's ratio; older summaries compare with the control and do not say so."""
    return str(row.get("against") or CONTROL)


def _in_words(row: Mapping[str, Any]) -> dict[str, str]:
    words = {
        f"against {label(_against(row))} here": compared(row["ratio"], row["low"], row["high"]),
        "measured here": f"{number(row['measured_s'])} s" if is_known(row["measured_s"]) else "not run",
    }
    if is_known(row.get("predicted_s")):
        words["predicted on AWS"] = _span(row)
        words["USD per million there"] = money(row["usd_per_million"])
        words["bottleneck there"] = limit_in_words(row["bottleneck"])
    return words | {"what it is": row.get("what") or NONE}


def _measured(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per arm that ran: its median makespan, and how much faster than the control it was.

    Without the control the others are compared with the reference of the ways.
    """
    rows = []
    known = set(runs["arm"]) & set(ARMS)
    against = CONTROL if CONTROL in known or not known else reference_of(known)
    for arm in runs["arm"].unique():
        compared = _compared(runs, arm, against)
        ends = (compared.ratio, compared.low, compared.high) if compared else (math.nan,) * 3
        rows.append([arm, measured_makespan_s(runs, arm), *ends])
    table = pd.DataFrame(rows, columns=["arm", "measured_s", "ratio", "low", "high"])
    return table.assign(against=against)


def _compared(runs: pd.DataFrame, arm: str, against: str) -> Speedup | None:
    if arm == against:
        return None
    try:
        return compare_arms(runs, arm=arm, control=against)
    except RunError:
        return None


def _span(row: Mapping[str, Any]) -> str:
    """Return a predicted makespan with its interval."""
    if row["high_s"] >= IN_SECONDS_BELOW:
        return f"{duration(row['predicted_s'])} ({duration(row['low_s'])} to {duration(row['high_s'])})"
    return f"{seconds(row['predicted_s'])} ({between(row['low_s'], row['high_s'])})"


def _than(arm: str, ratio: float) -> str:
    """Return how many times faster than an arm, such as `1.8 times slower than single node` for 0.556."""
    times = f"{max(ratio, 1 / ratio):.2g}"
    if times == "1":
        return f"as fast as {label(arm)}"
    return f"{times} times {'faster' if ratio > 1 else 'slower'} than {label(arm)}"
