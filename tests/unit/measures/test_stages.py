"""Split the time of a datapoint into stages."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import stages
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


@pytest.mark.parametrize("arm", ["distributed", "single_node", "single_node_parallel"])
def test_stages_add_up_to_the_whole_time(arm):
    """No gap and no overlap between intended send and write, and only for what was stored."""
    table = stages.per_datapoint(frames.records(50, arm=arm, dead={7}, cold=5))

    assert len(table) == 49
    assert (table[list(stages.COLUMNS)].sum(axis="columns") == table["end_to_end_s"]).all()
    assert (table["end_to_end_s"] > 0).all()
    stages.check(table)


# stamps resolve 2**-22 s at today's epoch, where their differences and sums are exact
TICKS = st.integers(0, 60 * 2**22)


@given(st.lists(st.lists(TICKS, min_size=8, max_size=8), min_size=1, max_size=10))
def test_any_stamps_add_up_exactly(ticks):
    """Also stamps out of order: a stage may then be negative, the sum is still the whole."""
    names = [
        "intended_at",
        "sent_at",
        "received_at",
        "queued_at",
        "first_received_at",
        "started_at",
        "finished_at",
    ]
    records = frames.records(len(ticks))
    records[[*names, "put_at"]] = frames.BEGAN_AT + np.array(ticks) / 2**22

    table = stages.per_datapoint(records)

    assert (table[list(stages.COLUMNS)].sum(axis="columns") == table["end_to_end_s"]).all()


def test_the_control_has_no_queue():
    table = stages.per_datapoint(frames.records(5, arm="single_node"))

    assert table[["collector_s", "queue_s"]].isna().all(axis=None)


def test_a_late_answer_does_not_make_time_run_backwards():
    """An unanswered try had been accepted: the next one went out after the Lambda had it."""
    records = frames.records(3)
    records.loc[1, ["tries", "sent_at"]] = [2, records.loc[1, "received_at"] + 2]

    table = stages.per_datapoint(records)

    assert table.loc[1, "to_entry_s"] == 0
    stages.check(table)


def test_clocks_that_run_backwards_are_refused():
    records = frames.records(5)
    records.loc[2:3, "sent_at"] += [0.5, 0.2]

    with pytest.raises(RunError, match=r"run run-1: to_entry lasts -4.* ms for the worst of 2 datapoints"):
        stages.check(stages.per_datapoint(records))


def test_sqs_stamps_may_be_cut_by_a_millisecond():
    """Queued by its stamp 0.9 ms before the collector began: within the bound; 2 ms before: not."""
    records = frames.records(1)
    records["queued_at"] = records["received_at"] - 0.0009
    stages.check(stages.per_datapoint(records))

    records["queued_at"] = records["received_at"] - 0.002
    with pytest.raises(RunError, match="collector"):
        stages.check(stages.per_datapoint(records))
    stages.check(stages.per_datapoint(records), bound_s=0.003)


def test_the_summary_shares_the_whole_time_out():
    """Per arm, the stages' shares add up to 1, and a row for the whole follows them."""
    both = pd.concat([frames.records(30, cold=10), frames.records(30, arm="single_node", run_id="run-2")])

    summary = stages.summary(both)

    parts = summary[summary["stage"] != "end_to_end"]
    assert parts.groupby("arm")["share"].sum().to_numpy() == pytest.approx([1, 1])
    assert parts.loc[parts["arm"] == "distributed", "stage"].tolist() == list(stages.NAMES)
    assert summary.groupby("arm")["stage"].last().tolist() == ["end_to_end", "end_to_end"]
    assert (summary["p90_s"] >= summary["median_s"]).all()


def test_a_missing_stamp_shows_as_a_smaller_n():
    records = frames.records(10)
    records.loc[4, "queued_at"] = math.nan

    assert set(stages.summary(records)["n"]) == {9}


@pytest.mark.parametrize("records", [NO_RECORDS, frames.records(4, dead=range(4))])
def test_nothing_stored_has_no_stages(records):
    table = stages.per_datapoint(records)

    assert table.empty
    stages.check(table)
    assert stages.summary(records).empty
