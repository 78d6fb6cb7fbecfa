"""Random draws."""

import random

import pytest

from lambdist_lib.planner.simulation.sampling import RareEvents


def test_rare_events_have_their_probability():
    """Gaps give independent events."""
    events = RareEvents(0.03, random.Random(0))
    hits = sum(len(events.among(7)) for _ in range(20_000))

    assert hits == pytest.approx(0.03 * 140_000, rel=0.05)
