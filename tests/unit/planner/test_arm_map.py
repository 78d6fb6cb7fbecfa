"""Which way wins over datapoints and work: a cell per size and work, each with its winner."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdist_lib.costs import assumptions
from lambdist_lib.measures.ways import fan_outs
from lambdist_lib.planner import arm_map
from lambdist_lib.planner.arm_map import COST, TIE, TIME, WayForecast
from lambdist_lib.planner.job import job_of

TABLE = assumptions.load()
JOB = arm_map.map_job(job_of(datapoints=100, chunks=20, work="io:20ms"), processors=1000)
ARMS = ("distributed", "queue_client", "invoke")


def way(arm, makespan_s, usd):
    return WayForecast(arm=arm, makespan_s=makespan_s, bottleneck="senders", usd_per_million=usd)


def test_every_cell_has_a_fastest_and_a_cheapest_way():
    table = arm_map.arm_map(JOB, TABLE, arms=ARMS, sizes=(10, 10**6), works_s=(0.01, 1.0))

    assert list(table.columns) == arm_map.COLUMNS
    assert len(table) == 2 * 2 * 2
    assert set(table["arm"]) <= set(ARMS)
    assert set(table["criterion"]) == {TIME, COST}
    assert (table["value"] > 0).all()


def test_a_queue_lets_the_cloud_be_wider_than_its_client():
    """Long work for many datapoints: 20 senders keep 20 calls open, and fill a queue for 1,000 processors."""
    table = arm_map.arm_map(JOB, TABLE, arms=("invoke", "queue_client"), sizes=(10, 10**5), works_s=(3.0,))
    fastest = table[table["criterion"] == TIME].set_index("datapoints")["arm"]

    assert fastest[10**5] == "queue_client"
    narrow = arm_map.map_job(JOB, processors=20)
    again = arm_map.arm_map(narrow, TABLE, arms=("invoke", "queue_client"), sizes=(10**5,), works_s=(3.0,))
    assert again[again["criterion"] == TIME]["arm"].item() == "invoke"


def test_a_way_that_cannot_finish_wins_nowhere():
    """The queue deletes a message after four days; a request of API Gateway ends after 29 s."""
    huge = replace(JOB, datapoints=10**9)
    long = replace(job_of(datapoints=10, request_batch=100, work="io:10s"), datapoints=10)

    assert [way.arm for way in arm_map.forecast_ways(huge, TABLE, ARMS)] == ["invoke"]
    assert "single_node_parallel" not in {
        way.arm for way in arm_map.forecast_ways(long, TABLE, ("single_node_parallel", "distributed"))
    }


def test_a_cell_that_no_way_can_finish_is_empty():
    table = arm_map.arm_map(JOB, TABLE, arms=("distributed",), sizes=(10**9,), works_s=(10.0,))

    assert list(table["arm"]) == ["", ""]
    assert table["value"].isna().all()


def test_of_equally_fast_ways_the_cheapest_wins():
    """And of equally cheap ones the fastest: 5 % is what a plan cannot tell apart."""
    ways = [way("distributed", 1.0, 7.0), way("invoke", TIE - 0.001, 2.0), way("queue_client", 1.2, 1.99)]

    fast, as_fast = arm_map.rank(ways, TIME)
    cheap, as_cheap = arm_map.rank(ways, COST)

    assert [each.arm for each in fast] == ["invoke", "distributed", "queue_client"]
    assert as_fast == ["distributed"]
    assert [each.arm for each in cheap] == ["invoke", "queue_client", "distributed"]
    assert as_cheap == ["queue_client"]


def test_the_quota_of_the_api_key_is_no_property_of_a_way():
    assert JOB.settings["QuotaRequests"] == "0"
    assert JOB.settings["MaximumConcurrency"] == "1000"
    assert arm_map.map_job(JOB, chunks=50).chunks == 50


def test_sizes_beyond_the_planners_most_are_left_out():
    sizes = arm_map.by_size(replace(JOB, datapoints=10**10), TABLE, arms=("invoke",), factors=(1, 10, 1000))

    assert list(sizes["times"]) == [1, 10]
    assert list(sizes.columns) == arm_map.SIZE_COLUMNS


def test_work_below_the_jobs_own_makes_process_shorter():
    """Time falls with work, also where process() alone takes longer than the cell."""
    slow = {**TABLE, "process_s": replace(TABLE["process_s"], value=0.5, low=0.4, high=0.6)}
    table = arm_map.arm_map(JOB, slow, arms=("invoke",), sizes=(1000,), works_s=(0.01, 0.5, 2.0))
    seconds = table[table["criterion"] == TIME]["value"].to_list()

    assert seconds == sorted(seconds) and seconds[0] < 10 < seconds[2]


@pytest.mark.parametrize("arm", [arm for arm in fan_outs() if arm in ("storage_first", "distributed")])
def test_one_way_wins_everywhere_against_nobody(arm):
    table = arm_map.arm_map(JOB, TABLE, arms=(arm,), sizes=(10,), works_s=(0.1,))

    assert set(table["arm"]) == {arm}
    assert set(table["runner_up"]) == set(table["tied"]) == {""}


WAYS = st.lists(
    st.builds(way, st.sampled_from(fan_outs()), st.sampled_from([0.5, 1.0, 1.02, 1.06, 9.0]),
              st.sampled_from([0.1, 1.0, 1.04, 3.0])),
    unique_by=lambda each: each.arm, max_size=5,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(WAYS)
def test_any_ranking_keeps_all_ways_and_leads_with_one_of_the_best(ways):
    """None, one or many, with ties: the leader is within 5 % of the least, and the ties are named."""
    for criterion, key in ((TIME, "makespan_s"), (COST, "usd_per_million")):
        ranked, tied = arm_map.rank(ways, criterion)
        assert sorted(each.arm for each in ranked) == sorted(each.arm for each in ways)
        if ways:
            least = min(getattr(each, key) for each in ways)
            assert getattr(ranked[0], key) <= least * TIE
            alike = {each.arm for each in ways if getattr(each, key) <= least * TIE}
            assert {ranked[0].arm, *tied} == alike
        else:
            assert tied == []
