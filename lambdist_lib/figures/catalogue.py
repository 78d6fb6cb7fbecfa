"""List every figure once: its name, caption, section, drawing and alt text, in the order of a page.

catalogue.draw("speedup", inputs)       a figure, or None where the runs do not have what it shows
catalogue.draw_all(inputs)              every figure that the runs allow, for an HTML page

To add a figure, write its plot, `draw_*` and `describe_*` functions in one module and add one entry here:
the report, the gallery and the notebooks read this list.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure as Canvas

from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.figures import (
    arm_map,
    cold_starts,
    concurrency,
    cost,
    dead_letters,
    environments,
    latency,
    outlook,
    plan,
    scaling,
    speedup,
    svg,
    theme,
    timeline,
    ways,
)
from lambdist_lib.figures.alt_text import Summary, compose
from lambdist_lib.figures.inputs import FigureInputs

PREDICTED = "predicted for AWS, calibrated on {target}"


@dataclass(frozen=True, slots=True)
class Figure:
    """Describe one figure.

    name: of its file, and for `figures.show`. title: the caption. section: of the report, a key of
    `report.page.SECTIONS`. draw: returns a matplotlib figure, or None where the inputs do not have what it
    shows. alt_text: describes the figure from a summary's numbers. target_label: where the numbers hold.
    """

    name: str
    title: str
    section: str
    draw: Callable[..., Canvas | None]
    alt_text: Callable[[Summary], str]
    target_label: str = "{target}"


FIGURES = (  # the figure that answers the experiment's question comes first
    Figure("sizes", "Time and cost by size", "plan", plan.draw_by_size, plan.describe_by_size, PREDICTED),
    Figure("arm_map", "Which way wins, by datapoints and work", "plan",
           arm_map.draw_map, arm_map.describe_map, PREDICTED),
    Figure("speedup", "Every pair of runs, and how much faster", "speedup",
           speedup.draw_speedup, speedup.describe_speedup),
    Figure("outlook", "Measured here, and predicted on AWS", "speedup",
           outlook.draw_outlook, outlook.describe_outlook, "{target}; AWS, predicted"),
    Figure("ways", "Time against cost of each way", "plan", ways.draw_ways, ways.describe_ways, PREDICTED),
    Figure("cold_shares", "Who waits on a cold start", "cold",
           cold_starts.draw_shares, cold_starts.describe_shares),
    Figure("theory", "Dead letters against theory", "failures",
           dead_letters.draw_theory, dead_letters.describe_theory),
    Figure("speedup_by_level", "How much faster at each level", "speedup",
           speedup.draw_by_level, speedup.describe_by_level),
    Figure("scaling", "The time at each level, and the law it follows", "speedup",
           scaling.draw_scaling, scaling.describe_scaling),
    Figure("residuals", "What the law misses", "speedup",
           scaling.draw_residuals, scaling.describe_residuals),
    Figure("timeline", "Every datapoint on its way", "times",
           timeline.draw_timeline, timeline.describe_timeline),
    Figure("latency", "How long a datapoint takes", "times", latency.draw_latency, latency.describe_latency),
    Figure("concurrency", "What ran at once", "times",
           concurrency.draw_concurrency, concurrency.describe_concurrency),
    Figure("cold_starts", "Cold starts and handlers", "cold",
           cold_starts.draw_latency, cold_starts.describe_latency),
    Figure("handlers", "Handlers, cold and warm", "cold",
           cold_starts.draw_handlers, cold_starts.describe_handlers),
    Figure("environments", "When environments were made", "cold",
           environments.draw_environments, environments.describe_environments),
    Figure("dead_letters", "How the datapoints ended", "failures",
           dead_letters.draw_outcomes, dead_letters.describe_outcomes),
    Figure("receives", "Receives until a datapoint ended", "failures",
           dead_letters.draw_receives, dead_letters.describe_receives),
    Figure("costs", "What a million datapoints would cost", "cost",
           cost.draw_costs, cost.describe_costs, "AWS's prices, {target}"),
    Figure("over_time", "Predicted backlog and concurrency", "plan",
           plan.draw_over_time, plan.describe_over_time, PREDICTED),
    Figure("over_time_largest", "Predicted backlog and concurrency at the largest size", "plan",
           plan.draw_over_time, plan.describe_over_time_largest, PREDICTED),
    Figure("front", "Time against cost of the settings", "plan",
           plan.draw_front, plan.describe_front, PREDICTED),
    Figure("held_out", "Runs held out from the calibration", "plan",
           plan.draw_held_out, plan.describe_held_out),
    Figure("validation", "The planner beside published measurements and theory", "plan",
           plan.draw_validation, plan.describe_validation, "AWS, published; theory"),
)  # fmt: skip


def find(name: str) -> Figure:
    """Return a figure by name; a file that is not in the catalogue is described by the finding.

    A user may put further PNGs into an experiment's folder: the report shows them, too.
    """
    for figure in FIGURES:
        if figure.name == name:
            return figure
    title = name.replace("_", " ").capitalize()
    return Figure(name, title, "further", lambda inputs: None, lambda summary: compose("", "", summary))


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names as the catalogue has them; others come last, by name."""
    place = {figure.name: number for number, figure in enumerate(FIGURES)}
    return sorted(names, key=lambda name: (place.get(name, len(FIGURES)), name))


