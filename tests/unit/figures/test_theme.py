"""Colours, files and the theme of all figures."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from support.figure_tables import (
    AGAINST,
    FOUND,
    LEVELS,
    MANY,
)

from lambdist_lib.figures import (
    cold_starts,
    dead_letters,
    scaling,
    theme,
    timeline,
)
from lambdist_lib.measures import stages
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import OUTCOMES


def test_a_file_is_the_same_byte_for_byte(tmp_path):
    """Jitter and metadata included, so that a committed figure changes only with its data."""
    files = []
    for name in ("one", "two"):
        figure = Figure(layout="constrained")
        top, middle, bottom = figure.subplots(3)
        cold_starts.plot_cold_starts(MANY, top, target_label="local cloud")
        scaling.plot_scaling(LEVELS, middle, target_label="local cloud", fits=FOUND)
        dead_letters.plot_theory(AGAINST, bottom, target_label="local cloud")
        np.random.seed(len(files))  # what others draw from the global generator changes nothing
        theme.save(figure, tmp_path / "new" / f"{name}.png")
        files.append((tmp_path / "new" / f"{name}.png").read_bytes())

    assert files[0] == files[1]
    assert files[0].startswith(b"\x89PNG")
    assert b"Software" not in files[0]


def test_everything_has_its_own_colour():
    """One per stage, outcome, arm and temperature, told apart within its kind."""
    assert set(theme.STAGE) == set(stages.NAMES) == set(timeline.LABELS)
    assert set(theme.OUTCOME) == set(OUTCOMES)
    for palette in (theme.ARM, theme.TEMPERATURE, theme.OUTCOME, theme.STAGE):
        assert len(set(palette.values())) == len(palette)


def test_the_theme_is_applied_only_when_asked():
    """`apply` sets it for notebooks; tests put back what was there."""
    with mpl.rc_context():
        theme.apply_theme()
        assert mpl.rcParams["figure.figsize"] == list(theme.SIZE_IN)
        assert not mpl.rcParams["axes.spines.top"]


def test_the_theme_is_seaborns():
    """Its values are written down here, because an import of seaborn takes a second."""
    import seaborn

    with mpl.rc_context():
        seaborn.set_theme(context="notebook", style="ticks", font_scale=0.9)
        seaborns = dict(mpl.rcParams)
    with mpl.rc_context():
        theme.apply_theme()
        own = dict(mpl.rcParams)

    changed = {name for name in own if own[name] != seaborns[name]}
    assert changed - {"axes.prop_cycle"} == {
        "axes.spines.right", "axes.spines.top", "figure.constrained_layout.use", "figure.dpi",
        "figure.figsize", "font.sans-serif", "image.cmap", "legend.frameon",
    }  # fmt: skip
    for colour, other in zip(own["axes.prop_cycle"], seaborns["axes.prop_cycle"], strict=True):
        assert mpl.colors.to_hex(colour["color"]) == mpl.colors.to_hex(other["color"])


def test_each_arm_has_a_colour():
    """A figure with a further arm needs no other module than the theme."""
    assert set(theme.ARM) >= set(ARMS)
    assert len(set(theme.ARM.values())) == len(theme.ARM)
