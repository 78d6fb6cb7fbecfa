"""Outcomes of the messages of a batch."""

from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System


def test_bad_datapoint_takes_its_batch_along_without_partial_responses():
    """p**5 becomes (1 - (1 - p)**10)**5: a thousand times as many dead letters."""
    dead = {
        partial: simulate(
            System(datapoints=50_000, item_s=0.05, queue_batch=10, p_fail=0.1, partial=partial)
        ).dead
        for partial in (True, False)
    }

    assert dead[True] < 10
    assert dead[False] > 4_000
