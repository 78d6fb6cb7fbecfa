"""The simulation of systems whose result is known."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdist_lib.planner.simulation.engine import replicate, simulate
from lambdist_lib.planner.system import System

SYSTEMS = st.builds(
    System,
    datapoints=st.integers(1, 400),
    item_s=st.floats(0.001, 2),
    item_cv=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    senders=st.sampled_from([0, 1, 7, 50]),
    request_batch=st.sampled_from([1, 3, 100]),
    request_s=st.floats(0, 0.1),
    collector_s=st.floats(0.001, 0.1),
    api_rate_per_s=st.sampled_from([5.0, 1000.0]),
    api_burst=st.sampled_from([1, 100]),
    queue_batch=st.integers(1, 10),
    window_s=st.sampled_from([0.0, 0.5]),
    maximum_concurrency=st.integers(2, 50),
    overhead_s=st.floats(0, 0.1),
    init_s=st.floats(0, 1),
    init_log_sd=st.sampled_from([0.0, 0.15]),
    idle_expiry_s=st.sampled_from([0.1, 380.0]),
    account_concurrency=st.integers(1, 40),
    reserved_concurrency=st.integers(1, 40),
    environments_burst=st.integers(1, 20),
    p_fail=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    p_permanent=st.sampled_from([0.0, 0.1]),
    p_crash=st.sampled_from([0.0, 0.05, 1.0]),
    p_slow=st.sampled_from([0.0, 0.05]),
    p_crash_after=st.sampled_from([0.0, 0.05, 1.0]),
    p_duplicate=st.sampled_from([0.0, 0.5]),
    partial=st.booleans(),
    error_cut=st.sampled_from([0.0, 0.0125, 0.5]),
    retry_delay_s=st.sampled_from([None, 0.0, 1.0]),
    visibility_s=st.sampled_from([0.5, 180.0]),
    receives=st.integers(1, 6),
    max_in_flight=st.integers(10, 100),
    writes_per_s=st.sampled_from([float("inf"), 50.0]),
    max_writes_per_s=st.just(400.0),
)


@settings(max_examples=80, deadline=None)
@given(system=SYSTEMS, seed=st.integers(0, 99))
def test_every_datapoint_is_stored_or_dead(system, seed):
    """Under any limit, throttle or failure the ledger balances and no limit is exceeded."""
    found = simulate(system, seed=seed)

    assert found.stored + found.dead == system.datapoints
    assert found.makespan_s <= found.settled_s
    assert found.peak <= system.max_processors()
    assert found.cold <= found.invocations
    assert found.receives >= system.datapoints


def test_same_seed_gives_the_same_run():
    """Another seed gives another run."""
    system = System(datapoints=2_000, item_s=0.1, item_cv=1, p_fail=0.1, senders=10, collector_s=0.01)

    assert simulate(system, seed=3) == simulate(system, seed=3)
    assert simulate(system, seed=3) != simulate(system, seed=4)


def test_memory_does_not_grow_with_datapoints():
    """Ten times the datapoints, with retries, take hardly more memory."""

    def peak_bytes(count):
        system = System(datapoints=count, item_s=0.05, queue_batch=10, maximum_concurrency=50, p_fail=0.1)
        tracemalloc.start()
        simulate(system)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(40_000) < 1.5 * peak_bytes(4_000) + 20_000


def test_replicas_draw_their_own_inputs():
    """The interval contains the spread of inputs as well as chance."""
    found = replicate(lambda rng: System(datapoints=100, item_s=rng.uniform(1, 2)), replicas=20)

    assert len({one.makespan_s for one in found}) == 20


def test_account_below_the_mapping_throttles():
    """Throttles spend receives, which is why the template caps the mapping and not the function."""
    system = System(datapoints=3_000, item_s=1.0, account_concurrency=20, error_cut=0.0125)
    found = simulate(system)

    assert found.peak == 20
    assert found.lambda_throttles > 0


def test_table_at_its_limit_slows_the_handlers():
    """The makespan is that of the writes, and the capacity doubles after half an hour."""
    system = System(datapoints=30_000, item_s=0.01, queue_batch=10, writes_per_s=10, max_writes_per_s=20)
    found = simulate(system)

    assert found.makespan_s == pytest.approx(1_800 + (30_000 - 18_000) / 20, rel=0.01)
    assert found.table_throttles > 0


def test_window_fills_batches():
    """Messages that trickle in are gathered until a batch is full or the window ends."""
    trickle = {"datapoints": 1_000, "item_s": 0.01, "arrivals_per_s": 20, "queue_batch": 10}

    assert simulate(System(**trickle)).invocations == 1_000
    assert simulate(System(**trickle, window_s=0.25)).invocations < 250


def test_idle_environments_expire():
    """A datapoint every minute finds a warm environment, one every ten minutes a cold start."""
    often = System(datapoints=50, item_s=0.1, arrivals_per_s=1 / 60, init_s=0.5)
    seldom = System(datapoints=50, item_s=0.1, arrivals_per_s=1 / 600, init_s=0.5)

    assert simulate(often).cold == 1
    assert simulate(seldom).cold == 50


def test_requests_wait_for_the_accounts_environments():
    """A new account of 10 executions accepts 100 requests a second, and counts throttles of Lambda."""
    outcome = simulate(System(datapoints=1_000, item_s=0.01, senders=50, request_s=0.02, collector_s=0.001,
                              collector_rate_per_s=100))  # fmt: skip

    assert outcome.enqueued_s == pytest.approx(9, rel=0.05)
    assert outcome.lambda_throttles > 0 and outcome.api_throttles == 0
