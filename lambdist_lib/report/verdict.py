"""Take the verdict out of a summary: a few numbers in words, for the head of a page."""

from typing import Any, NamedTuple

from lambdist_lib.formatting import compared, faster, is_known, label, number, spaced
from lambdist_lib.measures.summary_sections import HEADLINE
from lambdist_lib.planner.outlook import CONTROL


class Card(NamedTuple):
    """A number of the verdict in large: what it is, the number in words, its interval or its comparison."""

    title: str
    text: str
    detail: str


def rows(summary: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a table of a summary; empty where the summary has a reason instead of rows."""
    table = summary["tables"].get(name)
    return table if isinstance(table, list) else []


def cards(summary: dict[str, Any]) -> tuple[Card, ...]:
    """Return the verdict on the fan-out against the control: measured here, and predicted on AWS.

    Of several ways: the fastest and the cheapest. Empty where nothing was compared, as in a sweep.
    """
    if ways := rows(summary, "ways"):
        return _cards_of_ways(ways)
    against = f"{label(HEADLINE)} against {label(CONTROL)}"
    measured = [row for row in rows(summary, "speedup") if row["control"] == CONTROL]
    if not measured or not is_known(measured[0]["ratio"]):
        return ()
    text, _, interval = compared(*(measured[0][name] for name in ("ratio", "low", "high"))).partition(" (")
    percent = f"{summary.get('confidence', 0.95) * 100:g} % interval"
    detail = f"{against}, {percent} {interval.removesuffix(')')}" if interval else against
    arms = {row["arm"]: row.get("predicted_s") for row in rows(summary, "outlook")}
    fan_out_s, control_s = arms.get(HEADLINE), arms.get(CONTROL)
    result = [Card("Measured here", text, detail)]
    if fan_out_s and control_s:
        times = f"{number(fan_out_s)} s against {number(control_s)} s"
        result.append(Card("Predicted on AWS", faster(control_s / fan_out_s), f"{against}: {times}"))
    return tuple(result)


def _cards_of_ways(ways: list[dict[str, Any]]) -> tuple[Card, ...]:
    """Return the fastest and the cheapest way: measured here, and predicted on AWS."""
    result = []
    for title, key, unit in (
        ("Fastest here", "median_s", "s"),
        ("Fastest on AWS, predicted", "predicted_s", "s"),
        ("Cheapest on AWS, predicted", "usd_per_million", "USD for a million datapoints"),
    ):
        ranked = sorted((row for row in ways if is_known(row.get(key))), key=lambda row: row[key])
        if ranked:
            best, *others = ranked
            second = f", then {label(others[0]['arm'])}, {number(others[0][key])}" if others else ""
            result.append(Card(title, label(best["arm"]), f"{number(best[key])} {unit}{second}"))
    return tuple(result)


def sentences(summary: dict[str, Any]) -> str:
    """Return the verdict in one or two sentences; or the finding if it has no cards."""
    texts = [f"{card.title}: **{card.text}** ({card.detail})." for card in cards(summary)]
    return " ".join(texts) or spaced(summary["finding"])
