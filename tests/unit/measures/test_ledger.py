"""Account for every datapoint of a run."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import ledger
from lambdist_lib.protocol.contract import OUTCOMES
from lambdist_lib.results.schema import RECORDS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))


def test_count_has_one_row_per_run():
    """Each run has its own counts."""
    records = pd.concat(
        [frames.records(131, dead={129, 130}), frames.ended_as("stored", "lost", run_id="a-later-one")]
    )

    counts = ledger.count(records)

    assert counts["run_id"].tolist() == ["run-1", "a-later-one"]
    assert counts.loc[0, ["submitted", "stored", "dead", "lost"]].tolist() == [131, 129, 2, 0]
    assert counts.loc[1, ["submitted", "stored", "dead", "lost"]].tolist() == [2, 1, 0, 1]


@given(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=40))
def test_require_balanced_refuses_only_lost_and_in_flight(outcomes):
    """The outcomes add up to the submitted datapoints; only lost and in-flight ones are refused."""
    counts = ledger.count(frames.ended_as(*outcomes))

    assert counts.loc[0, list(OUTCOMES)].sum() == counts.loc[0, "submitted"] == len(outcomes)
    if {"lost", "in_flight"} & set(outcomes):
        with pytest.raises(RunError):
            ledger.require_balanced(counts)
    else:
        ledger.require_balanced(counts)


def test_require_balanced_names_the_run_the_loss_and_the_command():
    """The error has all that the user needs."""
    counts = ledger.count(
        pd.concat([frames.ended_as("stored"), frames.ended_as("stored", "lost", "in_flight", run_id="bad")])
    )

    with pytest.raises(RunError) as refused:
        ledger.require_balanced(counts)

    assert str(refused.value) == (
        "run bad: 1 in flight and 1 lost of 3 datapoints: finish it with `lambdist resume bad`"
    )


def test_require_balanced_refuses_a_datapoint_without_an_outcome():
    """It counts as submitted and has no outcome, so that it cannot vanish."""
    counts = ledger.count(frames.ended_as("stored", "", "sorted"))

    with pytest.raises(RunError, match=r"do not add up to its 3 datapoints \(\+2 unaccounted"):
        ledger.require_balanced(counts)


@pytest.mark.parametrize("missing", ["submitted", "stored"])
def test_require_balanced_refuses_a_missing_count(missing):
    """A count of NaN is not accepted as balanced."""
    with pytest.raises(RunError, match="do not add up"):
        ledger.require_balanced(frames.runs(1, **{missing: math.nan}))


def test_require_balanced_accepts_a_runs_table():
    """A runs table has the same columns as a ledger."""
    ledger.require_balanced(frames.runs(3))


def test_count_of_no_records_is_balanced():
    """An empty ledger has all its columns."""
    counts = ledger.count(NO_RECORDS)

    assert list(counts.columns) == ["run_id", "arm", "submitted", *OUTCOMES]
    ledger.require_balanced(counts)


def test_mark_incomplete_notes_the_loss_in_every_target_label():
    """Marked runs are accepted, and their label names the loss."""
    runs = frames.runs(7)
    runs.loc[0, ["stored", "lost"]] = [126, 3]

    accepted = ledger.mark_incomplete(runs)

    assert set(accepted["target"]) == {"local cloud, LEDGER OPEN: 3 lost of 1,834"}
    ledger.require_balanced(accepted)
    with pytest.raises(RunError, match="3 lost"):
        ledger.require_balanced(runs)


def test_mark_incomplete_notes_missing_records():
    """The runs table balances, but 31 of its datapoints have no record, and one has no outcome."""
    runs = frames.runs(1)
    records = pd.concat(frames.records(131, run_id=run_id) for run_id in runs["run_id"]).iloc[:-31]
    records.iloc[0, records.columns.get_loc("outcome")] = ""
    counts = ledger.count(records)

    accepted = ledger.mark_incomplete(runs, counts)

    note = "LEDGER OPEN: 1 unaccounted for and 31 records missing or too many of 262"
    assert set(accepted["target"]) == {f"local cloud, {note}"}


def test_mark_incomplete_leaves_a_closed_ledger_unchanged():
    """A closed ledger needs no note."""
    runs = frames.runs(3)

    assert ledger.mark_incomplete(runs) is runs
    assert ledger.incomplete_note(runs) == ""
