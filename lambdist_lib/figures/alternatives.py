"""What a figure shows, in words computed from its numbers: for readers who cannot see it.

alternatives.of("speedup", summary)     the title of a figure, and its alternative text
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lambdist_lib.formatting import counted, label

Rows = list[dict[str, Any]]
Summary = dict[str, Any]


class Words(NamedTuple):
    """title: a caption. shows: what is drawn. numbers: of a summary, "" where it has none of them.
    stamp: what stands for the target, with {target} in it."""

    title: str
    shows: str
    numbers: Callable[[Summary], str]
    stamp: str = "{target}"


class Told(NamedTuple):
    """A figure's caption, its alternative text, and the stamp that goes with it."""

    title: str
    alt: str
    stamp: str


def of(name: str, summary: Summary) -> Told:
    """What is said of the figure of that name.

    Args:
        summary: What `analysing.summarise` returns. A figure that is not known here, or of which the
            summary has no numbers, is told by the summary's finding, which is computed too.
    """
    words = FIGURES.get(name) or Words(name.replace("_", " ").capitalize(), "", _only_finding)
    numbers = words.numbers(summary) or summary["finding"] or "No finding was written"
    stamp = words.stamp.format(target=summary["target"])
    return Told(words.title, f"{words.shows} {numbers.removesuffix('.')}. Target: {stamp}.".lstrip(), stamp)


def _speedup(summary: Summary) -> str:
    return "; ".join(
        f"{row['time']}, distributed took {_s(row['arm_s'])} and {label(row['control'])} "
        f"{_s(row['control_s'])}: {row['ratio']:.3g} times as fast{_interval(row)}, "
        f"{counted(row['pairs'], 'pairs')}"
        for row in _rows(summary, "speedup")
    )


def _by_level(summary: Summary) -> str:
    return "; ".join(
        f"at {row['level']:g}, {row['ratio']:.3g} times{_interval(row)}" for row in _rows(summary, "by_level")
    )


def _scaling(summary: Summary) -> str:
    rows = _rows(summary, "by_level")
    times = ", ".join(f"{_s(row['arm_s'])} at {row['level']:g}" for row in rows)
    laws = ", ".join(dict.fromkeys(row["law"] for row in _accepted(summary))) or "none"
    return f"{times}; accepted laws: {laws}" if times else ""


def _residuals(summary: Summary) -> str:
    missed = dict.fromkeys(f"{row['law']} by {row['spread'] * 100:.2g} %" for row in _accepted(summary))
    return f"Typical miss: {', '.join(missed)}" if missed else ""


def _timeline(summary: Summary) -> str:
    told = []
    for arm, rows in _by(_rows(summary, "stages"), "arm").items():
        known = [row for row in rows if row["share"] and row["stage"] != "end_to_end"]
        longest = sorted(known, key=lambda row: row["share"], reverse=True)[:3]
        parts = ", ".join(f"{label(row['stage'])} {row['share'] * 100:.2g} %" for row in longest)
        told += [f"{label(arm)}: {parts}"] if parts else []
    return f"Over all runs most of the time went to, {'; '.join(told)}" if told else ""


def _latency(summary: Summary) -> str:
    told, ending = [], "end_to_end_p50_s"
    for name in [one for one in summary["measures"] if one.endswith(ending)]:
        half, most = _value(summary, name), _value(summary, name.replace("p50", "p90"))
        whose = label(name.removesuffix(ending).rstrip("_"))
        whose = {"": "fan-out or only arm", "cold": "the same, cold"}.get(whose, whose)
        tail = "" if most is None else f", nine in ten within {_s(most)}"
        told += [] if half is None else [f"{whose}: half within {_s(half)}{tail}"]
    return "; ".join(told)


def _concurrency(summary: Summary) -> str:
    peak, used = _value(summary, "concurrency_peak"), _value(summary, "concurrency_environments")
    return f"Medians over runs: {peak:g} at once at most, {used:g} environments" if peak and used else ""


def _inits(summary: Summary) -> str:
    functions = ("collector", "processor", "dead_letter", "single_node")
    found = {name: summary["measures"].get(f"{name}_init_s") for name in functions}
    told = [
        f"{label(name)} {_s(one['value'])} (n = {one['n']:,})"
        for name, one in found.items()
        if one and one["value"]
    ]
    return f"Median init: {', '.join(told)}" if told else "No cold start was seen"


def _cold(summary: Summary) -> str:
    told = []
    for temperature, rows in _by(_rows(summary, "cold_starts"), "temperature").items():
        cold, invocations = sum(row["cold"] for row in rows), sum(row["invocations"] for row in rows)
        told.append(f"{cold:,} of {invocations:,} invocations of {temperature} runs were a cold start")
    return "; ".join(told)


