"""Tabulate a summary and its runs for a page, with names and units in words.

tables(summary, runs)    every table of a report; empty ones are left out

Nothing is measured here: numbers come from `summary.json` and `runs.csv`, rounded to three digits.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from lambdist_lib.formatting import (
    NONE,
    between,
    compared,
    count,
    counted,
    label,
    level,
    moment,
    number,
    percent,
)
from lambdist_lib.measures.summary_sections import HEADLINE
from lambdist_lib.planner import which_way
from lambdist_lib.planner.outlook import in_words
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.report import sentences
from lambdist_lib.report.table_model import Table, cut, marked, of_rows, plain

Rows = list[dict[str, Any]]

PERCENTILES = {"p50_s": "median, ms", "p90_s": "90th percentile, ms", "p99_s": "99th percentile, ms"}
GROUPS = {  # id: section, caption, and the measures' names without their arm, each with a column's name
    "times": ("times", "Times from the first intended send: medians over runs", {
        "makespan_s": "until stored, s",
        "enqueued_s": "until enqueued, s",
        "seen_s": "until seen by the client, s",
        "throughput_per_s": "datapoints per s",
    }),
    "stored": ("times", "How long one datapoint takes, from its intended send until stored",
               {f"end_to_end_{p}": name for p, name in PERCENTILES.items()}),
    "answered": ("times", "How long one request takes, from its intended send until answered",
                 {f"answer_{p}": name for p, name in PERCENTILES.items()}),
    "concurrency": ("times", "Executions and environments: medians over runs", {
        "concurrency_peak": "most executions at once",
        "concurrency_environments": "environments",
        "concurrency_reuse": "executions per environment",
    }),
    "waited": ("cold", "Who waits on a cold start, outside of runs that were made cold",
               {"cold_share": "datapoints that waited"}),
    "dead-rate": ("failures", "How many died", {"dead_rate": "dead of the settled"}),
}  # fmt: skip
FUNCTIONS = ("collector", "processor", "dead_letter", "single_node")
VERDICT: dict[str, Callable[[dict[str, Any]], str]] = {  # of two arms; the verdict precedes the numbers
    "distributed is": lambda row: compared(row["ratio"], row["low"], row["high"]),
}
MS = ", ms"  # end of a column's name whose measure is in seconds


def tables(summary: dict[str, Any], runs: pd.DataFrame) -> list[Table]:
    """Return the tables of a summary and of its runs (`schema.RUNS`)."""
    content = summary["tables"]
    result = [
        _ways(_rows(content, "ways")),
        _speedup(_rows(content, "speedup")),
        _by_level(_rows(content, "by_level"), summary["confidence"]),
        *(_measured(name, summary) for name in GROUPS),
        _inits(summary),
        _laws(_rows(content, "laws")),
        _stages(_rows(content, "stages")),
        _cold_by_function(_rows(content, "cold_starts")),
        _causes(_rows(content, "dead_by_cause")),
        _receives(_rows(content, "receives")),
        _planned(_rows(content, "planned_and_found")),
        _cost(_rows(content, "cost")),
        of_runs(runs),
    ]
    return [cut(table) for table in result if table.rows]


def _rows(content: dict[str, Any], name: str) -> Rows:
    """Return a table of the summary; empty where the summary has a reason instead of rows."""
    rows = content.get(name)
    return rows if isinstance(rows, list) else []


def outlook(rows: Rows) -> Table:
    """Return what was measured here beside what is predicted on AWS, a row per arm."""
    words = in_words(pd.DataFrame(rows)) if rows else pd.DataFrame()
    columns = ("arm", *words.columns)
    content = [(str(arm), *cells) for arm, *cells in words.itertuples()]
    caption = "Measured here, and predicted on AWS: until the last datapoint is stored"
    return marked(plain("outlook", "speedup", caption, columns, content), *columns, numeric=False)


def _ways(rows: Rows) -> Table:
    words = which_way.in_words(pd.DataFrame(rows)) if rows else pd.DataFrame()
    columns = ("way", *words.columns)
    content = [(str(way), *cells) for way, *cells in words.itertuples()]
    caption = "Each way: medians of its warm runs here, CPU seconds, its cold run, and AWS as predicted"
    return marked(plain("ways", "speedup", caption, columns, content), *columns, numeric=False)


def _speedup(rows: Rows) -> Table:
    return of_rows("speedup", "speedup", "Speedup of distributed: median of the warm pairs' ratios", rows, {
        "timed": lambda row: row["time"],
        **VERDICT,
        "than": lambda row: label(row["control"]),
        "distributed, s": lambda row: number(row["arm_s"]),
        "the other, s": lambda row: number(row["control_s"]),
        "pairs": lambda row: count(row["pairs"]),
        "lag-1 autocorrelation": lambda row: number(row.get("autocorrelation")),
    }, texts=("timed", *VERDICT, "than"))  # fmt: skip


def _by_level(rows: Rows, confidence: float) -> Table:
    caption = f"Speedup of distributed at each level, {confidence * 100:g} % intervals"
    return of_rows("by-level", "speedup", caption, rows, {
        "level": lambda row: level(row["level"]),
        **VERDICT,
        "distributed, s": lambda row: number(row["arm_s"]),
        "single node, s": lambda row: number(row["control_s"]),
        "pairs": lambda row: count(row["pairs"]),
        "p, adjusted for the levels": lambda row: number(row.get("adjusted_p")),
    }, texts=tuple(VERDICT))  # fmt: skip


def _laws(rows: Rows) -> Table:
    return of_rows("laws", "speedup", "Laws of the time against the level, and which are accepted", rows, {
        "law": lambda row: row["law"],
        "formula": lambda row: row["formula"],
        "parameter": lambda row: row["parameter"],
        "value": lambda row: number(row["value"]),
        "unit": lambda row: row["unit"],
        "interval": lambda row: between(row["low"], row["high"]),
        "AICc": lambda row: number(row["aicc"]),
        "verdict": lambda row: row["verdict"].replace("`", ""),
    }, texts=("law", "formula", "parameter", "unit", "verdict"))  # fmt: skip


def _stages(rows: Rows) -> Table:
    return of_rows("stages", "times", "Where the time of a stored datapoint goes", rows, {
        "stage": lambda row: label(row["stage"]),
        "arm": lambda row: label(row["arm"]),
        "median, ms": lambda row: _ms(row["median_s"]),
        "90th percentile, ms": lambda row: _ms(row["p90_s"]),
        "share": lambda row: percent(row["share"]),
        "datapoints": lambda row: count(row["n"]),
    }, texts=("stage", "arm"))  # fmt: skip


def _cold_by_function(rows: Rows) -> Table:
    """Add up the summary's rows per run, which are too many to read."""
    summed: Rows = []
    if rows:
        keys = ["function", "arm", "temperature"]
        by = pd.DataFrame(rows).groupby(keys, sort=False)[["invocations", "cold"]].sum()
        summed = by.reset_index().to_dict("records")
    return of_rows("cold-starts", "cold", "Invocations that were a cold start, all runs together", summed, {
        "function": lambda row: label(row["function"]),
        "arm": lambda row: label(row["arm"]),
        "runs": lambda row: row["temperature"],
        "invocations": lambda row: count(row["invocations"]),
        "cold": lambda row: count(row["cold"]),
    }, texts=("function", "arm", "runs"))  # fmt: skip


