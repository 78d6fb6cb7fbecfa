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


def ended_as(*outcomes, run_id="run-1"):
    return frames.records(len(outcomes), run_id=run_id).assign(outcome=list(outcomes))


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
