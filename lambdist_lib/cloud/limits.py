"""What AWS allows, how it behaves and what it charges: a date, a source and a provenance for each number.

    table = load("my-limits.toml")     # any of them otherwise: account_concurrency = 5000
    table["account_concurrency"].value

A file of one's own is TOML: `name = value`, or a table `[name]` with `value` and, if wanted, `low`, `high`,
`source`, `as_of`. What it names counts as given. Nothing here was read from a live AWS page or measured on
AWS by us; prices are of us-east-1 in USD without tax.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdist_lib.errors import UsageError

QUOTA, PRICE, LITERATURE = "quota", "price list", "literature"
ON_AWS, ON_LOCAL_CLOUD = "measured on AWS", "measured on the local cloud"
FITTED = "fitted"  # by us to published rows, which therefore prove nothing of it
GIVEN, ASSUMED = "given", "assumed"  # by whoever asks; by us, for want of anything better
PROVENANCES = (QUOTA, PRICE, LITERATURE, FITTED, ON_AWS, ON_LOCAL_CLOUD, GIVEN, ASSUMED)

GUIDE = "docs.aws.amazon.com/lambda/latest/dg"
SQS_SCALING = f"{GUIDE}/services-sqs-scaling.html"
SCALING = f"{GUIDE}/scaling-behavior.html"
LIMITS_PAGE = f"{GUIDE}/gettingstarted-limits.html"
MEMORY_PAGE = f"{GUIDE}/configuration-memory.html"
SQS_QUOTAS = "docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
API_LIMITS = "docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
ON_DEMAND = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
REHAN = "rehanvdm.com/blog/sqs-lambda-esm-scaling-behaviour"
CEBERT = "github.com/cebert/aws-lambda-performance-benchmarks (Dec 2025)"
SEBS = "SeBS, Middleware 2021, arXiv 2012.14132: N * 2**-floor(t / 380 s) environments are left"
LATENCY = "bitesizedserverless.com, Serverless Messaging: Latency Compared (1,024 messages, eu-west-1)"
BY_API = (
    "a public note that quotes the AWS Price List API; compare aws.amazon.com/lambda/pricing",
    "2026-09-19",
)
SQS_PRICES, SNS_PRICES = "cloudburn.io/blog/amazon-sqs-pricing", "factualminds.com on SNS"
TABLE_PRICES = "airbyte.com on DynamoDB"
API_PRICES = "AWS whitepaper best-practices-api-gateway-private-apis-integration, table 4"
OWN_LINES = "580 to 640 on the local cloud with 26 for each event; AWS's REPORT names the trace too"
OWN_ITEMS = "counted in the items of a run, names and values, by DynamoDB's rule of item sizes"
CLOUDWATCH_PRICES = "aws.amazon.com/cloudwatch/pricing"
NO_SOURCE = "no published number was found; calibrate on AWS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number with where it is from; `low` and `high` enclose it where a spread is known."""

    value: float
    unit: str
    source: str
    as_of: str
    provenance: str
    low: float
    high: float


def number(
    value: float,
    unit: str,
    source: str,
    as_of: str,
    provenance: str,
    spread: tuple[float, float] | None = None,
) -> Number:
    """A Number; without a spread it is taken as exact."""
    low, high = spread or (value, value)
    return Number(
        value=value, unit=unit, source=source, as_of=as_of, provenance=provenance, low=low, high=high
    )


