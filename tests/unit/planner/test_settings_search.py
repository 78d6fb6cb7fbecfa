"""Search for the fastest and the cheapest setting."""

import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import settings_search
from lambdist_lib.planner.job import job_of

TABLE = assumptions.load()
WIDE = {"maximum_concurrency": 1000, "queue_batch": 10}


def test_best_settings_are_the_best_of_those_tried():
    """No setting tried is faster than the fastest by 1 %, or cheaper than the cheapest."""
    forecasts = settings_search.search(job_of(datapoints=10**6, work="io:50ms", settings=WIDE), TABLE)
    candidates = settings_search.possible(forecasts)
    fast, cheap = settings_search.fastest(forecasts), settings_search.cheapest(forecasts)

    assert all(setting.forecast.makespan_s * 1.01 >= fast.forecast.makespan_s for setting in candidates)
    assert all(setting.usd * 1.01 >= cheap.usd for setting in candidates)
    assert cheap.usd <= 1.01 * fast.usd


def test_search_skips_settings_that_would_time_out():
    """Ten times 5 s exceed 30 s."""
    forecasts = settings_search.search(job_of(datapoints=100, work="io:5s"), TABLE)

    assert {setting.job.number("QueueBatch") for setting in forecasts} == {1, 2, 5}


@pytest.mark.parametrize("work", ["none", "io:100ms", "cpu:50ms"])
@pytest.mark.parametrize("datapoints", [100, 10_000, 10**6])
def test_fastest_is_never_slower_than_the_setting_asked_for(datapoints, work):
    """Not even within the tolerance of 1 %."""
    job = job_of(datapoints=datapoints, chunks=1000, request_batch=100, work=work)
    forecasts = settings_search.search(job, TABLE)

    assert forecasts[0].settings()["processors"] == 1000
    assert settings_search.fastest(forecasts).forecast.makespan_s <= forecasts[0].forecast.makespan_s


def test_search_varies_all_five_settings():
    """Senders, processors, both batches and, for computing, memory."""
    forecasts = settings_search.search(job_of(datapoints=10**6, work="cpu:50ms"), TABLE)

    for name in ("chunks", "processors", "request_batch", "queue_batch", "memory_mb"):
        assert len({setting.settings()[name] for setting in forecasts}) >= 3, name


@pytest.mark.parametrize("work", ["io:50ms", "cpu:50ms"])
def test_skipped_settings_would_not_be_faster(work):
    """More senders or processors than those tried change nothing but the cost."""
    job = job_of(datapoints=50_000, chunks=10, work=work)
    fast = settings_search.fastest(settings_search.search(job, TABLE))
    for chunks in (10, 100, 1000):
        for processors in (10, 100, 1000):
            other = settings_search.with_settings(fast.job, **{**fast.settings(), "chunks": chunks,
                                                               "processors": processors})  # fmt: skip
            forecast = settings_search.evaluate(other, TABLE).forecast
            assert forecast.makespan_s * 1.02 >= fast.forecast.makespan_s
