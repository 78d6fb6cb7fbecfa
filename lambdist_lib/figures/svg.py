"""Render a figure as an SVG element for an HTML page, with hover texts, for light and dark pages.

Colours become CSS variables, which `stylesheet` defines for both modes, so one figure serves both.
"""

import contextlib
import functools
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from lambdist_lib.figures import theme
from lambdist_lib.figures.hover import PREFIX, SEPARATOR
from lambdist_lib.formatting import escape_unprintable

MAX_MARKS = 5_000  # of a figure: the largest collections beyond it become pixels, which have no hover text
MAX_VERTICES = 5_000  # of a curve: a longer one becomes pixels
SVG_DPI = 72  # of matplotlib's SVG backend, whatever the figure's
TEXT = {"text", "tspan", "title"}  # elements whose white space is content
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
LINK = re.compile(r"(?<=url\(#)[\w.-]+(?=\))")  # to an element, in an attribute or a style
MARKS = {"use", "path"}
LABEL = "aria-label"


def svg(figure: Figure, prefix: str, alt: str, *, kind: str) -> str:
    """Return a figure as an `<svg>` element; equal figures give equal text.

    Args:
        prefix: Starts every id and class, so that a page can hold several figures. Short: it repeats.
        alt: Alt text; `with_alt_text` puts in another one later.
        kind: Class of the element.
    """
    artists = figure.findobj()
    _rasterise_crowds(artists)
    for artist in artists:
        if isinstance(artist, Text) and artist.get_text():
            artist.set_text(escape_unprintable(artist.get_text()))
    root = _Element(_content(figure, prefix), prefix).shrunk()
    root.attrib = {"viewBox": root.get("viewBox", ""), "role": "img", LABEL: alt, "class": kind}
    return ElementTree.tostring(root, encoding="unicode")


def with_alt_text(element: str, alt: str) -> str:
    """Return an `<svg>` element that was drawn with the alt text "" with this one."""
    escaped = ElementTree.tostring(ElementTree.Element("svg", {LABEL: alt}), encoding="unicode")
    return element.replace(f'{LABEL}=""', escaped.removeprefix("<svg ").removesuffix(" />"), 1)


class _Renderer(RendererSVG):
    """Measure each text once for all figures: axes are laid out by the sizes of their texts."""

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        return _extent_of_text(s, prop.copy(), ismath)


@functools.lru_cache(4096)
def _extent_of_text(text: str, font: FontProperties, ismath: Any) -> tuple[float, float, float]:
    extent: tuple[float, float, float] = text_to_path.get_text_width_height_descent(text, font, ismath)
    return extent


class _Canvas(FigureCanvasSVG):
    """Lay out and draw a figure with one renderer; `savefig` takes two, and draws twice."""

    def get_renderer(self) -> Any:
        """Return the renderer that the layout measures with."""
        return self.renderer

    def content(self) -> bytes:
        """Return the figure, laid out, as an SVG file."""
        file, (width_in, height_in) = io.StringIO(), self.figure.get_size_inches()
        metadata = {"Date": None}
        width, height = width_in * SVG_DPI, height_in * SVG_DPI
        vector = _Renderer(width, height, file, image_dpi=theme.DPI, metadata=metadata)  # type: ignore[no-untyped-call]
        self.renderer = MixedModeRenderer(  # type: ignore[no-untyped-call]
            self.figure, width_in, height_in, theme.DPI, vector
        )
        if engine := self.figure.get_layout_engine():
            engine.execute(self.figure)
        with _without_layout(self.figure):
            self.figure.draw(self.renderer)  # type: ignore[arg-type]
        self.renderer.finalize()
        return file.getvalue().encode()


def _content(figure: Figure, prefix: str) -> bytes:
    """Return a figure as an SVG file; the figure is left as it was, laid out."""
    canvas, dpi = figure.canvas, figure.dpi
    figure.dpi = SVG_DPI
    try:
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
            return _Canvas(figure).content()
    finally:
        figure.set_canvas(canvas)
        figure.dpi = dpi


@contextlib.contextmanager
def _without_layout(figure: Figure) -> Iterator[None]:
    """Keep the layout that a figure has while it is drawn."""
    engine = figure.get_layout_engine()
    with matplotlib.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)
    try:
        yield
    finally:
        figure.set_layout_engine(engine)


def stylesheet() -> str:
    """Return the CSS that defines the figures' colours for light and dark pages and for print."""
    light = "".join(f"{_variable(colour)}:{colour};" for colour in theme.DARK)
    dark = "".join(f"{_variable(colour)}:{other};" for colour, other in theme.DARK.items())
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def _variable(colour: str) -> str:
    return f"--c{colour.removeprefix('#')}"


def _rasterise_crowds(artists: Iterable[Artist]) -> None:
    """Turn long curves and the largest collections into pixels until the figure is small enough."""
    sizes: list[tuple[int, Artist]] = []
    for artist in artists:
        marks, vertices = _extent(artist)
        if vertices > MAX_VERTICES:
            artist.set_rasterized(True)
        else:
            sizes.append((marks, artist))
    total = sum(marks for marks, _ in sizes)
    for marks, artist in sorted(sizes, key=lambda pair: pair[0], reverse=True):
        if total <= MAX_MARKS:
            return
        artist.set_rasterized(True)
        total -= marks


