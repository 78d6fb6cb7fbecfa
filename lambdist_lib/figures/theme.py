"""Define the look of all figures: colours, titles, files.

Colours are Okabe and Ito's with two of Tol's dark ones, which colour-blind readers can tell apart. Each
arm, outcome, stage and function keeps its colour in every figure. Nothing acts on import; every plot
function works without `apply_theme()`.
"""

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from lambdist_lib.formatting import unbroken
from lambdist_lib.protocol.arms import ARMS

ARM_COLOURS = (  # in the order of ARMS; the last are for arms to come
    "#0072B2",
    "#D55E00",
    "#E69F00",
    "#CC79A7",
    "#009E73",
    "#56B4E9",
    "#882255",
    "#5D3A9B",
    "#117733",
    "#332288",
    "#999933",
)
ARM = dict(zip(ARMS, ARM_COLOURS, strict=False))
TEMPERATURE = {"warm": "#E69F00", "cold": "#56B4E9"}
OUTCOME = {
    "stored": "#009E73",
    "dead": "#D55E00",
    "rejected": "#882255",
    "unsent": "#999999",
    "in_flight": "#5D3A9B",
    "lost": "#000000",
}
STAGE = {
    "wait": "#D9D9D9",
    "upload": "#999999",
    "to_entry": "#E69F00",
    "collector": "#F0E442",
    "queue": "#56B4E9",
    "start": "#CC79A7",
    "process": "#009E73",
    "to_put": "#0072B2",
}
FUNCTION = {
    "collector": "#CC79A7",
    "processor": "#0072B2",
    "dead_letter": "#882255",
    "single_node": "#D55E00",
}
QUIET, INK = "0.6", "0.25"  # reference lines; annotations
LIMIT = "#882255"  # what cannot be passed
DARK = {  # each colour of a figure on a dark page; those of text are the page's
    "#ffffff": "#14181f",
    "#000000": "#e7ebf2",
    "#262626": "#d5dbe5",
    "#404040": "#c3cbd8",
    "#999999": "#8a94a3",
    "#d9d9d9": "#4d5767",
    "#dddddd": "#5a6475",
    "#0072b2": "#3d93dd",
    "#d55e00": "#f2843c",
    "#e69f00": "#f0b13c",
    "#009e73": "#2cc698",
    "#cc79a7": "#e79ac6",
    "#56b4e9": "#8bd2f7",
    "#882255": "#d0669f",
    "#5d3a9b": "#b59af0",
    "#332288": "#8079e6",
    "#f0e442": "#f0e442",
    "#999933": "#c2c25a",
    "#117733": "#84b96a",
}

SIZE_IN = (7.5, 4.2)  # at DPI 900 pixels wide, a notebook's page
DPI = 120
NARROW_IN, NARROW_PANEL_IN = 4.6, 4.2  # of a telephone: width, and height of each panel
NARROW_TICKS = 5.5  # points, of ticks that are words
NARROW_CHARS, NARROW_LABEL_CHARS = 48, 20  # of a line of a title there, and of a label of the y axis
NARROW_EDGES_IN, NARROW_LINE_IN = 1.6, 0.18  # height of a panel: titles and the x axis, a line of labels
CELL_CHARS = 120  # of a table: a cause of death is not cut
MAX_LABEL_CHARS = 30  # of a target label on the line of the number
# What `seaborn.set_theme("notebook", "ticks", font_scale=0.9)` sets; seaborn takes a second to import.
INK_OF_AXES = ".15"
THEME: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK_OF_AXES,
    "axes.labelcolor": INK_OF_AXES,
    "text.color": INK_OF_AXES,
    "xtick.color": INK_OF_AXES,
    "ytick.color": INK_OF_AXES,
    "axes.labelsize": 10.8,
    "axes.titlesize": 10.8,
    "font.size": 10.8,
    "legend.title_fontsize": 10.8,
    "legend.fontsize": 9.9,
    "xtick.labelsize": 9.9,
    "ytick.labelsize": 9.9,
    "axes.linewidth": 1.25,
    "xtick.major.width": 1.25,
    "ytick.major.width": 1.25,
    "xtick.major.size": 6,
    "ytick.major.size": 6,
    "xtick.minor.size": 4,
    "ytick.minor.size": 4,
    "xtick.minor.width": 1,
    "ytick.minor.width": 1,
    "grid.color": ".8",
    "grid.linewidth": 1,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "axes.prop_cycle": cycler(
        color=["#4C72B0", "#DD8452", "#55A868", "#C44E52", "#8172B3",
               "#937860", "#DA8BC3", "#8C8C8C", "#CCB974", "#64B5CD"]
    ),
    "figure.figsize": SIZE_IN,
    "figure.dpi": DPI,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib brings it: figures are alike on every machine
    "legend.frameon": False,
}  # fmt: skip


