"""Runs that the calibration has not seen."""

import pytest
from support.reference import REFERENCE, WARM, tables_of

from lambdist_lib.costs import assumptions
from lambdist_lib.planner.validation import held_out

TABLE = assumptions.load()


def test_other_runs_are_predicted_from_one():
    """With each committed run as the calibration, the median of the others is nearly always inside."""
    validated = held_out.held_out(REFERENCE.runs, REFERENCE.records, REFERENCE.invocations, TABLE)

    assert list(validated["run_id"]) == list(WARM["run_id"])
    assert (validated["low_s"] < validated["value_s"]).all() and (
        validated["value_s"] < validated["high_s"]
    ).all()
    assert validated["value_s"].to_numpy() == pytest.approx(validated["makespan_s"], rel=0.25)
    assert validated["inside"].mean() >= 0.7
    first = validated.iloc[0]
    assert first["median_s"] == pytest.approx(WARM["makespan_s"].iloc[1:].median())
    assert f"covers {first['covered']} of them" in held_out.sentence(validated)


def test_two_runs_are_too_few():
    """The sentence says what is needed."""
    validated = held_out.held_out(*tables_of(*WARM["run_id"].head(2)), TABLE)

    assert validated.empty
    assert "needs 3 warm runs" in held_out.sentence(validated)


def test_small_runs_hold_none_out():
    """With ten datapoints no message waits, so the time between invocations is unknown."""
    runs, records, invocations = tables_of(*WARM["run_id"].head(3))
    few = records[records["n"] < 10]
    called = invocations[invocations["request_id"].isin(few["request_id"])]

    assert held_out.held_out(runs, few, called, TABLE).empty
