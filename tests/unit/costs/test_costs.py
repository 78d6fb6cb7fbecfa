"""The bill: what facts say it is, tiers, the free tier, what is predicted and what is metered."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.costs import assumptions, estimate, metering
from lambdist_lib.costs import bill as costs_bill
from lambdist_lib.costs import usage as costs_usage

PRICES = assumptions.load()
MILLION = costs_bill.Usage(  # 512 MB, batches of 10, 10 ms a datapoint, 20 ms an invocation, 1,000 a request
    api_requests=1_000,
    lambda_requests=101_000,
    handler_gb_s=(100_000 * 0.02 + 1_000_000 * 0.01) * 0.5,
    sqs_sends=100_000,
    sqs_receives=100_000,
    sqs_deletes=100_000,
    table_writes=1_000_000,
    log_gb=0.05,
)
amounts = st.floats(0, 1e12)
usages = st.builds(costs_bill.Usage, **dict.fromkeys(costs_bill.AMOUNTS, amounts))


def usd(bill):
    return {(line.service, line.what): line.usd for line in bill}


def quantities(parts, *names):
    """Of a split usage: what was asked for, of all parts together."""
    return tuple(getattr(costs_bill.total(parts), name) for name in names)


def test_a_million_datapoints_cost_what_was_reckoned_by_hand():
    """In USD: API 0.0035, SQS 0.12, requests 0.02, GB-s 0.10, table 0.625, logs 0.025."""
    bill = usd(costs_bill.line_items(MILLION, PRICES))

    assert bill["API Gateway", "requests"] == pytest.approx(0.0035)
    assert bill["SQS", "sends"] == bill["SQS", "deletes"] == pytest.approx(0.04)
    assert bill["Lambda", "requests"] == pytest.approx(0.0202)
    assert bill["Lambda", "GB-s of handlers"] == pytest.approx(0.10, rel=0.001)
    assert bill["DynamoDB", "writes"] == pytest.approx(0.625)
    assert bill["CloudWatch", "GB of logs"] == pytest.approx(0.025)
    assert costs_bill.total_usd(costs_bill.line_items(MILLION, PRICES)) == pytest.approx(0.893, rel=0.01)


def test_a_tier_begins_where_it_is_named():
    """The 333 millionth request is the last at the first price."""
    assert costs_bill.tiered("api", 333e6, PRICES) == pytest.approx(333 * 3.5)
    assert costs_bill.tiered("api", 334e6, PRICES) == pytest.approx(333 * 3.5 + 2.8)
    assert costs_bill.tiered("api", 30e9, PRICES) == pytest.approx(
        333 * 3.5 + 667 * 2.8 + 19e3 * 2.38 + 10e3 * 1.51
    )


def test_requests_of_one_service_share_its_tiers():
    """Sends and receives of 60 billion each: what is beyond 100 billion is cheaper for both."""
    bill = usd(costs_bill.line_items(costs_bill.Usage(sqs_sends=60e9, sqs_receives=60e9), PRICES))

    assert bill["SQS", "sends"] == bill["SQS", "receives"] == pytest.approx((100e3 * 0.4 + 20e3 * 0.3) / 2)


def test_the_free_tier_is_taken_off_and_never_pays_back():
    """Small runs cost only what has no free tier: the API and the table's requests."""
    services = {line.service for line in costs_bill.line_items(MILLION, PRICES, free_tier=True) if line.usd}

    assert services == {"API Gateway", "DynamoDB"}
    assert all(line.usd >= 0 for line in costs_bill.line_items(costs_bill.Usage(), PRICES, free_tier=True))


def test_arm_costs_a_fifth_less_a_second():
    """The same GB-s at the other architecture's price."""
    x86, arm = (
        costs_bill.total_usd(costs_bill.line_items(costs_bill.Usage(handler_gb_s=1e6, arm64=arm), PRICES))
        for arm in (False, True)
    )

    assert arm / x86 == pytest.approx(0.8, rel=0.01)


def test_a_price_of_ones_own_counts(tmp_path):
    """Twice the price, twice the bill."""
    path = tmp_path / "mine.toml"
    path.write_text("price_table_writes = 1.25e-6\n", encoding="utf-8")
    usage = costs_bill.Usage(table_writes=1e6)

    assert costs_bill.total_usd(costs_bill.line_items(usage, assumptions.load(path))) == pytest.approx(1.25)


def test_services_add_up():
    """Shares are of the whole, and the price is per million datapoints."""
    table = costs_bill.by_service(costs_bill.line_items(MILLION, PRICES), datapoints=1e6)

    assert table["share"].sum() == pytest.approx(1)
    assert table["per_million_usd"].sum() == pytest.approx(0.893, rel=0.01)