def describe(name: str, summary: Summary) -> tuple[str, str]:
    """Return a figure's target label and its alt text, both for this summary."""
    figure = find(name)
    target_label = figure.target_label.format(target=summary["target"])
    return target_label, f"{figure.alt_text(summary)}. Target: {target_label}."


class Drawing(NamedTuple):
    """Hold a figure as a PNG, with the titles of its axes: what is shown, how many and where."""

    png: bytes
    titles: str


class PageDrawing(NamedTuple):
    """Hold a figure as SVG elements: for a wide page, and with its panels stacked for a narrow one."""

    wide: str
    narrow: str

    def described(self, alt: str) -> "PageDrawing":
        """Return the drawing with an alt text."""
        return PageDrawing(*(svg.with_alt_text(element, alt) for element in self))


def draw(name: str, inputs: FigureInputs, **options: Any) -> Drawing | None:
    """Draw a figure as a PNG; None where the inputs do not have what it shows.

    Args:
        options: As the figure's `draw` function takes them.

    Raises:
        UsageError: The catalogue has no such figure.
        RunError: A measure refuses these runs, and says why.
    """
    if name not in (names := [figure.name for figure in FIGURES]):
        raise UsageError(f"unknown figure {name!r}; known: {', '.join(names)}")
    with matplotlib.rc_context():
        theme.apply_theme()
        canvas = find(name).draw(inputs, **options)
        if canvas is None:
            return None
        titles = "\n".join(ax.get_title("left") for ax in canvas.axes if ax.get_title("left"))
        return Drawing(theme.png(canvas), titles)


def draw_all(inputs: FigureInputs, figures: Iterable[Figure] | None = None) -> dict[str, PageDrawing]:
    """Draw the figures that the inputs allow for an HTML page, by name, in order.

    The drawings have no alt text yet; `svg.with_alt_text` puts it in.

    Args:
        figures: Of the catalogue; by default all.
    """
    drawings = {}
    with matplotlib.rc_context():
        theme.apply_theme()
        for figure in FIGURES if figures is None else figures:
            try:
                canvas = figure.draw(inputs)
            except RunError:  # a measure refuses these runs; their summary has the reason
                continue
            if canvas is None:
                continue
            place = FIGURES.index(figure)
            wide = svg.svg(canvas, f"w{place}-", "", kind="wide")
            theme.narrow(canvas)
            narrow = svg.svg(canvas, f"n{place}-", "", kind="narrow")
            drawings[figure.name] = PageDrawing(wide, narrow)
    return drawings
