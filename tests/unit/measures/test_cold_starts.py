"""Measure cold starts and their cost."""

import math

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.measures import cold_starts
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))


NO_RUNS = pd.DataFrame(columns=list(RUNS))


def test_cold_starts_are_counted_by_invocation():
    """A cold batch of ten is one cold start, and an environment's init counts once."""
    called = frames.invocations(50, cold=5).assign(received=10)

    row = cold_starts.summary(called).iloc[0]

    assert (row["function"], row["invocations"], row["cold"], row["environments"]) == ("processor", 50, 5, 5)
    assert row["share"] == 0.1
    assert row["low"] < 0.1 < row["high"]
    assert row["init_median_s"] == called.loc[:4, "init_s"].median()
    assert row["init_max_s"] == called.loc[:4, "init_s"].max()
    assert row["cold_median_s"] > row["warm_median_s"]


def test_all_cold_has_no_warm_median():
    row = cold_starts.summary(frames.invocations(4, cold=4)).iloc[0]

    assert (row["share"], row["high"]) == (1, 1)
    assert math.isnan(row["warm_median_s"])


def test_all_warm_has_no_init():
    """The environments' inits were paid before; they are not this run's cold starts."""
    row = cold_starts.summary(frames.invocations(40, cold=0)).iloc[0]

    assert (row["share"], row["low"]) == (0, 0)
    assert math.isnan(row["init_median_s"])
    assert math.isnan(row["cold_median_s"])


def test_without_invocations_there_is_an_empty_table():
    assert cold_starts.summary(NO_INVOCATIONS).empty
    assert cold_starts.by_run(NO_INVOCATIONS, NO_RUNS).empty
    assert cold_starts.delayed_datapoints(NO_RECORDS).empty


def test_by_run_keeps_a_run_whose_logs_are_missing():
    """It has no function and no share, instead of no row."""
    runs = frames.runs(1)
    called = pd.concat(
        frames.invocations(20, cold=cold, function=function, run_id="run-1-distributed")
        for cold, function in ((2, "collector"), (4, "processor"))
    )

    table = cold_starts.by_run(called, runs).set_index(["run_id", "function"])

    assert table.loc[("run-1-distributed", "processor"), ["invocations", "cold", "share"]].tolist() == [
        20,
        4,
        0.2,
    ]
    assert table.loc[("run-1-distributed", "collector"), "temperature"] == "warm"
    assert table.loc[("run-1-single-node", ""), "invocations"] == 0
    assert math.isnan(table.loc[("run-1-single-node", ""), "share"])


def test_a_datapoint_waits_on_either_lambda():
    """Cold at the entry, cold at the processor, or both: it waited once."""
    records = frames.records(10)
    records.loc[[0, 1], "entry_cold"] = True
    records.loc[[1, 2], "cold"] = True
    runs = frames.runs(1).assign(run_id=["other", "run-1"])

    row = cold_starts.delayed_datapoints(records, runs).iloc[0]

    assert (row["stored"], row["waited"], row["share"], row["temperature"]) == (10, 3, 0.3, "warm")


def test_nobody_waits_where_nothing_is_stored():
    row = cold_starts.delayed_datapoints(frames.records(3, dead=range(3))).iloc[0]

    assert (row["stored"], row["waited"]) == (0, 0)
    assert math.isnan(row["share"])


def test_inits_have_percentiles():
    table = cold_starts.init_durations(frames.invocations(100, cold=40))

    assert table["n"].tolist() == [40] * 3
    assert table.loc[table["percentile"] == 0.5, "value_s"].item() == pytest.approx(0.35, rel=0.2)
    assert table.loc[table["percentile"] == 0.99, "note"].item() == "not estimable: n = 40, 368 needed"
    assert cold_starts.init_durations(NO_INVOCATIONS).empty


def test_bursts_are_cold_starts_per_second():
    """An invocation each 50 ms, the first 30 of them cold: twenty in the first second, ten in the next."""
    table = cold_starts.bursts(frames.invocations(100, cold=30).assign(duration_s=0.01))

    assert table[["at_s", "cold"]].to_numpy().tolist() == [[0, 20], [1, 10]]
    assert cold_starts.bursts(frames.invocations(10, cold=0)).empty
    assert cold_starts.bursts(NO_INVOCATIONS).empty


def test_an_environment_is_told_by_its_first_and_last_invocation():
    """Two made in this run, one that was there before; the one without a duration begins with its line."""
    called = frames.invocations(6, cold=2).assign(
        environment_id=["a", "b", "a", "c", "b", "a"], cold=[True, True, False, False, False, False],
        duration_s=[0.02, 0.02, 0.02, 0.02, 0.02, math.nan],
    )  # fmt: skip

    table = cold_starts.environments(called)

    assert table["environment_id"].tolist() == ["a", "b", "c"]
    assert table["fresh"].tolist() == [True, True, False]
    assert table["invocations"].tolist() == [3, 2, 1]
    assert table["first_s"].tolist() == pytest.approx([0, 0.05, 0.15], abs=1e-6)
    assert table["last_s"].tolist() == pytest.approx([0.27, 0.22, 0.17], abs=1e-6)
    assert cold_starts.environments(NO_INVOCATIONS).empty


def test_waiting_has_an_interval():
    row = cold_starts.delayed_datapoints(frames.records(100, cold=10)).iloc[0]

    assert row["low"] < row["share"] == 0.1 < row["high"]


def test_a_first_invocation_without_a_gap_is_not_told_apart():
    """As on the local cloud, which writes no INIT_START."""
    found = cold_starts.classify(frames.invocations(4, cold=1))

    assert found.tolist() == ["first, cold or proactive", "warm", "warm", "warm"]


def test_an_environment_made_long_before_was_proactive():
    called = frames.invocations(4, cold=3).assign(init_to_invoke_s=[0.01, 42.0, math.nan, math.nan])

    assert cold_starts.classify(called).tolist() == ["cold", "proactive", "first, cold or proactive", "warm"]
