"""Compute the bill, line by line, from billable amounts and dated prices.

A prediction (`estimate`) and a metered run (`metering`) have the same lines, so that a table can compare
them. Usage and bill are split into PARTS: `answers` is what every datapoint needs once, `retries` the cost
of tries beyond the first, `dead letters` the cost of dead-lettered datapoints. All prices are of one Region
and one month: tiers begin at the first unit, and the free tier is an option.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from lambdist_lib.costs.assumptions import Table

if TYPE_CHECKING:
    import pandas as pd

ANSWERS, RETRIES, DEAD_LETTERS = PARTS = ("answers", "retries", "dead letters")
MONTH_S = 730 * 3600.0  # as AWS counts what is charged by the month


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Billable amounts. GB-s are of the functions' memory, requests to SQS of up to 64 KB each."""

    api_requests: float = 0.0
    lambda_requests: float = 0.0
    handler_gb_s: float = 0.0
    init_gb_s: float = 0.0
    arm64: bool = False
    sqs_sends: float = 0.0
    sqs_receives: float = 0.0
    sqs_empty_receives: float = 0.0
    sqs_deletes: float = 0.0
    sqs_visibility_changes: float = 0.0
    sqs_status_requests: float = 0.0  # polls whether the queues are empty
    state_transitions: float = 0.0  # of Standard executions
    express_requests: float = 0.0
    express_gb_s: float = 0.0
    s3_puts: float = 0.0
    s3_gets: float = 0.0
    table_writes: float = 0.0
    table_reads: float = 0.0
    table_gb_months: float = 0.0
    sns_publishes: float = 0.0
    sns_mails: float = 0.0
    log_gb: float = 0.0
    traces: float = 0.0
    alarm_months: float = 0.0
    metric_months: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        amounts = map(operator.add, _AMOUNTS_OF(self), _AMOUNTS_OF(other))
        return Usage(**dict(zip(AMOUNTS, amounts, strict=True)), arm64=self.arm64 or other.arm64)

    def times(self, factor: float) -> Usage:
        return Usage(**{name: getattr(self, name) * factor for name in AMOUNTS}, arm64=self.arm64)


AMOUNTS = tuple(field.name for field in fields(Usage) if field.name != "arm64")
_AMOUNTS_OF = operator.attrgetter(*AMOUNTS)
Parts = Mapping[str, Usage]  # by PARTS


class Item(NamedTuple):
    """A line of every bill: an amount of Usage, priced in the `pool` whose tiers it shares."""

    service: str
    what: str
    amount: str
    pool: str


ITEMS = (
    Item("API Gateway", "requests", "api_requests", "api"),
    Item("Lambda", "requests", "lambda_requests", "lambda_requests"),
    Item("Lambda", "GB-s of handlers", "handler_gb_s", "lambda_gb_s"),
    Item("Lambda", "GB-s of INIT", "init_gb_s", "lambda_gb_s"),
    Item("SQS", "sends", "sqs_sends", "sqs"),
    Item("SQS", "receives", "sqs_receives", "sqs"),
    Item("SQS", "empty receives", "sqs_empty_receives", "sqs"),
    Item("SQS", "deletes", "sqs_deletes", "sqs"),
    Item("SQS", "visibility changes", "sqs_visibility_changes", "sqs"),
    Item("SQS", "status requests", "sqs_status_requests", "sqs"),
    Item("Step Functions", "state transitions", "state_transitions", "map_transitions"),
    Item("Step Functions", "Express executions", "express_requests", "express_requests"),
    Item("Step Functions", "GB-s of Express executions", "express_gb_s", "express_gb_s"),
    Item("S3", "puts", "s3_puts", "s3_puts"),
    Item("S3", "gets", "s3_gets", "s3_gets"),
    Item("DynamoDB", "writes", "table_writes", "table_writes"),
    Item("DynamoDB", "reads", "table_reads", "table_reads"),
    Item("DynamoDB", "GB-months", "table_gb_months", "table_gb"),
    Item("SNS", "publishes", "sns_publishes", "sns_publishes"),
    Item("SNS", "e-mails", "sns_mails", "sns_mails"),
    Item("CloudWatch", "GB of logs", "log_gb", "logs_gb"),
    Item("CloudWatch", "alarm-months", "alarm_months", "alarms"),
    Item("CloudWatch", "metric-months", "metric_months", "metrics"),
    Item("X-Ray", "traces", "traces", "traces"),
)
TIERS: dict[str, tuple[tuple[float, str], ...]] = {  # from how many units on: the price; else there is one
    "api": ((0, "price_api"), (333e6, "price_api_over_333e6"), (1e9, "price_api_over_1e9"),
            (20e9, "price_api_over_20e9")),
    "lambda_gb_s": ((0, "price_lambda_gb_s"), (6e9, "price_lambda_gb_s_over_6e9"),
                    (15e9, "price_lambda_gb_s_over_15e9")),
    "lambda_arm_gb_s": ((0, "price_lambda_arm_gb_s"), (7.5e9, "price_lambda_arm_gb_s_over_7.5e9"),
                        (18.75e9, "price_lambda_arm_gb_s_over_18.75e9")),
    "sqs": ((0, "price_sqs"), (100e9, "price_sqs_over_100e9"), (200e9, "price_sqs_over_200e9")),
}  # fmt: skip