LIMITS: dict[str, Number] = {
    # -- the event source mapping of a standard queue --
    "esm_start": number(5, "invocations at once", SQS_SCALING, "2026", QUOTA),
    "esm_ramp_per_min": number(300, "invocations more a minute",
                               f"{SQS_SCALING}; measured 265 to 297: {REHAN}", "2026", QUOTA, (265, 300)),
    "esm_ceiling": number(1250, "invocations at once", SQS_SCALING, "2026", QUOTA),
    "esm_error_cut": number(
        0.0125, "share of its concurrency that a mapping gives up for each thrown error",
        f"ramp = cut x concurrency x errors/s, of the three rows of {REHAN}", "2026", FITTED),
    "poll_s": number(0.0162, "s, from the queue to the handler", LATENCY, "2022-09", LITERATURE,
                     (0.0137, 0.0338)),
    "throttle_retry_s": number(1.0, "s until a mapping tries a throttled batch again", NO_SOURCE, "2026-11",
                               ASSUMED, (0.5, 5.0)),
    # -- Lambda --
    "account_concurrency": number(1000, "executions at once; 10 in some new accounts", LIMITS_PAGE,
                                  "2026", QUOTA),
    "environments_burst": number(1000, "environments of a function started at once", SCALING, "2026", QUOTA),
    "environments_per_s": number(100, "environments of a function a second", SCALING, "2026", QUOTA),
    "vcpu_memory_mb": number(1769, "MB for one vCPU", MEMORY_PAGE, "2026", QUOTA),
    "init_s": number(0.48, "s of a cold start, Python with boto3 clients", CEBERT, "2025-12", LITERATURE,
                     (0.40, 0.66)),
    "idle_expiry_s": number(380, "s that an idle environment lives", SEBS, "2020", LITERATURE, (300, 760)),
    "handler_s": number(0.003, "s of an invocation beside its datapoints", NO_SOURCE, "2026-11", ASSUMED,
                        (0.001, 0.01)),
    # -- API Gateway and the way there --
    "api_rate_per_s": number(10_000, "requests a second of an account", API_LIMITS, "2026", QUOTA),
    "api_burst": number(5_000, "requests at once of an account", API_LIMITS, "2026", QUOTA),
    "api_overhead_s": number(0.02, "s that the API adds to a request",
                             "smplogs.com/patterns/apigateway/high-latency: 10 to 30 ms", "2026", LITERATURE,
                             (0.01, 0.03)),
    "network_s": number(0.02, "s to the Region and back", NO_SOURCE, "2026-11", ASSUMED, (0.005, 0.1)),
    "send_s": number(0.01, "s for ten messages into the queue", NO_SOURCE, "2026-11", ASSUMED, (0.005, 0.03)),
    # -- SQS --
    "queue_in_flight": number(120_000, "messages received and not deleted", SQS_QUOTAS, "2026", QUOTA),
    "queue_retention_s": number(345_600, "s that a message is kept; the template's, AWS keeps up to 14 days",
                                "cloudformation/distributed.yaml", "2026-11", QUOTA),
    # -- DynamoDB on demand --
    "put_s": number(0.006, "s of a write", f"single-digit milliseconds; {NO_SOURCE}", "2026-11", ASSUMED,
                    (0.003, 0.01)),
    "table_writes_per_s": number(4_000, "writes a second of a new table", ON_DEMAND, "2026", QUOTA),
    "table_doubles_every_s": number(1_800, "s until twice the former peak is served", ON_DEMAND,
                                    "2026", QUOTA),
    "table_writes_most_per_s": number(40_000, "writes a second of a table", ON_DEMAND, "2026", QUOTA),
    "partition_writes_per_s": number(1_000, "writes a second of one partition key", ON_DEMAND, "2026", QUOTA),
    # -- what a datapoint leaves --
    "process_s": number(0.0005, "s of process() beside declared work", NO_SOURCE, "2026-11", ASSUMED),
    "process_cv": number(0, "standard deviation of it over its mean", NO_SOURCE, "2026-11", ASSUMED),
    "p_fail": number(0, "share of attempts that fail by themselves", NO_SOURCE, "2026-11", ASSUMED),
    "trace_share": number(0.05, "of requests, traced by X-Ray's default rule, beside one a second",
                          "docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html", "2026",
                          LITERATURE),
    "log_bytes": number(700, "bytes of log for each invocation", OWN_LINES, "2026-11", ASSUMED, (580, 900)),
    "item_bytes": number(360, "bytes of an item with a short result", OWN_ITEMS, "2026-11", ASSUMED),
    "idle_polls_per_s": number(0.25, "receives a second of an idle mapping: 5 pollers, 20 s each",
                               SQS_SCALING, "2026", LITERATURE),
}  # fmt: skip

