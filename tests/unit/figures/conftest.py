"""An Axes to draw on."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdist_lib.figures import (
    theme,
)


@pytest.fixture
def ax():
    # outside pyplot, so that nothing is to be closed; a layout is most of a drawing
    figure = Figure(figsize=theme.SIZE_IN, layout="none")
    FigureCanvasAgg(figure)
    return figure.subplots()