def _extent(artist: Artist) -> tuple[int, int]:
    """Return how many marks an artist draws, and how many vertices its longest path has."""
    if isinstance(artist, Collection):
        paths = artist.get_paths()
        offsets = np.asarray(artist.get_offsets())
        return max(len(paths), len(offsets)), max((len(path) for path in paths), default=0)
    if isinstance(artist, Line2D):
        points, is_line = len(np.asarray(artist.get_xydata())), artist.get_linestyle() != "None"
        return points if artist.get_marker() not in ("", "None", None) else 0, points if is_line else 0
    return 0, 0


class _Element:
    """Shrink matplotlib's SVG: short ids and numbers, styles as classes, no metadata, hover texts."""

    def __init__(self, content: bytes, prefix: str) -> None:
        self.root = ElementTree.fromstring(content)
        self.prefix = prefix
        self.classes: dict[str, str] = {}  # by style
        attributes = [pair for element in self.root.iter() for pair in element.attrib.items()]
        used = dict.fromkeys(link for name, value in attributes for link in _links(name, value))
        self.ids = {name: f"{prefix}{place}" for place, name in enumerate(used)}
        self.groups = 0

    def shrunk(self) -> ElementTree.Element:
        """Return the root element."""
        self._visit(self.root)
        style = ElementTree.Element("style")
        style.text = "".join(f".{name}{{{rules}}}" for rules, name in self.classes.items())
        self.root.insert(0, style)
        return self.root

    def _visit(self, element: ElementTree.Element) -> None:
        for child in [*element]:
            self._visit(child)
            if child.tag in ("metadata", "style") or (child.tag in ("g", "defs") and not len(child)):
                element.remove(child)
        element.tag = element.tag.partition("}")[2]
        if element.tag not in TEXT:
            element.text = None
        element.tail = None
        element.attrib = self._attributes(element)
        classes = {child.get("class") for child in element}
        if element.tag == "g" and len(element) > 1 and len(classes) == 1 and None not in classes:
            element.set("class", str(classes.pop()))  # markers: their class once, on the group
            for child in element:
                del child.attrib["class"]

    def _attributes(self, element: ElementTree.Element) -> dict[str, str]:
        attributes: dict[str, str] = {}
        for name, value in element.attrib.items():
            key = name.partition("}")[2] or name
            if key == "id":
                attributes |= self._identity(element, value)
            elif key == "style":
                attributes["class"] = self._class(value)
            elif key == "href":
                attributes[key] = f"#{self.ids[value[1:]]}" if value.startswith("#") else value
            elif COLOUR.fullmatch(value) and value in theme.DARK:  # an attribute takes no variable
                attributes["style"] = f"{attributes.get('style', '')}{key}:{_coloured(value)};"
            elif key == "d":
                attributes[key] = _short(" ".join(value.split()))
            else:
                attributes[key] = self._linked(_short(value))
        return attributes

    def _linked(self, text: str) -> str:
        """Return an attribute or a style with the short ids of the elements that it refers to."""
        return LINK.sub(lambda match: self.ids[match[0]], text)

    def _identity(self, element: ElementTree.Element, name: str) -> dict[str, str]:
        """Return an element's short id if something refers to it; the hover texts of its marks."""
        if not name.startswith(PREFIX):
            return {"id": self.ids[name]} if name in self.ids else {}
        texts = name.removeprefix(PREFIX).split(SEPARATOR)
        defined = {child for definitions in element.iter("defs") for child in definitions.iter()}
        marks = [child for child in element.iter() if child.tag in MARKS and child not in defined]
        if len(texts) > 1:  # a line between markers is not one of them
            marks = [mark for mark in marks if mark.tag == "use"] or marks
        self.groups += 1
        if len(texts) not in (1, len(marks)):  # a mark off the page was not written
            return {}
        return {"data-group": str(self.groups), "data-tips": SEPARATOR.join(texts)}

    def _class(self, style: str) -> str:
        """Return the class of a style; text keeps no font family, which is the page's."""
        rules = [rule.strip() for rule in style.split(";")]
        kept = [rule.replace(": ", ":") for rule in rules if rule and not rule.startswith("font-family")]
        text = self._linked(_coloured(";".join(kept)))
        return self.classes.setdefault(_short(text), f"{self.prefix}s{len(self.classes)}")


def _links(name: str, value: str) -> list[str]:
    """Return the ids of the elements that an attribute refers to."""
    is_reference = name.rpartition("}")[2] == "href" and value.startswith("#")
    return [value[1:]] if is_reference else LINK.findall(value)


def _coloured(text: str) -> str:
    """Return a text with the page's variables for the colours that have a dark one."""
    return COLOUR.sub(
        lambda match: f"var({_variable(match[0])})" if match[0] in theme.DARK else match[0], text
    )


def _short(text: str) -> str:
    """Round the decimals in an attribute: a hundredth of a point is less than a pixel."""
    return NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), text)