PRICES: dict[str, Number] = {
    "price_lambda_requests": number(0.20e-6, "USD a request", *BY_API, PRICE),
    "price_lambda_gb_s": number(1.66667e-5, "USD a GB-s, x86_64", *BY_API, PRICE),
    "price_lambda_gb_s_over_6e9": number(1.5e-5, "USD a GB-s, x86_64", *BY_API, PRICE),
    "price_lambda_gb_s_over_15e9": number(1.33334e-5, "USD a GB-s, x86_64", *BY_API, PRICE),
    "price_lambda_arm_gb_s": number(1.33334e-5, "USD a GB-s, arm64", *BY_API, PRICE),
    "price_lambda_arm_gb_s_over_7.5e9": number(1.20001e-5, "USD a GB-s, arm64", *BY_API, PRICE),
    "price_lambda_arm_gb_s_over_18.75e9": number(1.06667e-5, "USD a GB-s, arm64", *BY_API, PRICE),
    "price_sqs": number(0.40e-6, "USD a request of up to 64 KB", SQS_PRICES, "2026-03", PRICE),
    "price_sqs_over_100e9": number(0.30e-6, "USD a request", SQS_PRICES, "2026-03", PRICE),
    "price_sqs_over_200e9": number(0.24e-6, "USD a request", SQS_PRICES, "2026-03", PRICE),
    "price_api": number(3.50e-6, "USD a request", API_PRICES, "2026", PRICE),
    "price_api_over_333e6": number(2.80e-6, "USD a request", API_PRICES, "2026", PRICE),
    "price_api_over_1e9": number(2.38e-6, "USD a request", API_PRICES, "2026", PRICE),
    "price_api_over_20e9": number(1.51e-6, "USD a request", API_PRICES, "2026", PRICE),
    "price_table_writes": number(0.625e-6, "USD a write of up to 1 KB", TABLE_PRICES, "2025-07", PRICE),
    "price_table_reads": number(0.125e-6, "USD a read of up to 4 KB", TABLE_PRICES, "2025-07", PRICE),
    "price_table_gb": number(0.25, "USD a GB-month", "aws.amazon.com/dynamodb/pricing", "2025", PRICE),
    "price_sns_publishes": number(0.50e-6, "USD a publish", SNS_PRICES, "2026-06", PRICE),
    "price_sns_mails": number(2e-5, "USD an e-mail", SNS_PRICES, "2026-06", PRICE),
    "price_logs_gb": number(0.50, "USD a GB taken in", CLOUDWATCH_PRICES, "2025", PRICE),
    "price_alarms": number(0.10, "USD a month, standard resolution", CLOUDWATCH_PRICES, "2025", PRICE),
    "price_metrics": number(0.30, "USD a month, of one's own", CLOUDWATCH_PRICES, "2025", PRICE),
    "price_traces": number(5e-6, "USD a trace recorded", "aws.amazon.com/xray/pricing", "2025", PRICE),
    "free_lambda_requests": number(1e6, "requests a month", *BY_API, PRICE),
    "free_lambda_gb_s": number(400_000, "GB-s a month", *BY_API, PRICE),
    "free_sqs": number(1e6, "requests a month", SQS_PRICES, "2026-03", PRICE),
    "free_table_gb": number(25, "GB-months", "aws.amazon.com/dynamodb/pricing", "2025", PRICE),
    "free_sns_publishes": number(1e6, "publishes a month", SNS_PRICES, "2026-06", PRICE),
    "free_sns_mails": number(1_000, "e-mails a month", SNS_PRICES, "2026-06", PRICE),
    "free_logs_gb": number(5, "GB a month", CLOUDWATCH_PRICES, "2025", PRICE),
    "free_alarms": number(10, "alarm-months", CLOUDWATCH_PRICES, "2025", PRICE),
    "free_metrics": number(10, "metric-months", CLOUDWATCH_PRICES, "2025", PRICE),
    "free_traces": number(100_000, "traces a month", "aws.amazon.com/xray/pricing", "2025", PRICE),
}  # fmt: skip

Table = Mapping[str, Number]


def load(path: str | Path | None = None) -> dict[str, Number]:
    """All limits and prices, those that a file names replaced.

    Raises:
        UsageError: The file is missing or no TOML, names what does not exist, or has no usable value.

    Example:
        >>> load()["queue_in_flight"].value
        120000
    """
    table = LIMITS | PRICES
    for name, content in _read(Path(path)).items() if path else ():
        if name not in table:
            close = difflib.get_close_matches(name, table, 1)
            hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(table)}"
            raise UsageError(f"{path} names {name}, which is no limit or price{hint}")
        table[name] = _given(name, content, table[name], Path(path or ""))
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the limits file {path} cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the limits file {path} is no TOML ({error}); write lines such as account_concurrency = 5000"
        ) from error


def _given(name: str, content: Any, default: Number, path: Path) -> Number:
    fields = content if isinstance(content, dict) else {"value": content}
    if unknown := set(fields) - {"value", "low", "high", "source", "as_of"}:
        raise UsageError(
            f"{path}: {name} has {', '.join(sorted(unknown))}; it takes value, low, high, source and as_of"
        )
    value = _finite(name, fields.get("value"), path)
    low, high = (_finite(name, fields.get(end, value), path) for end in ("low", "high"))
    if not low <= value <= high:
        raise UsageError(
            f"{path}: {name} is {value:g}, which is not between its low {low:g} and high {high:g}"
        )
    source, as_of = str(fields.get("source", path.name)), str(fields.get("as_of", "undated"))
    return number(value, default.unit, source, as_of, GIVEN, (low, high))


def _finite(name: str, value: Any, path: Path) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    free = name.startswith(("price_", "free_", "process_", "p_fail"))  # what may as well be nothing
    if is_number and math.isfinite(value) and (value > 0 or (free and value == 0)):
        return float(value)
    raise UsageError(f"{path}: {name} = {value!r}; write a number above 0, such as {name} = 5")
