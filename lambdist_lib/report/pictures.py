"""Draw a report's figures from the runs; a folder without runs, as git keeps them, has PNGs instead."""

import base64
from typing import Any, NamedTuple

import pandas as pd

from lambdist_lib.analysis import load_results
from lambdist_lib.report import verdict
from lambdist_lib.report.source import Source


class Picture(NamedTuple):
    """A figure of a page: two SVG elements, or a PNG as base64 with its size in pixels.

    section: a key of `page.SECTIONS`. wide, narrow: `<svg>` elements, "" for a PNG.
    """

    name: str
    title: str
    section: str
    target_label: str
    alt: str
    wide: str = ""
    narrow: str = ""
    base64: str = ""
    width: int = 0
    height: int = 0


def pictures(source: Source, summary: dict[str, Any]) -> list[Picture]:
    """Return the figures of a report in the catalogue's order, each with its alt text."""
    from lambdist_lib.figures import catalogue, inputs, theme

    images = {path.stem: path for path in source.folder.glob("*.png")}
    drawings: dict[str, catalogue.PageDrawing] = {}
    if source.runs:
        results = load_results(source.folder, allow_incomplete=True)
        drawings = catalogue.draw_all(
            inputs.FigureInputs(
                runs=results.runs,
                records=results.records,
                invocations=results.invocations,
                costs=lambda: pd.DataFrame(summary["tables"].get("cost", [])),
                target_label=summary["target"],
                outlook=lambda: pd.DataFrame(verdict.rows(summary, "outlook")),
                ways=lambda: pd.DataFrame(verdict.rows(summary, "ways")),
                arm_map=lambda: pd.DataFrame(verdict.rows(summary, "arm_map")),
            ),
            lambda name: catalogue.describe(name, summary)[1],
        )
    result = []
    for name in catalogue.in_order({*images, *drawings}):
        figure, (target_label, alt) = catalogue.find(name), catalogue.describe(name, summary)
        picture = Picture(name, figure.title, figure.section, target_label, alt)
        if drawing := drawings.get(name):
            result.append(picture._replace(wide=drawing.wide, narrow=drawing.narrow))
        else:
            image, width, height = theme.compress(images[name].read_bytes())
            encoded = base64.b64encode(image).decode()
            result.append(picture._replace(base64=encoded, width=width, height=height))
    return result


def stylesheet() -> str:
    """Return the CSS of the figures' colours."""
    from lambdist_lib.figures import svg

    return svg.stylesheet()
