"""Several ways of fanning out, side by side: times, CPU seconds, cold starts, failures."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ways
from lambdist_lib.measures.finding import finding
from lambdist_lib.measures.speedup import FASTER, NO_DIFFERENCE, SLOWER
from lambdist_lib.protocol.arms import ARMS

NONE = frames.invocations(0)


def runs_of(seconds, pairs=6, **columns):
    """Warm runs of each arm, by the seconds that it takes; a pair shares a drift."""
    rng = np.random.default_rng(1)
    [_, run] = frames.runs(1).to_dict("records")
    rows = []
    for pair in range(1, pairs + 1):
        drift = rng.lognormal(0, 0.05)
        for arm, base_s in seconds.items():
            rows.append({**run, "arm": arm, "run_id": f"{arm}-{pair}", "pair": pair,
                         "client_cpu_s": base_s / 2,
                         "makespan_s": base_s * drift * rng.lognormal(0, 0.01)})  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def test_fan_outs_are_the_arms_that_work_on_many_datapoints_at_once_in_a_cloud():
    assert set(ARMS) - set(ways.fan_outs()) == {"single_node", "as_original", "local_pool"}


def test_each_way_is_compared_with_the_fan_out():
    """Its own median, how many times faster than the reference with an interval, and its CPU seconds."""
    table = ways.by_way(runs_of({"distributed": 2.0, "invoke": 1.0, "storage_first": 4.0}), NONE)
    rows = table.set_index("arm")

    assert list(rows.index) == ["distributed", "invoke", "storage_first"]
    assert math.isnan(rows.loc["distributed", "ratio"])
    assert rows.loc["invoke", "low"] < rows.loc["invoke", "ratio"] < rows.loc["invoke", "high"]
    assert (rows.loc["invoke", "verdict"], rows.loc["storage_first", "verdict"]) == (FASTER, SLOWER)
    assert rows.loc["invoke", "cpu_s"] == 0.5


def test_cold_runs_count_apart():
    """Their time and their cold starts stand beside the warm median, and do not enter it."""
    warm = runs_of({"distributed": 2.0, "invoke": 1.0})
    cold = runs_of({"distributed": 9.0, "invoke": 8.0}, pairs=1, temperature="cold").assign(pair=0)
    cold["run_id"] = "cold-" + cold["arm"]
    invocations = frames.invocations(20, cold=7, run_id="cold-invoke", function="single_node")

    rows = ways.by_way(pd.concat([warm, cold]), invocations).set_index("arm")

    assert rows.loc["invoke", "median_s"] < 2
    assert 6 < rows.loc["invoke", "cold_s"] < 10
    assert rows.loc["invoke", "cold_starts"] == 7
    assert math.isnan(rows.loc["distributed", "cold_starts"])  # its log lines are missing


def test_the_fastest_names_what_the_runs_do_not_separate_from_it():
    runs = runs_of({"distributed": 2.0, "invoke": 1.0, "queue_client": 1.0, "storage_first": 4.0})

    best, alike = ways.fastest(ways.by_way(runs, NONE), runs)

    assert {best, *alike} == {"invoke", "queue_client"}


def test_one_way_is_compared_with_nothing():
    runs = runs_of({"invoke": 1.0})
    table = ways.by_way(runs, NONE)

    assert ways.compare_ways(runs) == []
    assert list(table["verdict"]) == ["the reference"]
    assert ways.fastest(table, runs) == ("invoke", [])


def test_runs_in_which_every_datapoint_died_have_no_fastest_way():
    """Nothing was stored, so there is no time until the last datapoint is stored."""
    runs = runs_of({"distributed": 2.0, "invoke": 1.0}).assign(stored=0, dead=131, makespan_s=math.nan)
    table = ways.by_way(runs, NONE)

    assert table["median_s"].isna().all()
    assert ways.fastest(table, runs) == ("", [])


def test_runs_without_a_known_arm_are_an_error():
    with pytest.raises(RunError):
        ways.reference_of(["url"])


def test_failures_stand_beside_the_plan():
    """Dead against planned to die; a run without a plan has none."""
    records = pd.concat([
        frames.records(20, dead=(3, 4), arm="distributed", run_id="d"),
        frames.records(20, dead=(3,), arm="single_node_parallel", run_id="p"),
    ])  # fmt: skip
    expected = pd.DataFrame({"run_id": ["d", "d", "p"], "outcome": ["dead", "dead", "dead"]})

    planned, unplanned = ways.failures(records, expected), ways.failures(records, expected.head(0))

    rows = planned.set_index("arm")
    assert rows.loc["distributed", ["stored", "dead", "to_die", "failed_attempts"]].to_list() == [
        18,
        2,
        2,
        10,
    ]
    assert rows.loc["single_node_parallel", "to_die"] == 1
    assert unplanned["to_die"].isna().all()


def test_failures_are_judged_by_their_plan():
    """As many as planned, others than planned, or no plan."""
    table = pd.DataFrame({"arm": ["distributed", "queue_client"], "dead": [2, 3], "to_die": [2.0, 3.0]})

    assert ways.failures_sentence(table, "raise:0.1").endswith("as planned: distributed 2, queue client 3.")
    other = ways.failures_sentence(table.assign(to_die=[2.0, 1.0]), "raise:0.1")
    assert other.endswith("than planned: 3 instead of 1 in queue client.")
    assert "no way had a plan" in ways.failures_sentence(table.assign(to_die=math.nan), "none")


def test_the_finding_of_ways_names_each_with_its_interval():
    """Without a control the fan-out is what the others are compared with."""
    text = finding(runs_of({"distributed": 2.0, "invoke": 1.0, "storage_first": 4.0}), "local cloud")

    assert "Distributed takes 2" in text
    assert "invoke (1" in text and "times faster (" in text
    assert "storage first (4" in text and "times slower (" in text
    assert "95 % intervals, n = 6 warm pairs" in text

    assert "Beware: storage first: " in text

    text = finding(runs_of({"distributed": 2.0, "invoke": 1.0}, pairs=3), "local cloud")
    assert "(n = 3 warm pairs; no interval" in text


def test_the_finding_adds_further_ways_to_the_control():
    runs = runs_of({"distributed": 2.0, "single_node": 9.0, "queue_client": 1.0})

    text = finding(runs, "local cloud")

    assert "times faster than single node" in text
    assert "Against distributed, queue client (1" in text


def test_pairs_end_with_the_way_that_is_known_least():
    """Its ratios decide; with the fan-out and its control, theirs do."""
    runs = runs_of({"distributed": 2.0, "invoke": 1.0, "queue_client": 1.0})
    wild = (runs["arm"] == "queue_client") & (runs["pair"] % 2 == 0)
    runs.loc[wild, "makespan_s"] *= 3

    assert ways.watched_ratios(runs).max() / ways.watched_ratios(runs).min() > 2
    with_control = pd.concat([runs, runs_of({"single_node": 8.0})])
    assert (ways.watched_ratios(with_control) > 3).all()
    assert ways.watched_ratios(runs.head(0)).empty


TIMES = st.floats(0.001, 1e5)
SOME = st.dictionaries(st.sampled_from(sorted(ARMS)), TIMES, min_size=1, max_size=5)


@settings(max_examples=15, deadline=None)
@given(SOME, st.integers(1, 7), st.booleans())
def test_any_ways_have_a_row_each_and_a_fastest_one(seconds, pairs, equal):
    """One arm or many, ties or not: a row per arm, and the fastest has the least median."""
    if equal:
        seconds = dict.fromkeys(seconds, 1.0)
    runs = runs_of(seconds, pairs)

    table = ways.by_way(runs, NONE)
    best, alike = ways.fastest(table, runs)

    assert sorted(table["arm"]) == sorted(seconds)
    assert table.set_index("arm").loc[best, "median_s"] == table["median_s"].min()
    assert best not in alike and set(alike) < set(seconds) | {""}
    if pairs < 6:  # no interval, so none is shown to be slower
        assert len(alike) == len(seconds) - 1
    known = table.dropna(subset="ratio")
    assert ((known["verdict"] != FASTER) | (known["low"] > 1)).all()
    assert set(table["verdict"]) <= {FASTER, SLOWER, NO_DIFFERENCE, "the reference",
                                     "no interval: n too small"}  # fmt: skip
