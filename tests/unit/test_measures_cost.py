"""The bill: what facts say it is, tiers, the free tier, and prices of one's own."""

import pytest

from lambdist_lib import limits
from lambdist_lib.measures import cost

PRICES = limits.load()
MILLION = cost.Usage(  # 512 MB, batches of 10, 10 ms a datapoint, 20 ms an invocation, 1,000 a request
    api_requests=1_000,
    lambda_requests=101_000,
    gb_s=(100_000 * 0.02 + 1_000_000 * 0.01) * 0.5,
    sqs_requests=300_000,
    table_writes=1_000_000,
    log_gb=0.05,
)


def test_a_million_datapoints_cost_what_was_reckoned_by_hand():
    """In USD: API 0.0035, SQS 0.12, requests 0.02, GB-s 0.10, table 0.625, logs 0.025."""
    bill = {(line.service, line.what): line.usd for line in cost.lines(MILLION, PRICES)}

    assert bill["API Gateway", "requests"] == pytest.approx(0.0035)
    assert bill["SQS", "requests"] == pytest.approx(0.12)
    assert bill["Lambda", "requests"] == pytest.approx(0.0202)
    assert bill["Lambda", "GB-s"] == pytest.approx(0.10, rel=0.001)
    assert bill["DynamoDB", "writes"] == pytest.approx(0.625)
    assert bill["CloudWatch", "GB of logs"] == pytest.approx(0.025)
    assert cost.total_usd(cost.lines(MILLION, PRICES)) == pytest.approx(0.893, rel=0.01)


def test_a_tier_begins_where_it_is_named():
    """The 333 millionth request is the last at the first price."""
    assert cost.tiered("api", 333e6, PRICES) == pytest.approx(333 * 3.5)
    assert cost.tiered("api", 334e6, PRICES) == pytest.approx(333 * 3.5 + 2.8)
    assert cost.tiered("api", 30e9, PRICES) == pytest.approx(
        333 * 3.5 + 667 * 2.8 + 19e3 * 2.38 + 10e3 * 1.51
    )


def test_the_free_tier_is_taken_off_and_never_pays_back():
    """Small runs cost only what has no free tier: the API and the table."""
    services = {line.service for line in cost.lines(MILLION, PRICES, free_tier=True) if line.usd}

    assert services == {"API Gateway", "DynamoDB"}
    assert all(line.usd >= 0 for line in cost.lines(cost.Usage(), PRICES, free_tier=True))


def test_arm_costs_a_fifth_less_a_second():
    """The same GB-s at the other architecture's price."""
    x86, arm = (cost.total_usd(cost.lines(cost.Usage(gb_s=1e6, arm64=arm), PRICES)) for arm in (False, True))

    assert arm / x86 == pytest.approx(0.8, rel=0.01)


def test_a_price_of_ones_own_counts(tmp_path):
    """Twice the price, twice the bill."""
    path = tmp_path / "mine.toml"
    path.write_text("price_table_writes = 1.25e-6\n", encoding="utf-8")
    usage = cost.Usage(table_writes=1e6)

    assert cost.total_usd(cost.lines(usage, limits.load(path))) == pytest.approx(1.25)


def test_services_add_up():
    """Shares are of the whole, and the price is per million datapoints."""
    table = cost.by_service(cost.lines(MILLION, PRICES), datapoints=1e6)

    assert table["share"].sum() == pytest.approx(1)
    assert table["per_million_usd"].sum() == pytest.approx(0.893, rel=0.01)
