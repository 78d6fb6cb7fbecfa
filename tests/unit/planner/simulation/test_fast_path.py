"""The fast path against the engine."""

import pytest

from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System


def test_fast_path_matches_the_engine():
    """Makespan, invocations and cold starts of a full queue agree."""
    system = System(datapoints=5_000, item_s=0.1, queue_batch=3, overhead_s=0.02, init_s=0.5)
    fast, general = simulate(system), simulate(system, timeline=True)

    assert fast.makespan_s == pytest.approx(general.makespan_s, rel=0.005)
    assert fast.invocations == general.invocations
    assert fast.busy_area == pytest.approx(general.busy_area, rel=0.01)
    assert abs(fast.cold - general.cold) <= 1