def _dead_letters(summary: Summary) -> str:
    causes = "".join(
        f"; {row['dead']:,} of {row['cause']} ({label(row['arm'])})"
        for row in _rows(summary, "dead_by_cause")
    )
    submitted, dead = (_value(summary, name) or 0 for name in ("submitted", "dead"))
    return f"Of {submitted:,.0f} datapoints {dead:,.0f} are dead{causes}"


def _receives(summary: Summary) -> str:
    return "; ".join(
        f"{row['datapoints']:,} {row['outcome']} at receive {row['receives']} ({label(row['arm'])})"
        for row in _rows(summary, "receives")
    )


def _costs(summary: Summary) -> str:
    return str(summary.get("cost", ""))


def _only_finding(summary: Summary) -> str:
    return ""


PREDICTED = "predicted for AWS, calibrated on {target}"


FIGURES = {
    "speedup": Words(
        "Every pair of runs, and how much faster",
        "A point for each run on the left, the median ratio of the pairs on the right:",
        _speedup,
    ),
    "speedup_by_level": Words(
        "How much faster at each level", "Speedup of distributed over single node at each level:", _by_level
    ),
    "scaling": Words(
        "The time at each level, and the law it follows",
        "Median time of distributed at each level, with the best accepted law:",
        _scaling,
    ),
    "residuals": Words("What the law misses", "By how much the times miss a law at each level.", _residuals),
    "timeline": Words(
        "Every datapoint on its way", "A bar for each datapoint of one run, cut into its stages.", _timeline
    ),
    "latency": Words(
        "How long a datapoint takes", "The share of datapoints stored by a time, a curve per arm:", _latency
    ),
    "concurrency": Words(
        "What ran at once", "Executions at once during one run, and environments used by then.", _concurrency
    ),
    "cold_starts": Words(
        "Cold starts and handlers",
        "A point for each invocation: the init of a cold start, its handler, and warm handlers.",
        _inits,
    ),
    "cold_shares": Words(
        "Who waits on a cold start",
        "The share of cold invocations and of datapoints that waited, at each level.",
        _only_finding,
    ),
    "handlers": Words(
        "Handlers, cold and warm", "The median duration of each function's handler, at each level.", _inits
    ),
    "environments": Words(
        "When environments were made", "Environments used so far in one run, and bursts of new ones.", _cold
    ),
    "dead_letters": Words(
        "How the datapoints ended", "A bar for each way in which datapoints ended.", _dead_letters
    ),
    "theory": Words(
        "Dead letters against theory",
        "The share that died at each probability of failure, beside what the law of retries expects.",
        _only_finding,
    ),
    "receives": Words(
        "Receives until a datapoint ended", "Datapoints by the receive at which they ended:", _receives
    ),
    "costs": Words(
        "What a million datapoints would cost",
        "Two bars per arm, predicted and metered, of the services:",
        _costs,
        "AWS's prices, {target}",
    ),
    "sizes": Words(
        "Time and cost by size",
        "The time and cost at each number of datapoints, and what binds.",
        _only_finding,
        PREDICTED,
    ),
    "over_time": Words(
        "Backlog and concurrency to come",
        "Datapoints waiting and batches at once over time, by both models.",
        _only_finding,
        PREDICTED,
    ),
    "over_time_largest": Words(
        "The same, of the largest size",
        "Datapoints waiting and batches at once over time, and what binds when.",
        _only_finding,
        PREDICTED,
    ),
    "front": Words(
        "Time against cost of the settings",
        "A point for each setting; none beats those on the front in both.",
        _only_finding,
        PREDICTED,
    ),
    "held_out": Words(
        "Runs held out from the calibration",
        "What each run predicts of the others, beside their median.",
        _only_finding,
    ),
    "validation": Words(
        "The planner beside what was published and beside theory",
        "The error of each row, within what it is held to.",
        _only_finding,
        "AWS, published; theory",
    ),
}  # fmt: skip


def _rows(summary: Summary, name: str) -> Rows:
    rows = summary["tables"].get(name)
    return rows if isinstance(rows, list) else []


def _accepted(summary: Summary) -> Rows:
    return [row for row in _rows(summary, "laws") if row["verdict"] == "accepted"]


def _by(rows: Rows, key: str) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _value(summary: Summary, name: str) -> float | None:
    measure = summary["measures"].get(name)
    return measure["value"] if measure else None


def _interval(row: dict[str, Any]) -> str:
    none = row["low"] is None or row["high"] is None
    return "" if none else f" (interval {row['low']:.3g} to {row['high']:.3g})"


def _s(seconds: float | None) -> str:
    return "an unknown time" if seconds is None else f"{seconds:.3g} s"
