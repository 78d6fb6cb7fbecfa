"""Show a figure of the catalogue in a notebook, and save it beside the runs."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd

from lambdist_lib.analysis import Results, load_results
from lambdist_lib.errors import RunError
from lambdist_lib.figures import catalogue
from lambdist_lib.figures.inputs import FigureInputs, read_tables
from lambdist_lib.formatting import label
from lambdist_lib.planner.outlook import aws_outlook, compares_ways
from lambdist_lib.planner.which_way import WhichWay, which_way
from lambdist_lib.results import files


def show(name: str, where: str | Path | Results, *, folder: Path | None = None, **options: Any) -> None:
    """Draw a figure, save it as `NAME.png` beside the runs, and display it.

    Outside a notebook nothing is displayed. Where the runs do not have what the figure shows, a line says so.

    Args:
        name: Of the catalogue, such as "timeline".
        where: A `Results`, or the id or folder of an experiment or a run.
        folder: Where to save the PNG; by default the folder of the results.
        options: As the figure's `draw_*` function takes them, such as `maximum_concurrency=10`.

    Raises:
        UsageError: The catalogue has no such figure.
    """
    results = load_results(where)
    try:
        drawing = catalogue.draw(name, inputs_of(results), **options)
    except RunError as error:
        print(f"no figure of {label(name)}: {error}")
        return
    if drawing is None:
        print(f"no figure of {label(name)}: these runs have nothing to show in it")
        return
    path = (folder or results.folder) / f"{name}.png"
    with files.writable(path, "run the same again"):
        path.write_bytes(drawing.png)
    _display(drawing)


def inputs_of(results: Results) -> FigureInputs:
    """Take what figures are drawn from out of a `Results`."""
    ways = functools.cache(lambda: _ways(results))
    return FigureInputs(
        **read_tables(results),
        costs=lambda: results.costs().table,
        target_label=results.target_label,
        outlook=lambda: aws_outlook(results).table,
        ways=lambda: way.table if (way := ways()) else pd.DataFrame(),
        arm_map=lambda: way.map if (way := ways()) else pd.DataFrame(),
    )


def _ways(results: Results) -> WhichWay | None:
    """Return the ways side by side, where an experiment ran several."""
    return which_way(results) if compares_ways(set(results.runs["arm"])) else None


def _display(drawing: catalogue.Drawing) -> None:
    """Display a PNG with its titles as alt text, where a notebook runs."""
    try:
        from IPython import display, get_ipython
    except ImportError:
        return
    if get_ipython() is not None:
        display.display(display.Image(drawing.png, alt=" ".join(drawing.titles.split())))
