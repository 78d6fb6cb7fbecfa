"""Sizes and rates from which an arm pays."""

from dataclasses import replace

import pytest

from lambdist_lib.costs import assumptions
from lambdist_lib.planner import arm_forecasts
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, SINGLE_NODE, forecast_arm
from lambdist_lib.planner.break_even import COLUMNS, INSTANCE, break_even
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import values

TABLE = assumptions.load()
JOB = job_of(datapoints=1_000, chunks=100, request_batch=10, work="io:100ms")


@pytest.fixture(scope="module")
def table():
    return break_even(JOB, TABLE)


def test_break_even_has_a_row_per_comparison(table):
    """Time by datapoints, cost by datapoints a day."""
    assert list(table.columns) == COLUMNS
    assert table.groupby("criterion").size().to_dict() == {"cost": 3, "time": 4}
    assert table.loc[table["criterion"] == "time", "per_day"].isna().all()
    assert table.loc[table["criterion"] == "cost", "arm"].eq(INSTANCE).all()


def test_fan_out_is_faster_from_the_break_even_on(table):
    """One datapoint less, and the control is as fast or faster."""
    [row] = table.query("arm == 'distributed' and against == 'single_node'").to_dict("records")
    count = int(row["from_datapoints"])

    assert count > 1
    for datapoints, is_faster in ((count, True), (count - 1, False)):
        job = replace(JOB, datapoints=datapoints)
        fan_out, control = (
            forecast_arm(arm, job, values(TABLE), warm=False).makespan_s for arm in (DISTRIBUTED, SINGLE_NODE)
        )
        assert (fan_out < control) is is_faster


def test_instance_pays_where_its_day_costs_less(table):
    """The rate times the cost of a datapoint is the price of a day."""
    [row] = table.query("against == 'distributed' and criterion == 'cost'").to_dict("records")
    per_datapoint = arm_forecasts.usd(DISTRIBUTED, JOB, TABLE) / JOB.datapoints

    assert row["per_day"] * per_datapoint == pytest.approx(24 * TABLE["price_instance_h"].value, rel=1e-3)


def test_expensive_instance_never_pays():
    """Where even a busy instance costs more a datapoint, the rate is missing."""
    dear = TABLE | {"price_instance_h": replace(TABLE["price_instance_h"], value=1e6)}

    assert break_even(JOB, dear)["per_day"].isna().all()
