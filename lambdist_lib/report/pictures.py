"""Draw a report's figures from the runs; a folder without runs, as git keeps them, has PNGs instead."""

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from lambdist_lib.analysis import load_results
from lambdist_lib.report import verdict
from lambdist_lib.report.second_process import SecondProcess, is_of_share
from lambdist_lib.report.source import Source

if TYPE_CHECKING:
    from lambdist_lib.figures import catalogue


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


def pictures(source: Source, summary: dict[str, Any], second: SecondProcess) -> list[Picture]:
    """Return the figures of a report in the catalogue's order, each with its alt text.

    Args:
        second: Draws a share of them.
    """
    from lambdist_lib.figures import catalogue, theme

    images = {path.stem: path for path in source.folder.glob("*.png")}
    drawings = _drawings(source, summary, second) if source.runs else {}
    result = []
    for name in catalogue.in_order({*images, *drawings}):
        figure, (target_label, alt) = catalogue.find(name), catalogue.describe(name, summary)
        picture = Picture(name, figure.title, figure.section, target_label, alt)
        if drawing := drawings.get(name):
            result.append(picture._replace(**drawing.described(alt)._asdict()))
        else:
            image, width, height = theme.compress(images[name].read_bytes())
            encoded = base64.b64encode(image).decode()
            result.append(picture._replace(base64=encoded, width=width, height=height))
    return result


def _drawings(
    source: Source, summary: dict[str, Any], second: SecondProcess
) -> "dict[str, catalogue.PageDrawing]":
    """Draw what the second process does not draw, then what it failed to draw."""
    from lambdist_lib.figures import catalogue, inputs

    results = load_results(source.folder, allow_incomplete=True)
    figure_inputs = inputs.FigureInputs(
        **inputs.read_tables(results),
        costs=lambda: pd.DataFrame(summary["tables"].get("cost", [])),
        target_label=summary["target"],
        outlook=lambda: pd.DataFrame(verdict.rows(summary, "outlook")),
        ways=lambda: pd.DataFrame(verdict.rows(summary, "ways")),
        arm_map=lambda: pd.DataFrame(verdict.rows(summary, "arm_map")),
    )
    own = [figure for figure in catalogue.FIGURES if not is_of_share(figure)]
    drawings = catalogue.draw_all(figure_inputs, own)
    share = second.share(summary["target"])
    left = [figure for figure in catalogue.FIGURES if is_of_share(figure) and figure.name not in share.names]
    return drawings | share.drawings | catalogue.draw_all(figure_inputs, left)


def stylesheet() -> str:
    """Return the CSS of the figures' colours."""
    from lambdist_lib.figures import svg

    return svg.stylesheet()
