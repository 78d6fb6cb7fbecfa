"""The closed form against the exact simulation, and against what must hold at any size."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdist_lib.planner.fluid import forecast
from lambdist_lib.planner.fluid import phases as fluid_phases
from lambdist_lib.planner.fluid.retries import failing
from lambdist_lib.planner.simulation.engine import simulate
from lambdist_lib.planner.system import System


def drawn(seed):
    """A system of 10^5 datapoints without failures."""
    rng = random.Random(seed)
    senders = rng.choice([0, 5, 100, 1000])
    return System(
        datapoints=100_000,
        item_s=10 ** rng.uniform(-2.3, 0.3),
        item_cv=rng.choice([0.0, 0.3, 1.0]),
        queue_batch=rng.choice([5, 10]),
        overhead_s=0.02,
        init_s=0.48,
        init_log_sd=0.15,
        senders=senders,
        request_batch=rng.choice([10, 100]) if senders else 1,
        request_s=0.04,
        collector_s=0.01,
        api_rate_per_s=10_000,
        maximum_concurrency=rng.choice([2, 10, 100, 1000]),
        account_concurrency=1000,
        environments_burst=1000,
        writes_per_s=rng.choice([4000.0, float("inf")]),
        writes_most_per_s=16_000,
    )


@pytest.mark.parametrize("seed", range(30))
def test_it_is_within_two_percent_of_the_simulation(seed):
    """At 10^5 datapoints, coefficients of variation up to 1, whatever binds."""
    system = drawn(seed)

    assert forecast.predict(system).makespan_s == pytest.approx(simulate(system).makespan_s, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"senders": 1, "request_s": 0.1}, fluid_phases.SENDERS),
        ({"senders": 1000, "api_rate_per_s": 50, "collector_s": 0.01}, fluid_phases.API),
        ({}, fluid_phases.RAMP),
        ({"maximum_concurrency": 7}, fluid_phases.MAXIMUM),
        ({"datapoints": 10**8}, fluid_phases.CEILING),
        ({"account_concurrency": 10}, fluid_phases.ACCOUNT),
        ({"reserved_concurrency": 10}, fluid_phases.RESERVED),
        ({"in_flight_most": 20}, fluid_phases.IN_FLIGHT),
        ({"writes_per_s": 10.0, "writes_most_per_s": 10.0}, fluid_phases.TABLE),
        ({"p_fail": 0.2, "partial": False, "error_cut": 0.0125}, fluid_phases.BACKOFF),
    ],
)
def test_what_binds_has_its_name(changes, limit):
    """The longest phase is that of the limit which was made the narrowest."""
    system = System(**{"datapoints": 50_000, "item_s": 0.05, **changes})
    phases = forecast.predict(system).phases

    assert max(phases, key=lambda phase: phase.end_s - phase.begin_s).limit == limit


def test_phases_follow_each_other():
    """Senders' time, ramp, cap and retries: without gap or overlap, up to the last batch."""
    system = System(datapoints=10**6, item_s=0.1, senders=100, request_s=0.04, collector_s=0.01,
                    maximum_concurrency=100, init_s=0.5, queue_batch=10, p_fail=0.1)  # fmt: skip
    found = forecast.predict(system)
    phases = [phase for phase in found.phases if phase.limit != fluid_phases.RETRIES]

    assert len(phases) > 1
    assert all(one.end_s == pytest.approx(other.begin_s) for one, other in itertools.pairwise(phases))
    assert sum((one.end_s - one.begin_s) * one.per_s for one in phases) == pytest.approx(
        found.receives, rel=1e-6
    )


