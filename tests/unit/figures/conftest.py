"""An Axes to draw on."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdist_lib.figures import (
    theme,
)


@pytest.fixture
def ax():
    figure = Figure(figsize=theme.SIZE_IN, layout="constrained")  # outside pyplot: nothing to close
    FigureCanvasAgg(figure)
    return figure.subplots()
