"""Show tables in a notebook in the report's words: names with units, numbers for people, no NaN.

tables.in_words(speedup.table(results.runs))
tables.by_arm(experiment.run_pairs(10))
tables.ledger(results)
"""

import math
import re
from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

import pandas as pd

from lambdist_lib.analysis import Results
from lambdist_lib.errors import RunError
from lambdist_lib.experiment import Experiment
from lambdist_lib.formatting import NONE, compared, count, label, number, percent
from lambdist_lib.measures.pairs import EVENTS, not_resumed
from lambdist_lib.planner.limit_words import limit_in_words
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.report import sentences

UNITS = {
    "_ms": ", ms",
    "_s": ", s",
    "_usd": ", USD",
    "_mb": ", MB",
    "_gb_s": ", GB-s",
}  # endings of columns' names
NAMES = {
    "arm_s": "the arm, s",
    "control_s": "the control, s",
    "arm_ms": "the arm, ms",
    "control_ms": "the control, ms",
    "p": "probability",
    "n": "n",
}
RATIO = ("ratio", "low", "high")
OF_ARMS = ("arm_s", "control_s")  # times of a ratio that tells which arm is faster; others tell another thing
IDENTIFIER = re.compile(r"[a-z]+(_[a-z]+)+")
NO_CONDITION = ("max_chars", "pattern")  # rarely set; experiment.json has all
IF_SET = ("rate", "stop_if_dead", "first_datapoints")  # conditions that are 0 or "" unless they are used
NOT_SHOWN = ("run_id", "experiment_id")


def measured(measure: Callable[..., pd.DataFrame], *arguments: Any, **options: Any) -> pd.DataFrame | None:
    """Return a measure's table in words; where the runs do not allow the measure, print why.

    Example:
        tables.measured(speedup.table, results.runs)
    """
    try:
        return in_words(measure(*arguments, **options))
    except RunError as error:
        print(f"not measured: {error}")
        return None


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table for people: names with spaces and units, numbers as text, `-` for what is unknown."""
    named = table.reset_index() if any(table.index.names) else table
    if named.empty:
        first, *others = map(_name, named.columns)
        return pd.DataFrame({first: ["none"], **{name: [NONE] for name in others}}).set_index(first)
    if {*RATIO, *OF_ARMS} <= set(named.columns):
        named = _with_verdict(named)
    shown = _in_ms(named[[name for name in named.columns if name not in NOT_SHOWN]])
    words = shown.map(_cell)
    for name in _shares(shown):
        words[name] = shown[name].map(percent)
    if "percentile" in shown:
        words["percentile"] = shown["percentile"].map(_percentile)
    if "name" in shown:  # of a limit, as a file of limits spells it
        words["name"] = shown["name"]
    for name in {"limit", "bottleneck"} & {*shown.columns}:
        words[name] = [limit_in_words(text) for text in words[name]]
    words = words.rename(columns=_name)
    return words.set_index(words.columns[0]) if len(words.columns) > 1 else words


def answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return answers as `Results.frame` has them, empty where a datapoint has no result or no error."""
    return frame.astype(object).where(frame.notna(), "")


def _in_ms(table: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of seconds that are all below one into milliseconds."""
    short = [
        name for name in table.columns
        if str(name).endswith("_s") and not str(name).endswith("_gb_s") and str(name) not in EVENTS
        and pd.api.types.is_numeric_dtype(table[name]) and table[name].abs().max() < 1
    ]  # fmt: skip
    in_ms = table.assign(**{name: table[name] * 1000 for name in short})
    return in_ms.rename(columns={name: f"{str(name).removesuffix('_s')}_ms" for name in short})


def _shares(table: pd.DataFrame) -> list[str]:
    """Name the columns that hold shares between 0 and 1, and the ends of a share's interval."""
    names = [str(name) for name in table.columns]
    shares = [name for name in names if name == "share" or name.endswith("_share")]
    if "low" in names and "high" in names:  # without an interval a rate is a number per second
        shares += [name for name in names if name == "rate"]
    return [*shares, "low", "high"] if {"share", "rate"} & {*shares} and "low" in names else shares


def _percentile(p: float) -> str:
    return "median" if p == 0.5 else percent(p)


def _with_verdict(table: pd.DataFrame) -> pd.DataFrame:
    """Put a ratio and its interval into words, before the times that they come from."""
    verdicts = [compared(*(row[name] for name in RATIO)) for row in table.to_dict("records")]
    rest = table.drop(columns=[*RATIO, "verdict"], errors="ignore")
    rest.insert(1, "the arm is", verdicts)
    return rest


def by_arm(runs: pd.DataFrame) -> pd.DataFrame:
    """Return each arm's runs in words: how many, the medians of their times, and their datapoints."""
    timed = not_resumed(runs)
    groups = timed.groupby("arm", sort=False)
    table = groups[list(EVENTS)].median().rename(columns=lambda name: f"{EVENTS[name]}, s")
    table.insert(0, "runs", groups.size())
    ends = [name for name in ("stored", "dead", "rejected", "unsent", "lost") if timed[name].sum()]
    return in_words(table.join(groups[ends].sum()))


def ledger(results: Results) -> pd.DataFrame:
    """Print whether every datapoint is accounted for; return the counts of each arm in words.

    Raises:
        RunError, UnfinishedError: As `Results.ledger`.
    """
    counts = results.ledger()
    print(f"Is every datapoint accounted for? {sentences.accounted(results.runs)}")
    return in_words(counts.groupby("arm", sort=False)[["submitted", *OUTCOMES]].sum())


def conditions(experiment: Experiment) -> pd.DataFrame:
    """Return what an experiment holds equal, in words, with the id that a restarted kernel needs."""
    facts: Mapping[str, Any] = {
        **experiment.describe()[""],
        "processors": experiment.conditions.width,
        "fault": experiment.conditions.fault.partition(",seed:")[0],
    }
    shown = {name: value for name, value in facts.items() if value or name not in IF_SET}
    rows = {_name(name): _cell(value) for name, value in shown.items() if name not in NO_CONDITION}
    known = {name: text for name, text in rows.items() if text != NONE}
    return pd.DataFrame({"value": {"experiment_id": experiment.id, **known}})


def _name(name: object) -> str:
    text = str(name)
    if text in NAMES:
        return NAMES[text]
    if text in EVENTS:
        return f"{EVENTS[text]}, s"
    for ending, unit in UNITS.items():
        if text.endswith(ending):
            return label(text.removesuffix(ending)) + unit
    return label(text)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if isinstance(value, Number):
        real = float(value)  # type: ignore[arg-type]
        if not math.isfinite(real):
            return NONE
        return count(real) if real.is_integer() else number(real)
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return NONE
    text = str(value)
    return label(text) if IDENTIFIER.fullmatch(text) else text
