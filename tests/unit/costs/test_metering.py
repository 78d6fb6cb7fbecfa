"""Meter what runs used."""

import pandas as pd
import pytest
from support import tables as frames
from support.bills import quantities

from lambdist_lib.costs import assumptions, metering
from lambdist_lib.costs import bill as costs_bill

PRICES = assumptions.load()


def metered(dead=(129, 130), **columns):
    """One run of 131 datapoints of each arm, metered."""
    runs = frames.runs(1, **columns)
    records, lines = [], []
    for run in runs.itertuples():
        records.append(frames.records(131, dead=dead, arm=run.arm, run_id=run.run_id))
        for function in ("collector", "processor") if run.arm == "distributed" else ("single_node",):
            lines.append(frames.invocations(131, cold=8, function=function, run_id=run.run_id))
    tables = pd.concat(records, ignore_index=True), pd.concat(lines, ignore_index=True)
    return metering.meter_runs(runs, *tables, PRICES)


def test_a_run_is_metered_from_its_records_and_lines():
    """131 requests and, with four receives more of each of the two dead, 139 attempts."""
    found = {run.arm: run for run in metered()}

    of = found["distributed"].used
    assert quantities(of, "api_requests", "sqs_sends") == (131, 131)
    assert quantities(of, "sqs_receives")[0] == pytest.approx(
        139 + 0.2
    )  # 8 died without a line; the dead: 2 / 10
    assert of[costs_bill.RETRIES].sqs_receives == pytest.approx(8)
    assert of[costs_bill.RETRIES].table_writes == 10 + 8  # failed attempts, begins of further ones
    assert of[costs_bill.DEAD_LETTERS].table_writes == 2
    assert quantities(found["single_node"].used, "sqs_sends", "sqs_receives") == (0, 0)
    assert quantities(found["single_node"].used, "init_gb_s")[0] > 0


def test_predicted_and_metered_stand_side_by_side():
    """The same lines, their sum last; counts of a run without faults are what was predicted."""
    table = metering.table(metered(dead=()), PRICES)

    for arm, of_arm in table.groupby("arm"):
        lines, last = of_arm.iloc[:-1], of_arm.iloc[-1]
        assert lines["usd_metered"].sum() == pytest.approx(last["usd_metered"])
        assert lines["usd_predicted"].sum() == pytest.approx(last["usd_predicted"])
        counted = lines[
            lines["what"].isin(["requests", "sends", "receives", "deletes", "writes", "publishes"])
        ]
        assert counted["quantity_metered"].tolist() == pytest.approx(
            counted["quantity_predicted"].tolist()
        ), arm


def test_a_sentence_says_what_does_not_carry_over():
    """On the local cloud it says so; on AWS there is nothing to say."""
    table = metering.table(metered(), PRICES)

    assert metering.sentence(table, "local cloud").endswith(metering.LOCAL_NOTE)
    assert metering.LOCAL_NOTE not in metering.sentence(table, "AWS eu-west-1")
    assert metering.sentence(pd.DataFrame(), "local cloud") == ""


@pytest.mark.parametrize(
    ("children", "transitions", "requests"), [("EXPRESS", 1, 131), ("STANDARD", 132, 0), ("", 1, 131)]
)
def test_a_map_is_metered_by_the_kind_of_its_children(children, transitions, requests):
    """A Standard child costs a state transition, an Express child a request; older runs had Express ones."""
    [run] = frames.runs(1, arm="distributed_map", map_children=children).head(1).itertuples()
    tables = frames.records(131, run_id=run.run_id), frames.invocations(131, run_id=run.run_id)
    [of_run] = metering.meter_runs(pd.DataFrame([run]), *tables, PRICES)

    for side in (of_run.used, of_run.expected):
        assert quantities(side, "state_transitions", "express_requests") == (transitions, requests)


def test_children_without_known_times_last_as_long_as_the_others():
    """A child of dead datapoints has no time of a write."""
    [run] = frames.runs(1, arm="distributed_map").head(1).itertuples()
    times = {"first_received_at": 1.0, "put_at": [1.01, 1.31, float("nan"), float("nan")]}
    records = frames.records(4, dead={2, 3}, run_id=run.run_id).assign(**times)

    counts = metering.counts(run, records, frames.invocations(4, run_id=run.run_id))

    assert counts.map.child_s == pytest.approx(4 * (0.1 + 0.4) / 2)
    assert (counts.map.children, counts.map.dead) == (4, 2)


def test_without_a_cloud_nothing_is_metered():
    assert [run.arm for run in metered(arm="local_pool")] == []


def test_billed_time_of_aws_counts_where_there_is_one():
    """A REPORT line's billed duration holds the init, which has a line of its own on the bill."""
    runs = frames.runs(1).iloc[1:]
    run = next(runs.itertuples())
    lines = frames.invocations(10, cold=1, function="processor", run_id=run.run_id)
    lines = lines.assign(billed_s=0.2, report_init_s=lines["cold"].map({True: 0.15, False: float("nan")}))
    records = frames.records(10, run_id=run.run_id)

    counts = metering.counts(run, records, lines)

    assert counts.init_s == pytest.approx(0.15)
    assert counts.processor_s == pytest.approx(10 * 0.2 - 0.15)


def test_the_expected_usage_has_the_tries_that_were_deployed():
    """A datapoint that always fails is received as often as the stack's max_receives says."""
    expected = [
        run.expected[costs_bill.RETRIES].sqs_receives
        for settings in ("", "max_receives=3")
        for run in metered(fault="raise:1@129-130", settings=settings)
        if run.arm == "distributed"
    ]

    assert expected[0] == pytest.approx(2 * 4)
    assert expected[1] == pytest.approx(2 * 2)