def _causes(rows: Rows) -> Table:
    table = of_rows("causes", "failures", "Dead datapoints by cause", rows, {
        "cause": lambda row: row["cause"],
        "arm": lambda row: label(row["arm"]),
        "dead": lambda row: count(row["dead"]),
        "of the settled": lambda row: percent(row["rate"]),
        "interval": lambda row: between(row["low"], row["high"], percent),
        "first message": sentences.message,
    }, texts=("cause", "arm", "first message"))  # fmt: skip
    return marked(table, "cause", "first message", free=True)


def _receives(rows: Rows) -> Table:
    return of_rows("receives", "failures", "Receives until a datapoint was stored or dead", rows, {
        "end": lambda row: f"{row['outcome']} at receive {row['receives']}",
        "arm": lambda row: label(row["arm"]),
        "datapoints": lambda row: count(row["datapoints"]),
    }, texts=("end", "arm"))  # fmt: skip


def _planned(rows: Rows) -> Table:
    ends = [name for name in (rows[0] if rows else {}) if name != "planned"]
    cells: dict[str, Callable[[dict[str, Any]], str]] = {
        "planned to end as": lambda row: _end(row["planned"])
    }
    cells |= {_end(end): _counted(end) for end in ends}
    caption = "How datapoints with declared faults should have ended (rows), and how they did (columns)"
    return of_rows("planned", "failures", caption, rows, cells, texts=("planned to end as",))


def _end(name: str) -> str:
    """Return an outcome, or how a datapoint died: `dead: application`."""
    return label(name) if name in OUTCOMES else f"dead: {label(name)}"


