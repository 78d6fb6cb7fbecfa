"""What a report says: headline, warnings, figures, tables and commands, of one experiment or run.

Numbers are those of `summary.json`. Figures are drawn of the runs; where git keeps only an
experiment's tables, they are the PNGs beside them.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from lambdist_lib import analysis
from lambdist_lib.formatting import between, count, label, moment, number
from lambdist_lib.measures import ledger
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.report import failures, reproduce, table_model
from lambdist_lib.report import source as report_source
from lambdist_lib.report import tables as report_tables
from lambdist_lib.report.source import COUNTS, Source
from lambdist_lib.report.table_model import Table
from lambdist_lib.results import schema
from lambdist_lib.results import tables as results_tables
from lambdist_lib.runs import external_api

OF_URL = ("submitted", "accepted", "rejected", "unsent", "unknown")
SECTIONS = {
    "speedup": "How much faster",
    "times": "Where the time goes",
    "cold": "Cold starts",
    "failures": "Failures",
    "cost": "What it would cost on AWS",
    "plan": "What it would take on AWS",
    "further": "Further figures",
    "ledger": "Is every datapoint accounted for?",
}
FIGURES_OF = {  # others are further ones
    "speedup": ("speedup", "speedup_by_level", "scaling", "residuals"),
    "times": ("timeline", "latency", "concurrency"),
    "cold": ("cold_shares", "cold_starts", "handlers", "environments"),
    "failures": ("theory", "dead_letters", "receives"),
    "cost": ("costs",),
    "plan": ("sizes", "over_time", "over_time_largest", "front", "held_out", "validation"),
}
NO_CONDITION = {*COUNTS, *OF_URL, "state", "folder", "experiment_id", "run_id", "pair", "looks", "stopped",
                "started_at", "makespan_s", "enqueued_s", "seen_s", "url", "plan"}  # fmt: skip


class Picture(NamedTuple):
    """A figure: its PNG as base64, its size in pixels."""

    name: str
    title: str
    alt: str
    stamp: str
    base64: str
    width: int
    height: int


class Section(NamedTuple):
    id: str
    title: str
    pictures: list[Picture]
    tables: list[Table]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """began: when its first run did, UTC. meaningful: which of its numbers mean something on this target.
    lead: the figure that goes with the headline."""

    name: str
    headline: str
    target: str
    warnings: list[str]
    conditions: list[Table]
    commands: list[str]
    sections: list[Section]
    meaningful: str = ""
    began: str = ""
    lead: Picture | None = None


def page(source: Source) -> Page:
    """Everything that the report of it shows.

    Raises:
        RunError: A table of it is missing or damaged; a ledger that is open is a warning.
    """
    if source.runs and not source.collected():
        return _bare(source, "No run has ended yet, so nothing is measured.", [])
    if any(facts["arm"] == external_api.ARM for facts in source.runs.values()):
        return _of_url(source)
    summary, runs = report_source.summary(source), report_source.runs(source)
    pictures = _pictures(source, summary)
    return Page(
        name=source.home.name,
        headline=_headline(summary, runs),
        target=summary["target"],
        meaningful=summary["meaningful"],
        began=moment(runs["started_at"].min()),
        warnings=report_source.warnings(source, summary["target"]),
        lead=pictures[0] if pictures else None,
        sections=_sections(
            pictures[1:],
            [*report_tables.tables(summary, runs), failures.table(source.collected())],
            {"cost": summary.get("cost", "")},
        ),
        conditions=_conditions(source),
        commands=_commands(source, runs),
    )


def _of_url(source: Source) -> Page:
    """Of a run through an API that is not ours: it closes at accepted, and that is all that is known."""
    [(home, facts)] = source.runs.items()
    counts = {name: f"{facts[name]:,}" for name in OF_URL}
    ends = ", ".join(f"{counts[name]} {name}" for name in OF_URL[1:] if facts[name])
    took = f"the last answer came after {number(facts['makespan_s'])} s"
    receipts = results_tables.load(home, "receipts")
    answered = quantiles(receipts["answered_at"].astype(float) - receipts["intended_at"].astype(float))
    rows = [
        (f"{one.p * 100:g} %", number(one.value), between(one.low, one.high), count(one.n))
        for one in answered
    ]
    times = table_model.plain(
        "answers",
        "times",
        "From the intended send to the last answer",
        ("of the datapoints within", "s", "95 % interval", "n"),
        rows,
        [one.note for one in answered],
    )
    ended = table_model.keyed("counts", "ledger", "Where the datapoints ended, to the client", counts)
    headline = f"{facts['target']}: of {counts['submitted']} datapoints {ends}; {took}."
    return _bare(source, headline, [times, failures.table([home]), ended])


def _bare(source: Source, headline: str, tables: list[Table]) -> Page:
    """A page without measures and figures."""
    return Page(
        name=source.home.name,
        headline=headline,
        target=source.facts[0]["target"],
        warnings=report_source.warnings(source),
        sections=_sections([], tables),
        conditions=_conditions(source),
        commands=_commands(source, pd.DataFrame(columns=list(schema.RUNS))),
    )


def _sections(
    pictures: list[Picture], tables: list[Table], words: Mapping[str, str] = MappingProxyType({})
) -> list[Section]:
    """Those that have something in them."""
    made = [
        Section(
            id,
            title,
            [one for one in pictures if _section_of(one) == id],
            [table for table in tables if table.section == id and table.rows],
            words.get(id, ""),
        )
        for id, title in SECTIONS.items()
    ]
    return [one for one in made if one.pictures or one.tables]


def _section_of(picture: Picture) -> str:
    return next((id for id, names in FIGURES_OF.items() if picture.name in names), "further")


def _pictures(source: Source, summary: dict[str, Any]) -> list[Picture]:
    """Drawn of the runs, and those that the folder has besides; all of the folder's where no run is left."""
    from lambdist_lib.figures import alternatives, catalogue

    drawn = {path.stem: path.read_bytes() for path in source.home.glob("*.png")}
    if source.runs:
        of = analysis.tables(source.home)
        accepted = ledger.mark_incomplete(of.runs, ledger.count(of.records))
        rows = summary["tables"].get("cost", [])
        options = {"target": summary["target"], "costs": pd.DataFrame(rows)}
        drawn |= catalogue.draw(accepted, of.records, of.invocations, **options)
    made = []
    for name in catalogue.in_order(drawn):
        image, width, height = catalogue.packed(drawn[name])
        told = alternatives.of(name, summary)
        made.append(Picture(name, *told, base64.b64encode(image).decode(), width, height))
    return made


