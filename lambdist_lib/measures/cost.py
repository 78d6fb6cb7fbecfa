"""What the pipeline costs, service by service, from counts and durations and the dated prices of `limits`.

The same for a prediction and for a run: a plan counts what it expects, a run what was metered. All
prices are of one Region and one month: tiers begin at the first unit, the free tier is an option.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from lambdist_lib.limits import Table

TIERS: dict[str, tuple[tuple[float, str], ...]] = {  # from how many units on: the price
    "api": ((0, "price_api"), (333e6, "price_api_over_333e6"), (1e9, "price_api_over_1e9"),
            (20e9, "price_api_over_20e9")),
    "gb_s": ((0, "price_lambda_gb_s"), (6e9, "price_lambda_gb_s_over_6e9"),
             (15e9, "price_lambda_gb_s_over_15e9")),
    "arm_gb_s": ((0, "price_lambda_arm_gb_s"), (7.5e9, "price_lambda_arm_gb_s_over_7.5e9"),
                 (18.75e9, "price_lambda_arm_gb_s_over_18.75e9")),
    "sqs": ((0, "price_sqs"), (100e9, "price_sqs_over_100e9"), (200e9, "price_sqs_over_200e9")),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is charged for; gb_s are of the functions' memory, cold starts included."""

    api_requests: float = 0.0
    lambda_requests: float = 0.0
    gb_s: float = 0.0
    arm64: bool = False
    sqs_requests: float = 0.0
    table_writes: float = 0.0
    table_reads: float = 0.0
    sns_publishes: float = 0.0
    sns_mails: float = 0.0
    log_gb: float = 0.0
    traces: float = 0.0


class Line(NamedTuple):
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    usd: float


def lines(usage: Usage, prices: Table, *, free_tier: bool = False) -> list[Line]:
    """The bill.

    Args:
        prices: What `limits.load` returns.
        free_tier: Take off what an account has for nothing each month, if it uses nothing else.
            API Gateway's is left out: only accounts of before 15 July 2025 have one, for a year.
    """
    free = {name: one.value if free_tier else 0.0 for name, one in prices.items() if name.startswith("free_")}
    gb_s = tiered("arm_gb_s" if usage.arm64 else "gb_s", usage.gb_s - free["free_lambda_gb_s"], prices)
    sqs = tiered("sqs", usage.sqs_requests - free["free_sqs"], prices)
    return [
        Line("API Gateway", "requests", usage.api_requests, tiered("api", usage.api_requests, prices)),
        _flat("Lambda", "requests", usage.lambda_requests, "lambda_requests", prices, free),
        Line("Lambda", "GB-s", usage.gb_s, gb_s),
        Line("SQS", "requests", usage.sqs_requests, sqs),
        _flat("DynamoDB", "writes", usage.table_writes, "table_writes", prices, free),
        _flat("DynamoDB", "reads", usage.table_reads, "table_reads", prices, free),
        _flat("SNS", "publishes", usage.sns_publishes, "sns_publishes", prices, free),
        _flat("SNS", "e-mails", usage.sns_mails, "sns_mails", prices, free),
        _flat("CloudWatch", "GB of logs", usage.log_gb, "logs_gb", prices, free),
        _flat("X-Ray", "traces", usage.traces, "traces", prices, free),
    ]


def total_usd(bill: list[Line]) -> float:
    return sum(line.usd for line in bill)


def by_service(bill: list[Line], *, datapoints: float) -> pd.DataFrame:
    """One row per service: `service`, `usd`, `share`, and `per_million_usd` of the datapoints."""
    table = (
        pd.DataFrame(bill, columns=Line._fields).groupby("service", sort=False, as_index=False)["usd"].sum()
    )
    total = table["usd"].sum()
    table["share"] = table["usd"] / total if total else 0.0
    table["per_million_usd"] = table["usd"] / datapoints * 1e6
    return table


def tiered(name: str, quantity: float, prices: Table) -> float:
    """USD for a quantity whose unit price falls from tier to tier."""
    tiers = TIERS[name]
    usd = 0.0
    for place, (begin, price) in enumerate(tiers):
        end = tiers[place + 1][0] if place + 1 < len(tiers) else float("inf")
        usd += max(min(quantity, end) - begin, 0.0) * prices[price].value
    return usd


def _flat(
    service: str, what: str, quantity: float, name: str, prices: Table, free: Mapping[str, float]
) -> Line:
    paid = max(quantity - free.get(f"free_{name}", 0.0), 0.0)
    return Line(service, what, quantity, paid * prices[f"price_{name}"].value)
