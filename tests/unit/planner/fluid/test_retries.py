"""Failures and retries in closed form against the simulation."""

import pytest

from lambdist_lib.planner.fluid import forecast
from lambdist_lib.planner.fluid.retries import failing
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System


@pytest.mark.parametrize("p", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("retry_delay_s", [None, 1.0])
def test_retries_end_as_in_the_simulation(p, retry_delay_s):
    """The median of some runs is within 10 %."""
    system = System(datapoints=50_000, item_s=0.1, queue_batch=10, p_fail=p, retry_delay_s=retry_delay_s)
    runs = sorted(simulate(system, seed=seed).makespan_s for seed in range(3))

    assert forecast.predict(system).makespan_s == pytest.approx(runs[1], rel=0.1)


FAULTS = [
    {"p_crash": 0.01}, {"p_crash_after": 0.02}, {"p_slow": 0.02}, {"p_slow": 0.05}, {"p_duplicate": 0.3},
    {"p_fail": 0.05, "p_crash": 0.01, "p_slow": 0.01, "p_duplicate": 0.1, "p_permanent": 0.01},
    {"p_crash": 0.02, "partial": False}, {"p_slow": 0.02, "partial": False},
]  # fmt: skip


@pytest.mark.parametrize("queue_batch", [1, 10])
@pytest.mark.parametrize("probabilities", FAULTS, ids=str)
def test_faults_match_the_simulation(probabilities, queue_batch):
    """Receives within 2 %, dead letters within chance, the makespan roughly."""
    system = System(datapoints=40_000, item_s=0.05, queue_batch=queue_batch, overhead_s=0.02, init_s=0.5,
                    maximum_concurrency=100, error_cut=0.0125, **probabilities)  # fmt: skip
    outcome, predicted = simulate(system), forecast.predict(system)

    assert predicted.receives == pytest.approx(outcome.receives, rel=0.02)
    assert predicted.failures == pytest.approx(outcome.failures, rel=0.2, abs=20)
    assert predicted.duplicates == pytest.approx(outcome.duplicates, rel=0.2, abs=20)
    assert predicted.busy_s == pytest.approx(outcome.busy_area, rel=0.1)
    assert abs(predicted.dead - outcome.dead) <= 5 + 4 * predicted.dead**0.5
    assert predicted.makespan_s == pytest.approx(outcome.makespan_s, rel=0.3)
    assert failing(system).throws * predicted.invocations == pytest.approx(outcome.errors, rel=0.25, abs=1)
