"""Phases and their bottlenecks."""

import itertools

import pytest

from lambdist_lib.planner.fluid import forecast
from lambdist_lib.planner.fluid import phases as fluid_phases
from lambdist_lib.planner.system import System


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"senders": 1, "request_s": 0.1}, fluid_phases.SENDERS),
        ({"senders": 1000, "api_rate_per_s": 50, "collector_s": 0.01}, fluid_phases.API),
        ({}, fluid_phases.RAMP),
        ({"maximum_concurrency": 7}, fluid_phases.MAXIMUM),
        ({"datapoints": 10**8}, fluid_phases.CEILING),
        ({"account_concurrency": 10}, fluid_phases.ACCOUNT),
        ({"senders": 500, "collector_s": 0.001, "collector_rate_per_s": 50}, fluid_phases.ENVIRONMENTS),
        ({"reserved_concurrency": 10}, fluid_phases.RESERVED),
        ({"max_in_flight": 20}, fluid_phases.IN_FLIGHT),
        ({"writes_per_s": 10.0, "max_writes_per_s": 10.0}, fluid_phases.TABLE),
        ({"p_fail": 0.2, "partial": False, "error_cut": 0.0125}, fluid_phases.BACKOFF),
    ],
)
def test_longest_phase_names_the_bottleneck(changes, limit):
    """The longest phase has the limit that was made the narrowest."""
    system = System(**{"datapoints": 50_000, "item_s": 0.05, **changes})
    phases = forecast.predict(system).phases

    assert max(phases, key=lambda phase: phase.end_s - phase.begin_s).limit == limit


def test_phases_are_contiguous():
    """Sending, ramp, cap and retries have no gap or overlap, up to the last batch."""
    system = System(datapoints=10**6, item_s=0.1, senders=100, request_s=0.04, collector_s=0.01,
                    maximum_concurrency=100, init_s=0.5, queue_batch=10, p_fail=0.1)  # fmt: skip
    found = forecast.predict(system)
    phases = [phase for phase in found.phases if phase.limit != fluid_phases.RETRIES]

    assert len(phases) > 1
    assert all(phase.end_s == pytest.approx(after.begin_s) for phase, after in itertools.pairwise(phases))
    assert sum((phase.end_s - phase.begin_s) * phase.per_s for phase in phases) == pytest.approx(
        found.receives, rel=1e-6
    )
