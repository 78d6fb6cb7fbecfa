"""The share of a processor's concurrency that a throttle takes away."""

import pytest

from lambdist_lib.protocol import faults


@pytest.mark.parametrize(
    ("share", "places", "taken"),
    [(0, 10, 0), (0.01, 10, 1), (0.5, 10, 5), (0.25, 6, 2), (1, 10, 10), (0.99, 2, 2)],
)
def test_whole_places_are_taken(share, places, taken):
    """To the nearest, but at least one: a throttle takes something."""
    assert faults.places_taken(share, places) == taken
