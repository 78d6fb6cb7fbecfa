"""A prediction: its method, its intervals and the control."""

import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import predict
from lambdist_lib.planner.arm_forecasts import SINGLE_NODE, forecast_arm
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import values

TABLE = assumptions.load()
WIDE = {"maximum_concurrency": 1000, "queue_batch": 10}


def planned(**job):
    return predict.predict(job_of(**job), TABLE)


def test_small_jobs_are_simulated_and_large_ones_use_the_fluid_model():
    """The method is named; both give an interval around the fluid makespan."""
    small, large = planned(datapoints=500, work="io:100ms"), planned(datapoints=10**7, settings=WIDE)

    assert small["method"].startswith("exact") and large["method"].startswith("fluid")
    assert small["makespan_s"]["value"] == pytest.approx(small["fluid_makespan_s"], rel=0.15)
    assert small["lambda_throttles"]["value"] == 0
    assert small["api_throttles"]["value"] == large["api_throttles"]["value"] == 0


def test_same_seed_gives_the_same_plan():
    """Two calls return equal plans."""
    assert planned(datapoints=200, work="io:20ms") == planned(datapoints=200, work="io:20ms")


def test_single_node_is_the_sum_of_its_requests():
    """One sender, request by request: network, handler and work of each, and one cold start."""
    job = job_of(datapoints=100, request_batch=10, work="io:100ms")
    single = forecast_arm(SINGLE_NODE, job, values(TABLE), warm=False)

    expected_s = 10 * (0.02 + 0.02 + 0.003) + 100 * (0.1 + 0.006 + 0.0005) + 0.48
    assert single.makespan_s == pytest.approx(expected_s)


@pytest.mark.parametrize("datapoints", [1_000, 10_000, 10**7])
def test_a_speedup_compares_like_with_like(datapoints):
    """The network's spread is skewed: it makes both arms slower than its own value does, and alike."""
    plan = planned(datapoints=datapoints)
    single_s = forecast_arm(SINGLE_NODE, job_of(datapoints=datapoints), values(TABLE), warm=False).makespan_s

    assert plan["single_node"]["makespan_s"] > 1.2 * single_s
    assert plan["single_node"]["speedup"] == pytest.approx(single_s / plan["fluid_makespan_s"], rel=0.1)
    assert plan["single_node"]["speedup"] < plan["single_node"]["ceiling"]


def test_fastest_setting_is_not_slower_than_the_plan():
    """Both are on the scale of the plan's makespan."""
    for datapoints in (200, 5_000, 10**6):
        plan = planned(datapoints=datapoints, chunks=100, work="io:100ms")
        assert plan["settings"]["fastest"]["makespan_s"] <= plan["makespan_s"]["value"]