@pytest.mark.parametrize("p", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("retry_delay_s", [None, 1.0])
def test_retries_end_as_in_the_simulation(p, retry_delay_s):
    """No bound is promised with failures; the median of some runs is close all the same."""
    system = System(datapoints=50_000, item_s=0.1, queue_batch=10, p_fail=p, retry_delay_s=retry_delay_s)
    runs = sorted(simulate(system, seed=seed).makespan_s for seed in range(5))

    assert forecast.predict(system).makespan_s == pytest.approx(runs[2], rel=0.1)


STRUCK = [
    {"p_crash": 0.01}, {"p_crash_after": 0.02}, {"p_slow": 0.02}, {"p_slow": 0.05}, {"p_duplicate": 0.3},
    {"p_fail": 0.05, "p_crash": 0.01, "p_slow": 0.01, "p_duplicate": 0.1, "p_permanent": 0.01},
    {"p_crash": 0.02, "partial": False}, {"p_slow": 0.02, "partial": False},
]  # fmt: skip


@pytest.mark.parametrize("queue_batch", [1, 10])
@pytest.mark.parametrize("struck", STRUCK, ids=str)
def test_faults_end_as_in_the_simulation(struck, queue_batch):
    """Receives within 2 %, deaths within chance, and the time, which hangs on the last of a few, roughly."""
    system = System(datapoints=40_000, item_s=0.05, queue_batch=queue_batch, overhead_s=0.02, init_s=0.5,
                    maximum_concurrency=100, error_cut=0.0125, **struck)  # fmt: skip
    found, said = simulate(system), forecast.predict(system)

    assert said.receives == pytest.approx(found.receives, rel=0.02)
    assert said.failures == pytest.approx(found.failures, rel=0.2, abs=20)
    assert said.duplicates == pytest.approx(found.duplicates, rel=0.2, abs=20)
    assert said.busy_s == pytest.approx(found.busy_area, rel=0.1)
    assert abs(said.dead - found.dead) <= 5 + 4 * said.dead**0.5
    assert said.makespan_s == pytest.approx(found.makespan_s, rel=0.3)
    assert failing(system).throws * said.invocations == pytest.approx(found.errors, rel=0.25, abs=1)


@pytest.mark.parametrize(
    ("name", "narrow"),
    [
        ("lambda_throttles", {"account_concurrency": 20}),
        ("lambda_throttles", {"reserved_concurrency": 50}),
        ("api_throttles", {"senders": 500, "api_rate_per_s": 50, "api_burst": 100, "request_s": 0.05}),
        ("table_throttles", {"writes_per_s": 300.0, "writes_most_per_s": 300.0}),
    ],
)
def test_throttles_are_about_as_many_as_in_the_simulation(name, narrow):
    """Counted there, expected here."""
    system = System(datapoints=30_000, item_s=0.05, overhead_s=0.02, init_s=0.5, collector_s=0.02,
                    maximum_concurrency=100, error_cut=0.0125, **narrow)  # fmt: skip

    assert getattr(forecast.predict(system), name) == pytest.approx(getattr(simulate(system), name), rel=0.25)


@pytest.mark.parametrize("writes_per_s", [300.0, 1_500.0])
def test_handlers_are_paid_for_while_they_wait_for_the_table(writes_per_s):
    """As long as in the simulation: on AWS a throttled write is tried again by the client, in the handler."""
    system = System(datapoints=60_000, item_s=0.05, queue_batch=10, overhead_s=0.02, init_s=0.5,
                    maximum_concurrency=100, writes_per_s=writes_per_s,
                    writes_most_per_s=writes_per_s)  # fmt: skip

    assert forecast.predict(system).busy_s == pytest.approx(simulate(system).busy_area, rel=0.05)


@settings(max_examples=150, deadline=None)
@given(
    datapoints=st.integers(1, 10**10),
    senders=st.sampled_from([0, 1, 30, 5000]),
    request_batch=st.sampled_from([1, 100]),
    queue_batch=st.integers(1, 10),
    item_s=st.floats(0, 100),
    item_cv=st.floats(0, 3),
    collector_s=st.floats(0.0001, 1),
    maximum_concurrency=st.integers(2, 1000),
    account_concurrency=st.integers(1, 2000),
    writes_per_s=st.sampled_from([float("inf"), 4000.0]),
    p_fail=st.floats(0, 0.99),
    p_crash=st.sampled_from([0.0, 0.01, 0.5]),
    p_slow=st.sampled_from([0.0, 0.01, 0.5]),
    partial=st.booleans(),
)
def test_any_size_has_an_answer(**inputs):
    """Finite, in order, and never below what the work itself takes."""
    system = System(**inputs, overhead_s=0.02, init_s=0.5, writes_most_per_s=16_000, error_cut=0.0125)
    found = forecast.predict(system)

    assert 0 < found.makespan_s < float("inf")
    assert found.peak <= system.processors_most()
    assert found.stored + found.dead == pytest.approx(system.datapoints)
    ended_early = system.p_crash or system.p_slow
    work_s = 0 if ended_early else system.datapoints * system.item_s
    assert found.makespan_s >= 0.99 * work_s / system.processors_most()


def test_more_of_anything_is_not_slower():
    """Senders, concurrency and ramp: each at least as fast with more of it."""
    system = System(datapoints=10**6, item_s=0.1, senders=50, request_s=0.04, collector_s=0.01,
                    maximum_concurrency=50, init_s=0.5)  # fmt: skip
    for name in ("senders", "maximum_concurrency", "slots_per_s"):
        times = [
            forecast.predict(
                System(**{**{f: getattr(system, f) for f in system.__slots__}, name: value})
            ).makespan_s
            for value in (5, 20, 100, 400)
        ]
        assert times == sorted(times, reverse=True), name
