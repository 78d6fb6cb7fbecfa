"""Measure how many executions run at once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import concurrency
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


SPANS = concurrency.COLUMNS


def spans(*rows, run_id="run-1"):
    return pd.DataFrame([(run_id, "distributed", *row) for row in rows], columns=SPANS)


def test_over_time_counts_executions_at_once():
    """A span that ends when another begins does not overlap it."""
    table = concurrency.over_time(spans(("a", 0, 2), ("b", 1, 3), ("a", 2, 4)))

    assert table[["at_s", "running", "environments"]].to_numpy().tolist() == [
        [0, 1, 1],
        [1, 2, 2],
        [2, 2, 2],
        [3, 1, 2],
        [4, 0, 2],
    ]


def test_over_time_has_the_work_as_its_area():
    """The integral of the concurrency is the sum of the durations."""
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


def test_summary_has_one_row_per_run():
    """Runs do not overlap, whatever their times."""
    both = pd.concat([spans(("a", 0, 2)), spans(("a", 100, 102), ("b", 101, 103), run_id="run-2")])

    table = concurrency.summary(both)

    assert table["peak"].tolist() == [1, 2]
    assert concurrency.over_time(both).groupby("run_id")["at_s"].min().tolist() == [0, 0]


def test_spans_are_of_stored_datapoints():
    """A dead datapoint has no span."""
    records = frames.records(20, dead={3})

    table = concurrency.spans(records)

    assert len(table) == 19
    assert concurrency.summary(table).loc[0, "environments"] == 8


def test_concurrency_of_no_spans_is_empty():
    """Tables without spans have no rows."""
    for table in (concurrency.spans(NO_RECORDS), concurrency.spans(frames.records(3, dead=range(3)))):
        assert concurrency.summary(table).empty
        assert concurrency.over_time(table).empty


def test_spans_that_end_before_they_begin_are_refused():
    """A clock that was set back is reported."""
    records = frames.records(4)
    records.loc[2, "put_at"] = records.loc[2, "started_at"] - 1

    with pytest.raises(RunError, match="run run-1: 1 executions end before they begin"):
        concurrency.spans(records)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), min_size=1, max_size=40))
def test_summary_has_the_peak_of_over_time(begins_and_lengths):
    """Spans that touch, repeat or last no time count in both alike."""
    table = spans(*(("a", begin, begin + length) for begin, length in begins_and_lengths))

    assert concurrency.summary(table)["peak"].tolist() == [concurrency.over_time(table)["running"].max()]
