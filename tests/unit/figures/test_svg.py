"""Figures as SVG: small, one text per mark, colours for light and dark pages."""

import io
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from support import tables as frames

from lambdist_lib.figures import speedup, svg, theme
from lambdist_lib.figures.hover import label_each, label_marks

MIN_CONTRAST = 3.0  # of a shape against its page (WCAG 2.2, 1.4.11)
PALE = {"#d9d9d9", "#dddddd", "#ffffff"}  # fills that may recede, and the page itself


def draw(texts, count=3):
    """A scatter of as many points, each with one of the texts."""
    figure = Figure()
    dots = figure.subplots().scatter(range(count), range(count), color="#0072B2")
    label_marks(dots, texts)
    return figure


def tips(figure):
    root = ElementTree.fromstring(svg.svg(figure, "x", "alt text", kind="wide"))
    return [group.get("data-tips") for group in root.iter("g") if group.get("data-tips")]


def test_every_mark_has_its_text():
    """A curve has one text, points have one each; texts that do not fit the marks are left out."""
    assert tips(draw(["a", "b", "c"])) == ["a|b|c"]
    assert tips(draw(["all of them"])) == ["all of them"]
    assert tips(draw(["a", "b"])) == []


@pytest.mark.parametrize("text", ["\x00\x1b", "<b>&\"'", "\ud800", "a|b", "\u202e"])
def test_any_text_of_a_mark_is_valid_in_a_page(text):
    """Control characters, markup and separators; the number of texts stays the number of marks."""
    figure = draw([text, "b", "c"])
    figure.axes[0].set_xlabel(text)

    [joined] = tips(figure)

    assert len(joined.split("|")) == 3
    assert joined.isprintable()


def test_bars_are_labelled_one_by_one():
    figure = Figure()
    label_each(figure.subplots().bar([1, 2], [3, 4]), ["three", "four"])

    assert tips(figure) == ["three", "four"]


def test_a_drawing_is_an_image_with_alt_text():
    """It names its role and text, refers to its own ids only, and loads nothing."""
    text = svg.svg(speedup.plot_speedup(frames.runs(6)), "p3-", "what it shows", kind="narrow")
    root = ElementTree.fromstring(text)

    assert (root.get("role"), root.get("aria-label"), root.get("class")) == ("img", "what it shows", "narrow")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids and len(set(ids)) == len(ids)
    assert all(name.startswith("p3-") for name in ids)
    assert "http" not in text
    assert "style=" not in text


def test_equal_figures_give_equal_text():
    drawings = {svg.svg(draw(["a", "b", "c"]), "x", "alt", kind="wide") for _ in range(2)}

    assert len(drawings) == 1


def test_both_drawings_of_a_figure_have_the_same_groups():
    """The narrow drawing takes its texts from the wide one, by the number of the group."""
    figure = speedup.plot_speedup(frames.runs(6))
    wide = ElementTree.fromstring(svg.svg(figure, "w", "alt", kind="wide"))
    theme.narrow(figure)
    narrow = ElementTree.fromstring(svg.svg(figure, "n", "alt", kind="narrow"))

    def groups(root):
        return {group.get("data-group"): group.get("data-tips") for group in root.iter("g")}

    assert groups(wide) == groups(narrow)
    assert len(groups(wide)) > 2


def test_crowds_become_pixels():
    """The largest collections first: a page with a million datapoints must stay small."""
    figure = draw(["few"], count=10)
    count = svg.MAX_MARKS + 1
    figure.axes[0].scatter(np.arange(count), np.arange(count))
    figure.axes[0].step(np.arange(count), np.arange(count) % 7)

    text = svg.svg(figure, "x", "alt", kind="wide")

    assert "data:image/png" in text
    assert tips(figure) == ["few"]
    assert len(text) < 200_000


def test_colours_are_variables_of_the_page():
    """Each is defined for both modes, and can be told from its page."""
    text, styles = svg.svg(draw(["a", "b", "c"]), "x", "alt", kind="wide"), svg.stylesheet()

    assert "var(--c0072b2)" in text
    assert styles.count("--c0072b2:") == 2
    ground = luminance(theme.DARK["#ffffff"])
    for colour in theme.DARK.keys() - PALE:
        assert (luminance(theme.DARK[colour]) + 0.05) / (ground + 0.05) > MIN_CONTRAST, colour


def test_every_colour_of_the_theme_has_a_dark_one():
    palettes = (theme.ARM, theme.TEMPERATURE, theme.OUTCOME, theme.STAGE, theme.FUNCTION)

    assert {colour.lower() for palette in palettes for colour in palette.values()} <= theme.DARK.keys()
    assert len({theme.DARK[colour.lower()] for colour in theme.ARM.values()}) == len(theme.ARM)


def luminance(colour):
    """Return the relative luminance of WCAG 2.2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_hatch_keeps_its_colours():
    """A style refers to a pattern of the drawing, whose fill is a colour and not an id."""
    figure = Figure()
    figure.subplots().bar([0], [1], facecolor=(theme.ARM["invoke"], 0.5), edgecolor=theme.INK, hatch="//")

    text = svg.svg(figure, "x", "alt text", kind="wide")

    root = ElementTree.fromstring(text)
    [pattern] = root.iter("pattern")
    assert f"fill:url(#{pattern.get('id')})" in text
    assert f"var(--c{theme.ARM['invoke'].lower().removeprefix('#')})" in pattern[0].get("style")


@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_a_drawing_is_what_savefig_draws(layout):
    """Wide and narrow, with one renderer and one layout; the figure keeps its engine, canvas and dpi."""

    def drawings(content):
        figure = Figure(layout=layout)
        axes = figure.subplots(1, 2)
        axes[0].set(title="a title that is wider than its axes are", ylabel="seconds\nof a run")
        axes[1].plot([1, 1e5], label="a legend")
        axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
        wide = content(figure, "w")
        state = type(figure.get_layout_engine()), type(figure.canvas), figure.dpi
        theme.narrow(figure)
        return wide, content(figure, "n"), state

    def saved(figure, prefix):
        file = io.BytesIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
            figure.savefig(file, format="svg", dpi=theme.DPI, metadata={"Date": None})
        return file.getvalue()

    assert drawings(svg._content) == drawings(saved)


@pytest.mark.parametrize("alt", ["what it shows", '5 < 6 & "quoted"', "backslash \\1"])
def test_an_alt_text_can_come_later(alt):
    """The element is the one that is drawn with the text, whatever its characters."""
    later = svg.with_alt_text(svg.svg(draw(["a", "b", "c"]), "x", "", kind="wide"), alt)

    assert later == svg.svg(draw(["a", "b", "c"]), "x", alt, kind="wide")
