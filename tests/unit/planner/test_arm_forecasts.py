"""Closed forms of the arms: control, parallel control and instance."""

import pytest

from lambdist_lib.costs import assumptions, bill, estimate
from lambdist_lib.planner import arm_forecasts, arm_predictions
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, PARALLEL, POOL, SINGLE_NODE, forecast_arm
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.fluid.phases import SENDERS
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import values

TABLE = assumptions.load()
VALUE = values(TABLE)


def test_parallel_control_divides_the_requests_among_its_senders():
    """Ten rounds of 20 senders take a twentieth of 200 requests by one sender."""
    job = job_of(datapoints=200, chunks=20, work="io:100ms")
    single, parallel = (forecast_arm(arm, job, VALUE) for arm in (SINGLE_NODE, PARALLEL))

    assert parallel.makespan_s == pytest.approx(single.makespan_s / 20)
    assert single.bottleneck == parallel.bottleneck == phases.SENDERS


@pytest.mark.parametrize(
    ("job", "limits", "bottleneck"),
    [
        ({"chunks": 1000}, {"account_concurrency": 10}, phases.ENVIRONMENTS),
        ({"chunks": 1000, "work": "io:1s"}, {"account_concurrency": 10}, phases.COLLECTORS),
        ({"chunks": 1000}, {"api_rate_per_s": 500, "api_burst": 100}, phases.API),
        ({"chunks": 1000}, {"table_writes_per_s": 100}, phases.TABLE),
        ({"chunks": 2}, {}, phases.SENDERS),
    ],
)
def test_parallel_control_has_the_limits_of_api_account_and_table(job, limits, bottleneck):
    """The narrowest limit is the bottleneck."""
    forecast = forecast_arm(PARALLEL, job_of(datapoints=10_000, **job), {**VALUE, **limits})

    assert forecast.bottleneck == bottleneck


def test_pool_waits_in_rounds_and_computes_on_two_cores():
    """20 processes wait at once; computing needs 50 ms of one of two cores for each datapoint."""
    waiting = forecast_arm(POOL, job_of(datapoints=200, work="io:100ms"), VALUE)
    computing = forecast_arm(POOL, job_of(datapoints=200, work="cpu:50ms"), VALUE)

    assert waiting.makespan_s == pytest.approx(VALUE["pool_start_s"] + 10 * 0.1005)
    assert computing.makespan_s == pytest.approx(VALUE["pool_start_s"] + 200 * 0.0505 / 2)
    assert (waiting.bottleneck, computing.bottleneck) == (arm_forecasts.PROCESSES, arm_forecasts.CORES)


@pytest.mark.parametrize("arm", arm_forecasts.PREDICTED)
def test_warm_arms_are_not_slower_than_cold_ones(arm):
    """A warm environment saves the cold start; the pool has none."""
    job = job_of(datapoints=500, work="io:50ms")

    warm, cold = (forecast_arm(arm, job, VALUE, warm=warm).makespan_s for warm in (True, False))
    assert warm <= cold
    assert (warm == cold) == (arm == POOL)


def test_queue_costs_more_than_the_control():
    """The fan-out pays for the queue and a second Lambda."""
    job = job_of(datapoints=10_000, work="io:50ms")

    assert arm_forecasts.usd(DISTRIBUTED, job, TABLE) > arm_forecasts.usd(PARALLEL, job, TABLE) > 0
    assert arm_forecasts.usd(PARALLEL, job, TABLE) == pytest.approx(
        arm_forecasts.usd(SINGLE_NODE, job, TABLE), rel=0.15
    )


@pytest.mark.parametrize("arm", ["queue_client", "storage_first", "invoke"])
def test_each_way_is_predicted_with_its_bottleneck(arm):
    """A job that its senders bound is faster without the collector, or without the API."""
    job = job_of(datapoints=10_000, chunks=20)
    forecast, fan_out = (forecast_arm(name, job, VALUE) for name in (arm, DISTRIBUTED))

    assert forecast.bottleneck == fan_out.bottleneck == SENDERS
    assert forecast.makespan_s < fan_out.makespan_s


def test_queue_client_is_not_bound_by_the_api():
    """The API's throttle slows the fan-out and not a client that writes to the queue."""
    slow, job = {**VALUE, "api_rate_per_s": 10, "api_burst": 1}, job_of(datapoints=1_000, chunks=20)

    fan_out, direct, first = (
        forecast_arm(arm, job, slow) for arm in (DISTRIBUTED, "queue_client", "storage_first")
    )

    assert fan_out.makespan_s > 90 and first.makespan_s > 90
    assert direct.makespan_s < 10


@pytest.mark.parametrize(
    ("arm", "usd"),
    [("queue_client", 2.74), ("storage_first", 6.24), ("invoke", 1.54), ("distributed_map", 2.64)],
)
def test_cost_of_a_million_agrees_with_the_estimate(arm, usd):
    """The planner's count and the closed form give the same bill."""
    job = job_of(datapoints=1_000_000, chunks=20)
    parts = estimate.predict(TABLE, arm=arm, datapoints=1e6)

    assert arm_forecasts.usd(arm, job, TABLE) == pytest.approx(usd, rel=0.01)
    assert bill.total_usd(bill.line_items(bill.total(parts), TABLE)) == pytest.approx(usd, rel=0.01)


def test_a_map_waits_for_its_start_and_then_for_its_width():
    """A small job takes the start-up of the map, a large one its children; senders and API do not count."""
    small, large = job_of(datapoints=131, chunks=20, work="io:20ms"), job_of(datapoints=50_000, chunks=20)
    slow = {**VALUE, "api_rate_per_s": 1, "api_burst": 1}

    first, second = (forecast_arm("distributed_map", job, slow) for job in (small, large))

    assert first.bottleneck == arm_forecasts.MAP_START
    assert VALUE["map_fixed_s"] < first.makespan_s < VALUE["map_fixed_s"] + 1
    assert second.bottleneck == arm_forecasts.MAP_WIDTH
    at_least_s = 50_000 * (VALUE["process_s"] + VALUE["put_s"]) / 20
    assert at_least_s < second.makespan_s < 2 * at_least_s + 10


def test_the_start_of_a_map_is_its_largest_uncertainty():
    """One report is all that is known of it."""
    text = arm_predictions.most_sensitive("distributed_map", job_of(datapoints=131, chunks=20), TABLE)

    assert text.startswith("1 to 10 s of a Distributed Map") and "(map_fixed_s): " in text
