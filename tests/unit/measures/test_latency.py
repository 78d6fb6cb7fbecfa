import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import quantile_test
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import concurrency, latency
from lambdist_lib.measures.intervals import quantiles, values_needed
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
SPANS = concurrency.COLUMNS


def spans(*rows, run_id="run-1"):
    return pd.DataFrame([(run_id, "distributed", *row) for row in rows], columns=SPANS)


# -- quantiles


@pytest.mark.parametrize(("p", "least"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_a_tail_needs_many_values(p, least):
    """The numbers of facts.md, section 5; one fewer is not estimable."""
    assert values_needed(p) == least
    [enough] = quantiles(pd.Series(np.arange(least)), (p,))
    [few] = quantiles(pd.Series(np.arange(least - 1)), (p,))
    assert math.isfinite(enough.high)
    assert math.isnan(few.high)
    if p == 0.5:
        assert (few.value, few.note) == (2, "no interval: n = 5, 6 needed")
    else:
        assert math.isnan(few.value)
        assert few.note == f"not estimable: n = {least - 1}, {least} needed"


@given(
    count=st.integers(6, 900), p=st.sampled_from([0.5, 0.9, 0.99]), confidence=st.sampled_from([0.9, 0.95])
)
def test_intervals_are_scipys(count, p, confidence):
    values = np.random.default_rng(count).exponential(size=count)

    [found] = quantiles(pd.Series(values), (p,), confidence)

    if found.n >= values_needed(p, confidence):
        theirs = quantile_test(values, q=1, p=p).confidence_interval(confidence)
        assert (found.low, found.high) == (theirs.low, theirs.high)


def test_an_interval_of_a_percentile_covers():
    """1,000 samples of 400 from an exponential: the 95 % interval of its p90 holds the truth."""
    rng = np.random.default_rng(20260709)
    truth = math.log(10)

    found = [quantiles(pd.Series(rng.exponential(size=400)), (0.9,))[0] for _ in range(1_000)]

    assert 0.94 < np.mean([one.low <= truth <= one.high for one in found]) < 0.975


def test_missing_values_do_not_count():
    [found] = quantiles(pd.Series([1.0, math.nan, 3.0]), (0.5,))

    assert (found.value, found.n) == (2, 2)


# -- latency


def test_latency_counts_from_the_intended_send():
    """A client that stalls for 3 s before it sends makes the datapoint 3 s late."""
    prompt, stalled = frames.records(1), frames.records(1)
    stalled["intended_at"] -= 3

    late = latency.per_datapoint(stalled) if len(stalled) else None

    assert late.loc[0, "answer_s"] == pytest.approx(latency.per_datapoint(prompt).loc[0, "answer_s"] + 3)


def test_percentiles_by_arm_and_temperature():
    runs = frames.runs(1, cold_pairs=1)
    records = pd.concat(
        [
            frames.records(400, arm=run.arm, run_id=run.run_id, cold=30 if run.temperature == "cold" else 0)
            for run in runs.itertuples()
        ]
    )

    table = latency.table(records, runs)

    assert len(table) == 2 * 2 * 2 * 3
    assert (table["low_s"] <= table["value_s"]).all()
    assert (table["value_s"] <= table["high_s"]).all()
    tail = table[(table["latency"] == "end_to_end") & (table["percentile"] == 0.99)]
    tail = tail.set_index(["arm", "temperature"])["value_s"]
    assert tail["distributed", "cold"] > tail["distributed", "warm"]


def test_a_tail_of_few_is_not_estimable():
    table = latency.table(frames.records(131, dead={129, 130}))

    assert set(table["temperature"]) == {"as found"}
    assert table["n"].tolist() == [131] * 3 + [129] * 3
    assert table.loc[table["percentile"] == 0.99, "note"].str.startswith("not estimable: n = 1").all()
    assert table.loc[table["percentile"] < 0.99, "value_s"].notna().all()


def test_all_dead_have_no_end_to_end_latency():
    table = latency.table(frames.records(10, dead=range(10)))

    assert table.loc[table["latency"] == "end_to_end", "n"].tolist() == [0, 0, 0]
    assert latency.table(NO_RECORDS).empty


def test_an_answer_before_its_send_is_refused():
    records = frames.records(5)
    records.loc[3, "answered_at"] = records.loc[3, "intended_at"] - 2

    with pytest.raises(
        RunError, match=r"run run-1: 1 datapoints have a negative answer time, down to -2.000 s"
    ):
        latency.per_datapoint(records)


# -- concurrency


def test_concurrency_is_what_runs_at_once():
    """Three in two environments; where one ends as another begins they do not overlap."""
    table = concurrency.over_time(spans(("a", 0, 2), ("b", 1, 3), ("a", 2, 4)))

    assert table[["at_s", "running", "environments"]].to_numpy().tolist() == [
        [0, 1, 1],
        [1, 2, 2],
        [2, 2, 2],
        [3, 1, 2],
        [4, 0, 2],
    ]


def test_the_area_is_the_work_done():
    """Whatever the spans: the integral of the steps is the sum of the durations."""
    rng = np.random.default_rng(4)
    begin = rng.random(200) * 10
    some = spans(*zip(rng.integers(0, 8, 200).astype(str), begin, begin + rng.random(200), strict=True))

    steps, row = concurrency.over_time(some), concurrency.summary(some).iloc[0]

    area = (steps["running"].iloc[:-1].to_numpy() * np.diff(steps["at_s"])).sum()
    assert area == pytest.approx(row["work_s"])
    assert steps["running"].iloc[-1] == 0
    assert (steps["running"] >= 0).all()
    assert row["mean"] * row["span_s"] == pytest.approx(row["work_s"])
    assert (row["executions"], row["environments"], row["reuse"]) == (200, 8, 25)


def test_runs_are_counted_apart():
    both = pd.concat([spans(("a", 0, 2)), spans(("a", 100, 102), ("b", 101, 103), run_id="run-2")])

    table = concurrency.summary(both)

    assert table["peak"].tolist() == [1, 2]
    assert concurrency.over_time(both).groupby("run_id")["at_s"].min().tolist() == [0, 0]


def test_an_environment_is_used_again():
    table = concurrency.reuse(spans(("a", 1, 2), ("b", 3, 4), ("a", 2, 3)))

    assert table[["environment_id", "executions", "first_s"]].to_numpy().tolist() == [
        ["a", 2, 0],
        ["b", 1, 2],
    ]


def test_records_give_spans_of_what_was_stored():
    records = frames.records(20, dead={3})

    table = concurrency.spans(records)

    assert len(table) == 19
    assert concurrency.summary(table).loc[0, "environments"] == 8


def test_nothing_ran():
    for table in (concurrency.spans(NO_RECORDS), concurrency.spans(frames.records(3, dead=range(3)))):
        assert concurrency.summary(table).empty
        assert concurrency.over_time(table).empty
        assert concurrency.reuse(table).empty


def test_executions_that_end_before_they_begin_are_refused():
    records = frames.records(4)
    records.loc[2, "put_at"] = records.loc[2, "started_at"] - 1

    with pytest.raises(RunError, match="run run-1: 1 executions end before they begin"):
        concurrency.spans(records)
