"""What a Distributed Map is charged for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.costs import assumptions, bill, estimate, map_counts, usage
from lambdist_lib.costs.map_counts import MapCounts

PRICES = assumptions.load()


def of_parts(parts, name):
    return getattr(bill.total(parts), name)


@pytest.mark.parametrize(
    ("request_batch", "express_usd", "standard_usd"), [(1, 2.64, 26.53), (10, 0.90, 3.29), (100, 0.73, 0.96)]
)
def test_cost_of_a_million_falls_with_the_datapoints_per_line(request_batch, express_usd, standard_usd):
    """A child costs once, however many datapoints its line has; Standard ones ten times as much."""
    for standard, usd in ((False, express_usd), (True, standard_usd)):
        parts = estimate.predict(
            PRICES,
            arm="distributed_map",
            datapoints=1e6,
            request_batch=request_batch,
            standard_children=standard,
        )
        assert bill.total_usd(bill.line_items(bill.total(parts), PRICES)) == pytest.approx(usd, abs=0.01)


def test_the_map_pays_for_no_api_no_messages_and_one_file():
    """Nothing passes API Gateway or the queue; the file is put and read once."""
    parts = estimate.predict(PRICES, arm="distributed_map", datapoints=100, request_batch=10)

    amounts = {name: of_parts(parts, name) for name in ("api_requests", "sqs_sends", "sqs_receives")}
    assert set(amounts.values()) == {0}
    assert [of_parts(parts, name) for name in ("s3_puts", "s3_gets", "state_transitions")] == [1, 1, 1]
    assert [of_parts(parts, name) for name in ("express_requests", "lambda_requests")] == [10, 10]


def test_each_try_of_a_standard_child_is_a_transition():
    """And so is the letter of one that used them up; Express children pay for their time instead."""
    arguments = {"arm": "distributed_map", "datapoints": 1000, "p_fail": 0.5}
    standard, express = (
        estimate.predict(PRICES, **arguments, standard_children=kind) for kind in (True, False)
    )

    tries, dead = 1000 * (1 + 0.5 + 0.25 + 0.125 + 0.0625), 1000 * 0.5**5
    assert of_parts(standard, "state_transitions") == pytest.approx(1 + tries + dead)
    assert standard[bill.RETRIES].state_transitions == pytest.approx(tries - 1000)
    assert of_parts(express, "state_transitions") == 1
    assert of_parts(express, "express_gb_s") > 1000 * 0.5 / 16  # a second's delay for each second child
    assert of_parts(standard, "sqs_sends") == of_parts(express, "sqs_sends") == pytest.approx(dead)


@given(st.integers(1, 100), st.floats(0, 0.99), st.floats(0, 0.5), st.integers(1, 10), st.floats(0.001, 10))
def test_more_datapoints_on_a_line_never_settle_it_sooner(per_line, p_fail, p_always, receives, try_s):
    """Probabilities fall with the tries; no child has fewer than one try or more than it may."""
    left = [map_counts.unsettled(tries, per_line, p_fail, p_always) for tries in range(receives + 1)]
    counts = map_counts.expected(
        datapoints=1000,
        per_line=per_line,
        p_fail=p_fail,
        p_always=p_always,
        receives=receives,
        try_s=try_s,
    )

    assert all(0 <= after <= before <= 1 for before, after in itertools.pairwise(left))
    assert counts.children <= counts.tries <= counts.children * receives * (1 + 1e-9)
    assert counts.dead <= counts.children
    assert counts.child_s >= counts.children * map_counts.CHILD_STEP_S * (1 - 1e-9)


def test_a_map_without_datapoints_costs_its_file_and_its_start():
    """The counts of an arm without a map have none."""
    used = usage._children(MapCounts())

    assert (used.s3_puts, used.s3_gets, used.state_transitions, used.express_requests) == (1, 1, 1, 0)