def _headline(summary: dict[str, Any], runs: pd.DataFrame) -> str:
    """The finding; where nothing was compared, how many were stored in what time."""
    if summary["finding"] and not summary["finding"].startswith("not measured"):
        return str(summary["finding"])
    counted = {name: int(runs[name].sum()) for name in COUNTS}
    first = runs.iloc[0]
    how = f"{len(runs)} runs" if len(runs) > 1 else f"{label(first['arm'])}, {number(first['makespan_s'])} s"
    ends = ", ".join(f"{counted[name]:,} {label(name)}" for name in COUNTS[1:] if counted[name])
    return f"{summary['target']}: of {counted['submitted']:,} datapoints {ends or 'none'} ({how})."


def _conditions(source: Source) -> list[Table]:
    several = len(source.facts) > 1
    return [
        table_model.keyed(
            f"conditions-{place}",
            "conditions",
            f"Conditions of {facts['run_id']}" if several else "What was held, where the runs do not differ",
            {name: value for name, value in facts.items() if name not in NO_CONDITION},
        )
        for place, facts in enumerate(source.facts)
    ]


def _commands(source: Source, runs: pd.DataFrame) -> list[str]:
    lines = [line for facts in source.facts for line in reproduce.commands(source.home, facts, runs)]
    return list(dict.fromkeys(lines))