def of_runs(runs: pd.DataFrame) -> Table:
    """Return every run in the order of time, with its ledger."""
    rows = runs.sort_values("started_at").to_dict("records")
    cells: dict[str, Callable[[dict[str, Any]], str]] = {
        "run": lambda row: row["run_id"].removeprefix(f"{row['experiment_id']}-"),
        "began, UTC": lambda row: moment(row["started_at"]),
        "runs": lambda row: (
            f"{row['temperature']}, resumed" if row["resumed"] is True else row["temperature"]
        ),
        "until stored, s": lambda row: number(row["makespan_s"]),
        "submitted": lambda row: count(row["submitted"]),
    }
    cells |= {label(name): _counted(name) for name in OUTCOMES}
    caption = "Every run in the order of time, and where its datapoints ended"
    table = of_rows("runs", "ledger", caption, rows, cells, texts=("run", "began, UTC", "runs"))
    return marked(table, "run", "began, UTC", whole=True)


def _counted(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: count(row[name])


def _cost(rows: Rows) -> Table:
    return of_rows("cost", "cost", "Lines of the bill, for a million datapoints", rows, {
        "what": lambda row: f"{row['service']} {row['what']}".rstrip(),
        "arm": lambda row: label(row["arm"]),
        "quantity": lambda row: number(row["quantity_metered"]),
        "USD predicted": lambda row: number(row["usd_predicted"]),
        "USD metered": lambda row: number(row["usd_metered"]),
        "of it retries": lambda row: number(row["retries_usd"]),
        "of it dead letters": lambda row: number(row["dead_letters_usd"]),
    }, texts=("what", "arm"))  # fmt: skip


def _measured(name: str, summary: dict[str, Any]) -> Table:
    """Return a row per arm and a column per measure, with its interval in parentheses."""
    section, caption, bases = GROUPS[name]
    arms = sorted(dict.fromkeys(row["arm"] for row in summary["ledger"]), key=lambda arm: arm != HEADLINE)
    rows, notes = [], []
    for prefix, arm_name in _prefixes(arms):
        measures = [summary["measures"].get(f"{prefix}{base}") for base in bases]
        if known := [measure for measure in measures if measure and measure["n"]]:
            largest = max(known, key=lambda measure: measure["n"])
            cells = (
                _cell(measure, _ms if column.endswith(MS) else number)
                for measure, column in zip(measures, bases.values(), strict=True)
            )
            rows.append((arm_name, *cells, counted(largest["n"], largest["of"])))
            notes += [_note(measure) for measure in known]
    caption = f"{caption}, {summary['confidence'] * 100:g} % intervals in parentheses"
    return plain(name, section, caption, ("arm", *bases.values(), "n"), rows, notes)


def _note(measure: dict[str, Any]) -> str:
    """Return a measure's note; that of a share names its interval's method."""
    note = str(measure["note"])
    return f"intervals: {note}" if note and measure["unit"] == "share" else note


def _inits(summary: dict[str, Any]) -> Table:
    measures = {name: summary["measures"].get(f"{name}_init_s") for name in FUNCTIONS}
    known = {name: measure for name, measure in measures.items() if measure and measure["n"]}
    rows = [(label(name), _cell(measure, _ms), f"{measure['n']:,}") for name, measure in known.items()]
    caption = "How long an init is, before the handler's own time"
    columns = ("function", "median, ms", "cold starts")
    return plain("inits", "cold", caption, columns, rows, [measure["note"] for measure in known.values()])


def _ms(value_s: float | None) -> str:
    """Return seconds as milliseconds, without a unit."""
    return number(None if value_s is None else value_s * 1000)


def _cell(measure: dict[str, Any] | None, as_number: Callable[[float | None], str] = number) -> str:
    """Return value and interval; a share in per cent, else in the unit that the column names."""
    if measure is None or measure["value"] is None:
        return NONE
    as_text = percent if measure["unit"] == "share" else as_number
    ends = between(measure["low"], measure["high"], as_text)
    return as_text(measure["value"]) + ("" if ends == NONE else f" ({ends})")


def _prefixes(arms: list[str]) -> list[tuple[str, str]]:
    """Return the prefixes of measures' names in `measures.summary`, each with its arm."""
    warm = [("" if not place else f"{arm}_", label(arm)) for place, arm in enumerate(arms)]
    return [*warm, *((f"cold_{prefix}", f"{arm}, cold") for prefix, arm in warm)]
