"""Collect what a report shows of one experiment or run: verdict, ledger, figures, tables, commands.

Numbers come from `summary.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from lambdist_lib.formatting import between, count, label, moment, number, percent
from lambdist_lib.measures.intervals import quantiles
from lambdist_lib.report import failures, reproduce, sentences, table_model, verdict
from lambdist_lib.report import source as report_source
from lambdist_lib.report import tables as report_tables
from lambdist_lib.report.pictures import Picture, pictures
from lambdist_lib.report.second_process import SecondProcess
from lambdist_lib.report.source import COUNTS, Source
from lambdist_lib.report.table_model import Table
from lambdist_lib.results import schema
from lambdist_lib.results import tables as results_tables
from lambdist_lib.runs import external_api

EXTERNAL_COUNTS = ("submitted", "accepted", "rejected", "unsent", "unknown")
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
LEADING = ("outlook",)  # figures that stand below the verdict, beside the first one
NO_CONDITION = {*COUNTS, *EXTERNAL_COUNTS, "state", "folder", "experiment_id", "run_id", "pair", "looks",
                "stopped", "started_at", "makespan_s", "enqueued_s", "seen_s", "url", "plan"}  # fmt: skip


class Section(NamedTuple):
    id: str
    title: str
    pictures: list[Picture]
    tables: list[Table]
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the template shows.

    headline: the finding; paragraphs: its parts, and cards: its numbers in large. accounted: whether every
    datapoint has ended. began: when the first run did, UTC. meaningful: which numbers mean something on
    this target. lead, lead_table: the figures and the table below the verdict.
    """

    name: str
    headline: str
    target: str
    warnings: list[str]
    conditions: list[Table]
    commands: list[str]
    sections: list[Section]
    meaningful: str = ""
    began: str = ""
    accounted: str = ""
    conclusion: str = ""
    cards: tuple[verdict.Card, ...] = ()
    lead: tuple[Picture, ...] = ()
    lead_table: Table | None = None

    @property
    def paragraphs(self) -> list[str]:
        """The headline as paragraphs: what was measured here, and what is predicted on AWS."""
        measured = self.headline.removesuffix(self.conclusion).strip()
        return [text for text in (measured, self.conclusion) if text]


def build_page(source: Source, second: SecondProcess) -> Page:
    """Collect everything that the report shows.

    Args:
        second: Draws a share of the figures.

    Raises:
        RunError: A table is missing or damaged. An open ledger is a warning on the page, not an error.
    """
    if source.runs and not source.collected():
        return _page_without_measures(source, "No run has ended yet, so nothing is measured.", [])
    if any(facts["arm"] == external_api.ARM for facts in source.runs.values()):
        return _page_of_external_api(source)
    summary, runs = report_source.summary(source), report_source.runs(source)
    drawn = pictures(source, summary, second)
    leading = [picture for place, picture in enumerate(drawn) if not place or picture.name in LEADING]
    lead_table, *tables = [report_tables.outlook(verdict.rows(summary, "outlook")),
                           *report_tables.tables(summary, runs)]  # fmt: skip
    return Page(
        name=source.folder.name,
        headline=_headline(summary, runs),
        target=summary["target"],
        meaningful=summary["meaningful"],
        began=moment(runs["started_at"].min()),
        warnings=report_source.warnings(source, summary["target"]),
        accounted=sentences.accounted(runs),
        conclusion=summary.get("conclusion", ""),
        cards=verdict.cards(summary),
        lead=tuple(leading),
        lead_table=lead_table if lead_table.rows else None,
        sections=_sections(
            [picture for picture in drawn if picture not in leading],
            [*tables, failures.table(source.collected())],
            {
                "cost": [summary.get("cost", ""), sentences.unequal_costs(verdict.rows(summary, "cost"))],
                "failures": [sentences.on_purpose(runs)],
            },
        ),
        conditions=_conditions(source),
        commands=_commands(source, runs),
    )


def _page_of_external_api(source: Source) -> Page:
    """Report a run through an external API: the client knows what was accepted, and nothing beyond."""
    [(folder, facts)] = source.runs.items()
    counts = {name: f"{facts[name]:,}" for name in EXTERNAL_COUNTS}
    ends = ", ".join(f"{counts[name]} {name}" for name in EXTERNAL_COUNTS[1:] if facts[name])
    receipts = results_tables.load(folder, "receipts")
    answered = quantiles(receipts["answered_at"].astype(float) - receipts["intended_at"].astype(float))
    times = table_model.plain(
        "answers",
        "times",
        "From the intended send to the last answer",
        ("of the datapoints within", "s", "95 % interval", "n"),
        [
            (percent(quantile.p), number(quantile.value), between(quantile.low, quantile.high),
             count(quantile.n))
            for quantile in answered
        ],
        [quantile.note for quantile in answered],
    )  # fmt: skip
    ended = table_model.keyed("counts", "ledger", "Where the datapoints ended, to the client", counts)
    headline = (
        f"{facts['target']}: of {counts['submitted']} datapoints {ends}; "
        f"the last answer came after {number(facts['makespan_s'])} s."
    )
    return _page_without_measures(source, headline, [times, failures.table([folder]), ended])


def _page_without_measures(source: Source, headline: str, tables: list[Table]) -> Page:
    return Page(
        name=source.folder.name,
        headline=headline,
        target=source.facts[0]["target"],
        warnings=report_source.warnings(source),
        sections=_sections([], tables),
        conditions=_conditions(source),
        commands=_commands(source, pd.DataFrame(columns=list(schema.RUNS))),
    )


def _sections(
    figures: list[Picture], tables: list[Table], texts: Mapping[str, list[str]] = MappingProxyType({})
) -> list[Section]:
    """Return the sections that have a figure or a table."""
    sections = [
        Section(
            id,
            title,
            [picture for picture in figures if picture.section == id],
            [table for table in tables if table.section == id and table.rows],
            [f"{text[0].upper()}{text[1:].removesuffix('.')}." for text in texts.get(id, []) if text],
        )
        for id, title in SECTIONS.items()
    ]
    return [section for section in sections if section.pictures or section.tables]


def _headline(summary: dict[str, Any], runs: pd.DataFrame) -> str:
    """Return the finding; where nothing was compared, how many datapoints were stored in what time."""
    if summary["finding"] and not summary["finding"].startswith("not measured"):
        return str(summary["finding"])
    totals = {name: int(runs[name].sum()) for name in COUNTS}
    first = runs.iloc[0]
    extent = (
        f"{len(runs)} runs" if len(runs) > 1 else f"{label(first['arm'])}, {number(first['makespan_s'])} s"
    )
    ends = ", ".join(f"{totals[name]:,} {label(name)}" for name in COUNTS[1:] if totals[name])
    return f"{summary['target']}: of {totals['submitted']:,} datapoints {ends or 'none'} ({extent})."


def _conditions(source: Source) -> list[Table]:
    several = len(source.facts) > 1
    return [
        table_model.keyed(
            f"conditions-{place}",
            "conditions",
            f"Conditions of {facts['run_id']}" if several else "Conditions that all runs share",
            {name: value for name, value in facts.items() if name not in NO_CONDITION},
        )
        for place, facts in enumerate(source.facts)
    ]


def _commands(source: Source, runs: pd.DataFrame) -> list[str]:
    lines = [line for facts in source.facts for line in reproduce.commands(source.folder, facts, runs)]
    return list(dict.fromkeys(lines))