@settings(max_examples=50, deadline=None)
@given(usages, usages, usages, st.booleans())
def test_lines_and_parts_add_up(answers, retries, dead, free_tier):
    """Whatever was used: nothing is charged twice or forgotten, and no part costs more than its line."""
    parts = dict(zip(costs_bill.PARTS, (answers, retries, dead), strict=True))
    bill = costs_bill.split_bill(parts, PRICES, free_tier=free_tier)

    assert bill["quantity"].tolist() == [
        getattr(costs_bill.total(parts), item.amount) for item in costs_bill.ITEMS
    ]  # every amount of a usage has its line
    assert {item.amount for item in costs_bill.ITEMS} == set(costs_bill.AMOUNTS)
    assert bill["usd"].sum() == pytest.approx(
        costs_bill.total_usd(costs_bill.line_items(costs_bill.total(parts), PRICES, free_tier=free_tier))
    )
    rest = bill["usd"] - bill["retries_usd"] - bill["dead_letters_usd"]
    assert (rest >= -1e-9 * bill["usd"]).all() and (bill["usd"] >= 0).all()


def test_ten_datapoints_by_hand():
    """One request of ten in one batch of ten: 1 request, 2 invocations, 3 SQS requests, 10 writes."""
    parts = estimate.predict(PRICES, datapoints=10, request_batch=10, queue_batch=10)

    assert quantities(parts, "api_requests", "lambda_requests") == (1, 2)
    assert quantities(parts, "sqs_sends", "sqs_receives", "sqs_deletes") == (1, 1, 1)
    assert quantities(parts, "table_writes", "sqs_visibility_changes", "sns_publishes") == (10, 0, 0)
    handlers_s = 2 * 0.003 + 0.01 + 10 * (0.0005 + 0.006)  # handlers, a send, process() and write
    assert quantities(parts, "handler_gb_s")[0] == pytest.approx(handlers_s * 0.5)
    assert quantities(parts, "init_gb_s")[0] == pytest.approx(2 * 0.48 * 0.5)
    assert all(one == costs_bill.Usage() for part, one in parts.items() if part != costs_bill.ANSWERS)


def test_failures_by_hand():
    """Of 100, one dies at once and two at their fifth receive: 8 receives more, 3 deaths, each told of."""
    parts = estimate.predict(PRICES, datapoints=100, p_permanent=0.01, p_always=0.02)

    assert quantities(parts, "sqs_receives")[0] == 108 + 1  # and one of the dead-letter queue
    assert quantities(parts, "sqs_visibility_changes") == (10,)
    assert quantities(parts, "sqs_deletes")[0] == 98 + 1  # stored, and dead at once, in batches of one
    writes = 97 + 11 + 8 + 3  # results, failed attempts, begins of further attempts, deaths
    assert quantities(parts, "table_writes") == (pytest.approx(writes),)
    assert parts[costs_bill.RETRIES].sqs_receives == pytest.approx(8)
    assert parts[costs_bill.DEAD_LETTERS].sns_publishes == 1
    assert parts[costs_bill.DEAD_LETTERS].sqs_sends == 1


def test_without_a_queue_a_try_more_is_a_request_more():
    """Half of the attempts fail: nearly twice the requests, no SQS, no topic."""
    parts = estimate.predict(PRICES, arm="single_node", datapoints=100, p_fail=0.5)

    assert quantities(parts, "api_requests")[0] == pytest.approx(100 * (1 - 0.5**5) / 0.5)
    assert parts[costs_bill.RETRIES].api_requests == pytest.approx(93.75)
    assert not any(
        quantities(parts, *(name for name in costs_bill.AMOUNTS if name.startswith(("sqs", "sns"))))
    )


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("none", {}),
        ("raise:0.1", {"p_fail": 0.1}),
        ("raise:1@8-9,seed:3", {"p_always": 0.2}),
        ("permanent:0.5@0-4", {"p_permanent": 0.25}),
        ("crash:0.01", {"p_fail": 0.01, "marks_first": True}),
        ("duplicate:0.5,throttle:0.5", {"marks_first": True}),
        ("raise:1@100-200", {}),  # not of this file
    ],
)
def test_declared_faults_as_rates(fault, found):
    """What a plan does to ten datapoints on average."""
    rates = estimate.failure_rates(fault, 10)

    assert {name: value for name, value in rates.items() if value} == pytest.approx(found)


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


def test_a_stack_that_stands_costs_polls_alarms_and_a_metric():
    """A month of four alarms at 0.10, a metric at 0.30 while datapoints die, and two mappings that poll."""
    bill = usd(costs_bill.line_items(costs_usage.standing(365 / 12, PRICES, alarms=4, metrics=1), PRICES))

    assert bill["CloudWatch", "alarm-months"] == pytest.approx(0.40)
    assert bill["CloudWatch", "metric-months"] == pytest.approx(0.30)
    assert bill["SQS", "empty receives"] == pytest.approx(0.526, rel=0.01)
