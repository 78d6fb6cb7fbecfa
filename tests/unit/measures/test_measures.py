import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ledger, stages
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))
NO_RUNS = pd.DataFrame(columns=list(RUNS))


def ended_as(*outcomes, run_id="run-1"):
    return frames.records(len(outcomes), run_id=run_id).assign(outcome=list(outcomes))


# -- ledger


def test_the_ledger_counts_each_run_on_its_own():
    records = pd.concat(
        [frames.records(131, dead={129, 130}), ended_as("stored", "lost", run_id="a-later-one")]
    )

    counts = ledger.count(records)

    assert counts["run_id"].tolist() == ["run-1", "a-later-one"]
    assert counts.loc[0, ["submitted", "stored", "dead", "lost"]].tolist() == [131, 129, 2, 0]
    assert counts.loc[1, ["submitted", "stored", "dead", "lost"]].tolist() == [2, 1, 0, 1]


@given(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=40))
def test_any_mix_of_outcomes_balances_unless_something_is_missing(outcomes):
    """Every outcome has its column, the sum is what was submitted, and only two of them are refused."""
    counts = ledger.count(ended_as(*outcomes))

    assert counts.loc[0, list(OUTCOMES)].sum() == counts.loc[0, "submitted"] == len(outcomes)
    if {"lost", "in_flight"} & set(outcomes):
        with pytest.raises(RunError):
            ledger.require_balanced(counts)
    else:
        ledger.require_balanced(counts)


def test_the_refusal_names_the_run_what_is_missing_and_what_to_type():
    counts = ledger.count(
        pd.concat([ended_as("stored"), ended_as("stored", "lost", "in_flight", run_id="bad")])
    )

    with pytest.raises(RunError) as refused:
        ledger.require_balanced(counts)

    assert str(refused.value) == (
        "run bad: 1 in flight and 1 lost of 3 datapoints: finish it with `lambdist resume bad`"
    )


def test_a_datapoint_without_an_outcome_does_not_balance():
    """It counts as submitted and as nothing else, so it cannot vanish."""
    counts = ledger.count(ended_as("stored", "", "sorted"))

    with pytest.raises(RunError, match=r"do not add up to its 3 datapoints \(\+2 unaccounted"):
        ledger.require_balanced(counts)


@pytest.mark.parametrize("missing", ["submitted", "stored"])
def test_a_count_that_is_missing_does_not_balance(missing):
    with pytest.raises(RunError, match="do not add up"):
        ledger.require_balanced(frames.runs(1, **{missing: math.nan}))


def test_a_runs_table_is_a_ledger_too():
    ledger.require_balanced(frames.runs(3))


def test_nothing_is_balanced():
    counts = ledger.count(NO_RECORDS)

    assert list(counts.columns) == ["run_id", "arm", "submitted", *OUTCOMES]
    ledger.require_balanced(counts)


def test_who_insists_has_it_on_every_stamp():
    runs = frames.runs(7)
    runs.loc[0, ["stored", "lost"]] = [126, 3]

    accepted = ledger.mark_incomplete(runs)

    assert set(accepted["target"]) == {"local cloud, LEDGER OPEN: 3 lost of 1,834"}
    ledger.require_balanced(accepted)
    with pytest.raises(RunError, match="3 lost"):
        ledger.require_balanced(runs)


def test_who_insists_reads_of_records_that_are_not_there():
    """The runs table balances, but 31 of its datapoints have no record, and one has no outcome."""
    runs = frames.runs(1)
    records = pd.concat(frames.records(131, run_id=run_id) for run_id in runs["run_id"]).iloc[:-31]
    records.iloc[0, records.columns.get_loc("outcome")] = ""
    counts = ledger.count(records)

    accepted = ledger.mark_incomplete(runs, counts)

    note = "LEDGER OPEN: 1 unaccounted for and 31 records missing or too many of 262"
    assert set(accepted["target"]) == {f"local cloud, {note}"}


def test_a_closed_ledger_has_nothing_to_insist_on():
    runs = frames.runs(3)

    assert ledger.mark_incomplete(runs) is runs
    assert ledger.incomplete_note(runs) == ""


# -- stages


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


def test_the_measures_import_light():
    """scipy.stats takes a second, so it is imported when an interval is asked for."""
    code = "import sys; from lambdist_lib.measures import speedup; print('scipy.stats' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
