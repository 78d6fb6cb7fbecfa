"""Convert counts to billable usage."""

import pytest
from support.bills import usd

from lambdist_lib.costs import assumptions
from lambdist_lib.costs import bill as costs_bill
from lambdist_lib.costs import usage as costs_usage

PRICES = assumptions.load()


def test_a_stack_that_stands_costs_polls_alarms_and_a_metric():
    """A month of four alarms at 0.10, a metric at 0.30 while datapoints die, and two mappings that poll."""
    bill = usd(costs_bill.line_items(costs_usage.standing(365 / 12, PRICES, alarms=4, metrics=1), PRICES))

    assert bill["CloudWatch", "alarm-months"] == pytest.approx(0.40)
    assert bill["CloudWatch", "metric-months"] == pytest.approx(0.30)
    assert bill["SQS", "empty receives"] == pytest.approx(0.526, rel=0.01)
