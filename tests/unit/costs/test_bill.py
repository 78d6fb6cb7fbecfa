"""Compute the bill from billable amounts and prices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bills import usd

from lambdist_lib.costs import assumptions
from lambdist_lib.costs import bill as costs_bill

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


amounts = st.just(0.0) | st.floats(1e-6, 1e12)  # the product of a tiny number and a price has few digits


usages = st.builds(costs_bill.Usage, **dict.fromkeys(costs_bill.AMOUNTS, amounts))


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
