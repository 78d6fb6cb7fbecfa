"""A short catalogue of figures."""

import pytest

from lambdist_lib.figures import catalogue


@pytest.fixture
def few_figures(monkeypatch):
    """Leave three figures in the catalogue, one of them of the second process; drawing all takes seconds."""
    few = [each for each in catalogue.FIGURES if each.name in ("speedup", "timeline", "dead_letters")]
    monkeypatch.setattr(catalogue, "FIGURES", tuple(few))
