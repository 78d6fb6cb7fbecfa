"""Lay out a summary for a terminal of 80 columns: the verdict first, then tables, then the finding.

The report has every table with its intervals; here are the numbers that answer the usual questions.
"""

import shlex
from typing import Any

import pandas as pd

from lambdist_lib.cli.screen import Blocks
from lambdist_lib.formatting import NONE, compared, count, is_known, label, number, shortened
from lambdist_lib.measures.summary_sections import CONTROL, HEADLINE
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.report import sentences, verdict
from lambdist_lib.report.table_model import Table, marked, plain

PERCENTILES = {"p50": "median", "p90": "90 %", "p99": "99 %"}
LATENCIES = {"end_to_end": "stored", "answer": "answered"}
MESSAGE_MAX_CHARS = 100


def analysis(summary: dict[str, Any], runs: pd.DataFrame, where: str) -> Blocks:
    """Return the verdict, the ledger, latencies, deaths, costs, and the finding in full.

    Args:
        summary: As `outlook.summarise` returns it. runs: Columns of `schema.RUNS`.
        where: The experiment or the run as the next command has to name it.
    """
    tables = (
        _arms(summary),
        _levels(summary),
        ledger(runs),
        _latency(summary),
        _causes(summary),
        _cost(summary),
    )
    return [
        *_verdict(summary),
        f"Is every datapoint accounted for? {sentences.accounted(runs)}",
        *(table for table in tables if table.rows),
        *_finding(str(summary["finding"])),
        f"`lambdist report {shlex.quote(where)}` writes every table and figure as one page; "
        "--json prints every measure",
    ]


def _finding(text: str) -> list[str]:
    """Return the finding; of one run, or of one arm, why it has no speedup."""
    if not text:
        return []
    why = text.removeprefix("not measured: ")
    return sentences.parts(f"Finding: {text}") if why == text else [f"No speedup, as there is {why}"]


def _verdict(summary: dict[str, Any]) -> list[str]:
    cards = verdict.cards(summary)
    return [f"{card.title}: {card.text} ({card.detail})" for card in cards]


def ledger(runs: pd.DataFrame) -> Table:
    """Return where the datapoints of each arm ended, all its runs together."""
    ends = [name for name in OUTCOMES if name in ("stored", "dead") or runs[name].sum()]
    rows = [
        (label(str(arm)), count(len(of_arm)), *(count(of_arm[name].sum()) for name in ("submitted", *ends)))
        for arm, of_arm in sorted(runs.groupby("arm", sort=False), key=lambda group: arm_place(str(group[0])))
    ]
    columns = ("arm", "runs", "submitted", *map(label, ends))
    return plain("ledger", "ledger", "Where the datapoints ended", columns, rows)


def _arms(summary: dict[str, Any]) -> Table:
    """Return each arm's time here, against the control, and on AWS."""
    rows = [
        (
            label(row["arm"]),
            number(row["measured_s"]),
            compared(row["ratio"], row["low"], row["high"]),
            number(row.get("predicted_s")),
        )
        for row in verdict.rows(summary, "outlook")
    ]
    against = {str(row["against"]) for row in verdict.rows(summary, "outlook") if row.get("against")}
    columns = ("arm", "here, s", f"against {label(min(against, default=CONTROL))} here", "on AWS, s")
    table = plain("arms", "speedup", "Until the last datapoint is stored; on AWS as predicted", columns, rows)
    return marked(table, columns[2], numeric=False)


def _levels(summary: dict[str, Any]) -> Table:
    rows = [
        (
            str(row["level"]),
            compared(row["ratio"], row["low"], row["high"]),
            number(row["arm_s"]),
            number(row["control_s"]),
            count(row["pairs"]),
        )
        for row in verdict.rows(summary, "by_level")
    ]
    columns = ("level", f"{HEADLINE} is", f"{HEADLINE}, s", "single node, s", "pairs")
    return marked(plain("levels", "speedup", "At each level", columns, rows), columns[1], numeric=False)


def _latency(summary: dict[str, Any]) -> Table:
    arms = sorted(dict.fromkeys(row["arm"] for row in summary["ledger"]), key=arm_place)
    warm = [("" if not place else f"{arm}_", label(arm)) for place, arm in enumerate(arms)]
    rows = []
    for prefix, name in [*warm, *((f"cold_{prefix}", f"{arm}, cold") for prefix, arm in warm)]:
        cells = [
            _ms(summary["measures"].get(f"{prefix}{latency}_{percentile}_s"))
            for latency in LATENCIES
            for percentile in PERCENTILES
        ]
        if set(cells) != {NONE}:
            rows.append((name, *cells))
    columns = [f"{event}, {PERCENTILES['p50']}" for event in LATENCIES.values()]
    tails = (PERCENTILES["p90"], PERCENTILES["p99"])
    caption = "Latency of a datapoint in ms: intended send until stored, and until answered"
    return plain("latency", "times", caption, ("arm", columns[0], *tails, columns[1], *tails), rows)


def _ms(measure: dict[str, Any] | None) -> str:
    return number(measure["value"] * 1000) if measure and is_known(measure["value"]) else NONE


def _causes(summary: dict[str, Any]) -> Table:
    rows = [
        (
            label(row["arm"]),
            count(row["dead"]),
            row["cause"],
            shortened(sentences.message(row), MESSAGE_MAX_CHARS),
        )
        for row in sorted(verdict.rows(summary, "dead_by_cause"), key=lambda row: arm_place(row["arm"]))
    ]
    columns = ("arm", "dead", "cause", "first message")
    return marked(
        plain("causes", "failures", "Why datapoints died", columns, rows), *columns[2:], numeric=False
    )


def arm_place(arm: str) -> int:
    """Return the place of an arm in every table: its place in ARMS; unknown ones come last."""
    return [*ARMS, arm].index(arm)


def _cost(summary: dict[str, Any]) -> Table:
    """Return what a million datapoints cost by service and arm, metered, and predicted in total."""
    lines = pd.DataFrame(verdict.rows(summary, "cost"))
    if lines.empty:
        return plain("cost", "cost", "", (), [])
    arms = sorted(dict.fromkeys(lines["arm"]), key=arm_place)
    totals, parts = lines[lines["service"] == "all"], lines[lines["service"] != "all"]
    by_service = parts.groupby("service", sort=False)
    rows = [(str(service), *_usd(of_service, arms, "usd_metered")) for service, of_service in by_service]
    rows.append(("all, metered", *_usd(totals, arms, "usd_metered")))
    rows.append(("all, predicted", *_usd(totals, arms, "usd_predicted")))
    caption = "USD for a million datapoints at AWS's prices, metered in these runs"
    return plain("cost", "cost", caption, ("service", *map(label, arms)), rows)


def _usd(lines: pd.DataFrame, arms: list[str], name: str) -> list[str]:
    of_arms = [lines.loc[lines["arm"] == arm, name] for arm in arms]
    return [number(float(amounts.sum())) if amounts.notna().any() else NONE for amounts in of_arms]
