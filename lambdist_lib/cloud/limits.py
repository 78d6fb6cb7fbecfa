"""What AWS allows, how it behaves and what it charges: a date, a source and a provenance for each number.

    table = load("my-limits.toml")     # any of them otherwise: account_concurrency = 5000
    table["account_concurrency"].value

A file of one's own is TOML: `name = value`, or a table `[name]` with `value` and, if wanted, `low`, `high`,
`source`, `as_of`. What it names counts as given. Nothing here was read from a live AWS page or measured on
AWS by us; prices are of us-east-1 in USD without tax.
"""

from dataclasses import dataclass

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
OWN_LINES = "580 to 640 on the local cloud with 26 for each event; AWS's REPORT names the trace too"
OWN_ITEMS = "counted in the items of a run, names and values, by DynamoDB's rule of item sizes"
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