def apply_theme() -> None:
    """Set the theme of this process's figures and tables."""
    import pandas

    pandas.options.display.max_colwidth = CELL_CHARS
    matplotlib.rcParams.update(THEME)


def title(ax: Axes, text: str, n: str, target_label: str) -> None:
    """Title an Axes: what it shows, and below it how many (`"10 pairs"`) were measured where."""
    between = " · " if len(target_label) <= MAX_LABEL_CHARS else "\n"  # an open ledger's label is long
    ax.set_title(f"{text}\n{n}{between}{target_label}", loc="left", fontsize="medium")


def legend_beside(ax: Axes, **options: Any) -> None:
    """Add a legend right of an Axes, where it hides no data."""
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small", **options)


def log_seconds(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2, 5, 10, since a short axis may contain no power of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG of DPI dots an inch and create its folder; equal figures, equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(figure))


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG; equal figures give equal bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()


def narrow(figure: Figure) -> None:
    """Stack a figure's panels and wrap its titles for a narrow screen; legends move below."""
    panels = [ax for ax in figure.axes if ax.get_subplotspec() is not None]
    ticks = [_wrap_labels(ax) for ax in panels]
    heights_in = [max(NARROW_PANEL_IN, NARROW_EDGES_IN + NARROW_LINE_IN * len(lines)) for lines in ticks]
    grid = figure.add_gridspec(len(panels), 1, height_ratios=heights_in)
    figure.set_size_inches(NARROW_IN, sum(heights_in))
    for place, ax in enumerate(panels):
        ax.set_subplotspec(grid[place])
        chars = NARROW_CHARS - int(0.6 * max(map(len, ticks[place]), default=0))
        lines = [textwrap.fill(unbroken(line), chars) for line in ax.get_title("left").splitlines()]
        ax.set_title("\n".join(lines), loc="left", fontsize="small")
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set_fontsize("small")
            axis.set_tick_params(labelsize="x-small")
        if any("\n" in tick.get_text() for tick in ax.get_xticklabels()):
            ax.xaxis.set_tick_params(labelsize=NARROW_TICKS)
        for text in ax.texts:
            text.set_fontsize("x-small")
        if legend := ax.get_legend():
            handles = [handle for handle in legend.legend_handles if handle is not None]
            labels = [text.get_text() for text in legend.get_texts()]
            ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(-0.1, -0.2), fontsize="x-small")


def _wrap_labels(ax: Axes) -> list[str]:
    """Wrap the words at the ticks of the y axis, and return their lines; numbers stay as they are."""
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    if not any(character.isalpha() for text in labels for character in text):
        return []
    lines = [
        [part for line in unbroken(text).splitlines() for part in textwrap.wrap(line, NARROW_LABEL_CHARS)]
        for text in labels
    ]
    ax.set_yticks(ax.get_yticks(), ["\n".join(parts) for parts in lines])
    return [part for parts in lines for part in parts]


def compress(image: bytes) -> tuple[bytes, int, int]:
    """Return a PNG in as few bytes as possible, with its width and height in pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as picture:
        file = io.BytesIO()
        picture.convert("RGB").save(file, format="png", optimize=True)  # figures are opaque
        return min(image, file.getvalue(), key=len), *picture.size


def whole_numbers(axis: Axis) -> None:
    """Put ticks at whole numbers only: nothing counted comes in halves."""
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
