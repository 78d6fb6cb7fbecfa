"""The closed form against the simulation, and properties at any size."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdist_lib.planner.fluid import forecast
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
        max_writes_per_s=16_000,
    )


@pytest.mark.parametrize("seed", range(30))
def test_forecast_is_within_two_percent_of_the_simulation(seed):
    """At 10^5 datapoints, coefficients of variation up to 1, under any bottleneck."""
    system = drawn(seed)

    assert forecast.predict(system).makespan_s == pytest.approx(simulate(system).makespan_s, rel=0.02)


@pytest.mark.parametrize(
    ("name", "narrow"),
    [
        ("lambda_throttles", {"account_concurrency": 20}),
        ("lambda_throttles", {"reserved_concurrency": 50}),
        ("api_throttles", {"senders": 500, "api_rate_per_s": 50, "api_burst": 100, "request_s": 0.05}),
        ("table_throttles", {"writes_per_s": 300.0, "max_writes_per_s": 300.0}),
    ],
)
def test_throttles_match_the_simulation(name, narrow):
    """The simulation counts them, the forecast expects them."""
    system = System(datapoints=30_000, item_s=0.05, overhead_s=0.02, init_s=0.5, collector_s=0.02,
                    maximum_concurrency=100, error_cut=0.0125, **narrow)  # fmt: skip

    assert getattr(forecast.predict(system), name) == pytest.approx(getattr(simulate(system), name), rel=0.25)


@pytest.mark.parametrize("writes_per_s", [300.0, 1_500.0])
def test_handlers_are_charged_while_they_wait_for_the_table(writes_per_s):
    """On AWS the client in the handler retries a throttled write."""
    system = System(datapoints=60_000, item_s=0.05, queue_batch=10, overhead_s=0.02, init_s=0.5,
                    maximum_concurrency=100, writes_per_s=writes_per_s,
                    max_writes_per_s=writes_per_s)  # fmt: skip

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
def test_any_size_has_a_finite_forecast(**inputs):
    """It is finite, in order, and never below the time of the work itself."""
    system = System(**inputs, overhead_s=0.02, init_s=0.5, max_writes_per_s=16_000, error_cut=0.0125)
    found = forecast.predict(system)

    assert 0 < found.makespan_s < float("inf")
    assert found.peak <= system.max_processors()
    assert found.stored + found.dead == pytest.approx(system.datapoints)
    ended_early = system.p_crash or system.p_slow
    work_s = 0 if ended_early else system.datapoints * system.item_s
    assert found.makespan_s >= 0.99 * work_s / system.max_processors()


def test_more_capacity_is_never_slower():
    """Senders, concurrency and ramp."""
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
