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
def test_stages_add_up_to_the_end_to_end_time(arm):
    """Stages have no gap and no overlap, and only stored datapoints have them."""
    table = stages.per_datapoint(frames.records(50, arm=arm, dead={7}, cold=5))

    assert len(table) == 49
    assert (table[list(stages.COLUMNS)].sum(axis="columns") == table["end_to_end_s"]).all()
    assert (table["end_to_end_s"] > 0).all()
    stages.check(table)


# stamps resolve 2**-22 s at today's epoch, where their differences and sums are exact
TICKS = st.integers(0, 60 * 2**22)


@given(st.lists(st.lists(TICKS, min_size=8, max_size=8), min_size=1, max_size=10))
def test_stages_of_any_time_stamps_add_up_exactly(ticks):
    """With time stamps out of order a stage may be negative; the sum is still exact."""
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


def test_stages_of_the_control_have_no_queue():
    """The stages of a queue are NaN without one."""
    table = stages.per_datapoint(frames.records(5, arm="single_node"))

    assert table[["collector_s", "queue_s"]].isna().all(axis=None)


def test_stages_of_a_repeated_send_are_not_negative():
    """A try without a response was accepted, and the next one was sent after the Lambda received it."""
    records = frames.records(3)
    records.loc[1, ["tries", "sent_at"]] = [2, records.loc[1, "received_at"] + 2]

    table = stages.per_datapoint(records)

    assert table.loc[1, "to_entry_s"] == 0
    stages.check(table)


def test_check_refuses_negative_stages():
    """A stage that is negative beyond the clocks' uncertainty is refused."""
    records = frames.records(5)
    records.loc[2:3, "sent_at"] += [0.5, 0.2]

    with pytest.raises(RunError, match=r"run run-1: to_entry lasts -4.* ms for the worst of 2 datapoints"):
        stages.check(stages.per_datapoint(records))


def test_check_accepts_truncated_stamps_of_sqs():
    """A stage of -0.9 ms is within the bound of 1 ms, one of -2 ms is not."""
    records = frames.records(1)
    records["queued_at"] = records["received_at"] - 0.0009
    stages.check(stages.per_datapoint(records))

    records["queued_at"] = records["received_at"] - 0.002
    with pytest.raises(RunError, match="collector"):
        stages.check(stages.per_datapoint(records))
    stages.check(stages.per_datapoint(records), bound_s=0.003)


def test_summary_shares_add_up_to_one():
    """For each arm the shares of its stages add up to 1, and the last row is end_to_end."""
    both = pd.concat([frames.records(30, cold=10), frames.records(30, arm="single_node", run_id="run-2")])

    summary = stages.summary(both)

    parts = summary[summary["stage"] != "end_to_end"]
    assert parts.groupby("arm")["share"].sum().to_numpy() == pytest.approx([1, 1])
    assert parts.loc[parts["arm"] == "distributed", "stage"].tolist() == list(stages.STAGES)
    assert summary.groupby("arm")["stage"].last().tolist() == ["end_to_end", "end_to_end"]
    assert (summary["p90_s"] >= summary["median_s"]).all()


def test_summary_leaves_out_datapoints_with_a_missing_stamp():
    """A missing time stamp makes n smaller."""
    records = frames.records(10)
    records.loc[4, "queued_at"] = math.nan

    assert set(stages.summary(records)["n"]) == {9}


@pytest.mark.parametrize("records", [NO_RECORDS, frames.records(4, dead=range(4))])
def test_stages_of_no_stored_datapoints_are_empty(records):
    """Tables without stored datapoints have no rows."""
    table = stages.per_datapoint(records)

    assert table.empty
    stages.check(table)
    assert stages.summary(records).empty


def test_summary_is_that_of_the_stages_of_each_datapoint():
    """Medians, tails and shares are those of the complete rows of `per_datapoint`, to the last bit."""
    arms = ("single_node", "distributed", "single_node_parallel")
    records = pd.concat(
        [frames.records(31, arm=arm, run_id=arm, dead={2}) for arm in arms], ignore_index=True
    )
    records.loc[40, ["tries", "sent_at"]] = [2, records.loc[40, "received_at"] + 2]
    records.loc[50, "started_at"] = math.nan

    table = stages.summary(records)

    for row in table.itertuples():
        datapoints = stages.per_datapoint(records).query("arm == @row.arm")
        spans = [f"{name}_s" for name in (*stages.of_arm(row.arm), stages.END_TO_END)]
        lasted_s = datapoints.dropna(subset=spans)[f"{row.stage}_s"]
        assert (row.n, row.median_s, row.p90_s) == (len(lasted_s), lasted_s.median(), lasted_s.quantile(0.9))
    assert table["arm"].unique().tolist() == list(arms)