class Line(NamedTuple):
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    usd: float


def line_items(usage: Usage, prices: Table, *, free_tier: bool = False) -> list[Line]:
    """Return the lines of the bill in USD, in the order of ITEMS.

    Args:
        prices: What `assumptions.load` returns.
        free_tier: Subtract the monthly free tier of an account that uses nothing else. API Gateway's is
            left out: only accounts from before 15 July 2025 have one, for a year.
    """
    quantities = [getattr(usage, item.amount) for item in ITEMS]
    pools: dict[str, float] = {}
    for item, quantity in zip(ITEMS, quantities, strict=True):
        pools[item.pool] = pools.get(item.pool, 0.0) + quantity
    unit_usd = {pool: _pool_usd(pool, amount, usage, prices, free_tier) / amount
                for pool, amount in pools.items() if amount}  # fmt: skip
    return [
        Line(item.service, item.what, quantity, quantity * unit_usd[item.pool] if quantity else 0.0)
        for item, quantity in zip(ITEMS, quantities, strict=True)
    ]


def _pool_usd(pool: str, amount: float, usage: Usage, prices: Table, free_tier: bool) -> float:
    free = f"free_{pool}"
    paid = amount - (prices[free].value if free_tier and free in prices else 0.0)
    name = "lambda_arm_gb_s" if pool == "lambda_gb_s" and usage.arm64 else pool
    return tiered(name, max(paid, 0.0), prices)


def split_bill(parts: Parts, prices: Table, *, free_tier: bool = False) -> pd.DataFrame:
    """Return the bill of a usage that is split into parts.

    Returns:
        One row per ITEM: `service`, `what`, `quantity`, `usd`, and of that `retries_usd` and
        `dead_letters_usd`; rows and parts add up, also with the free tier.
    """
    import pandas as pd  # slow to import; a plan needs no table

    table = pd.DataFrame(line_items(total(parts), prices, free_tier=free_tier))
    of_one = table["usd"] / table["quantity"].where(table["quantity"] > 0)
    for part in (RETRIES, DEAD_LETTERS):
        amounts = [getattr(parts[part], item.amount) if part in parts else 0.0 for item in ITEMS]
        table[f"{part.replace(' ', '_')}_usd"] = (of_one * amounts).fillna(0.0)
    return table


def total(parts: Parts) -> Usage:
    sums = map(sum, zip(*map(_AMOUNTS_OF, parts.values()), strict=True))
    arm64 = any(used.arm64 for used in parts.values())
    return Usage(**dict(zip(AMOUNTS, sums, strict=False)), arm64=arm64)


def side_by_side(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Join a predicted and a metered bill, the second with its parts.

    Returns:
        `service`, `what`, `quantity_predicted`, `quantity_metered`, `usd_predicted`, `usd_metered`,
        `retries_usd`, `dead_letters_usd`; without lines that both lack. The last row is the sum.
    """
    keys = ["service", "what"]
    table = before[[*keys, "quantity", "usd"]].merge(after, on=keys, suffixes=("_predicted", "_metered"))
    table = table[(table["quantity_predicted"] > 0) | (table["quantity_metered"] > 0)]
    sums = {name: table[name].sum() for name in table.columns if name.endswith("usd") or "usd_" in name}
    import pandas as pd  # slow to import; a plan needs no table

    last = pd.DataFrame([{"service": "all", "what": "", **sums}])
    return pd.concat([table, last], ignore_index=True)[
        [*keys, "quantity_predicted", "quantity_metered", "usd_predicted", "usd_metered",
         "retries_usd", "dead_letters_usd"]
    ]  # fmt: skip


def total_usd(bill: list[Line]) -> float:
    return sum(line.usd for line in bill)


def totals(table: pd.DataFrame, *, datapoints: float) -> dict[str, Any]:
    """Return the sums of a bill: `usd`, `per_million_usd`, `retries_share` and `dead_letters_share` of it."""
    usd = table["usd"].sum()
    shares = {
        f"{part}_share": table[f"{part}_usd"].sum() / usd if usd else 0.0
        for part in ("retries", "dead_letters")
    }
    return {"usd": usd, "per_million_usd": usd / datapoints * 1e6 if datapoints else float("nan"), **shares}


def tiered(pool: str, quantity: float, prices: Table) -> float:
    """Return the price in USD of a quantity in a pool with price tiers."""
    if pool not in TIERS:
        return quantity * prices[f"price_{pool}"].value
    tiers = TIERS[pool]
    usd = 0.0
    for place, (begin, price) in enumerate(tiers):
        end = tiers[place + 1][0] if place + 1 < len(tiers) else float("inf")
        usd += max(min(quantity, end) - begin, 0.0) * prices[price].value
    return usd
