"""AWS limits and timings, each with its date, source and provenance.

LIMITS holds what the planner reads. FACTS holds limits of services that the stacks do not use; a comparison
of topologies reads them. `costs.assumptions.load` merges both with the prices and replaces the numbers that a
user's file names. No number was measured on AWS by this project.
"""

from dataclasses import dataclass, replace

from lambdist_lib.errors import UsageError
from lambdist_lib.formatting import did_you_mean

QUOTA, PRICE, LITERATURE = "quota", "price list", "literature"
ON_AWS, ON_LOCAL_CLOUD = "measured on AWS", "measured on the local cloud"
FITTED = "fitted"  # to published rows; these rows cannot validate it
GIVEN, ASSUMED = "given", "assumed"  # by the user's file; by this project, without a source
MIN_PROCESSORS, MAX_PROCESSORS = 2, 1_000  # of an SQS mapping's MaximumConcurrency, by AWS Lambda
PROVENANCES = (QUOTA, PRICE, LITERATURE, FITTED, ON_AWS, ON_LOCAL_CLOUD, GIVEN, ASSUMED)

GUIDE = "docs.aws.amazon.com/lambda/latest/dg"
SQS_SCALING = f"{GUIDE}/services-sqs-scaling.html"
SCALING = f"{GUIDE}/scaling-behavior.html"
LIMITS_PAGE = f"{GUIDE}/gettingstarted-limits.html"
MEMORY_PAGE = f"{GUIDE}/configuration-memory.html"
SQS_QUOTAS = "docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
API_LIMITS = "docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
STEP_FUNCTIONS = "docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
ON_DEMAND = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
REHAN = "rehanvdm.com/blog/sqs-lambda-esm-scaling-behaviour"
CEBERT = "github.com/cebert/aws-lambda-performance-benchmarks (Dec 2025)"
SEBS = "SeBS, Middleware 2021, arXiv 2012.14132: N * 2**-floor(t / 380 s) environments are left"
LATENCY = "bitesizedserverless.com, Serverless Messaging: Latency Compared (1,024 messages, eu-west-1)"
NEW_ACCOUNTS = "aws-bench/aws-bench-datasets#63, awslabs/amazon-neptune-tools#324"
OWN_LINES = "580 to 640 on the local cloud with 26 for each event; AWS's REPORT names the trace too"
OWN_ITEMS = "counted in the items of a run, names and values, by DynamoDB's rule of item sizes"
NO_SOURCE = "no published number was found; calibrate on AWS"


def default_processors(chunks: int) -> int:
    """Return as many processors as senders, within AWS's bounds."""
    return min(max(chunks, MIN_PROCESSORS), MAX_PROCESSORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Hold one number with its source; `low` and `high` enclose `value`."""

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
    """Build a Number; without a spread it counts as exact."""
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
    "account_concurrency": number(
        1000, "executions at once; new accounts have 10 or 50, which AWS raises with use",
        f"{LIMITS_PAGE}; {NEW_ACCOUNTS}", "2026", QUOTA),
    "environment_requests_per_s": number(
        10, "synchronous requests a second for each execution at once that the account may have",
        LIMITS_PAGE, "2026-09", QUOTA),
    "environment_messages_per_s": number(
        1000, "queue-triggered invocations a second of one environment",
        "AWS does not state whether the limit of 10 a second counts them; published rows of 2,000 messages/s "
        "on 60 to 100 environments suggest that it does not", "2026-11", ASSUMED, (10, 1000)),
    "environments_burst": number(1000, "environments of a function started at once", SCALING, "2026", QUOTA),
    "environments_per_s": number(100, "environments of a function a second", SCALING, "2026", QUOTA),
    "vcpu_memory_mb": number(1769, "MB for one vCPU", MEMORY_PAGE, "2026", QUOTA),
    "init_s": number(0.48, "s of a cold start, Python with boto3 clients", CEBERT, "2025-12", LITERATURE,
                     (0.40, 0.66)),
    "idle_expiry_s": number(380, "s that an idle environment lives", SEBS, "2020", LITERATURE, (300, 760)),
    "handler_s": number(0.003, "s of an invocation beside its datapoints", NO_SOURCE, "2026-11", ASSUMED,
                        (0.001, 0.01)),
    # -- API Gateway and the way there --
    "api_rate_per_s": number(10_000, "requests a second of an account; 2,500 in SLOW_API_REGIONS", API_LIMITS,
                             "2026", QUOTA),
    "api_burst": number(5_000, "requests at once of an account; 1,250 in SLOW_API_REGIONS", API_LIMITS,
                        "2026", QUOTA),
    "api_overhead_s": number(0.02, "s that the API adds to a request",
                             "smplogs.com/patterns/apigateway/high-latency: 10 to 30 ms", "2026", LITERATURE,
                             (0.01, 0.03)),
    "network_s": number(0.02, "s to the Region and back", NO_SOURCE, "2026-11", ASSUMED, (0.005, 0.1)),
    "send_s": number(0.01, "s for ten messages into the queue", NO_SOURCE, "2026-11", ASSUMED, (0.005, 0.03)),
    # -- SQS --
    "queue_in_flight": number(120_000, "messages received and not deleted", SQS_QUOTAS, "2026", QUOTA),
    "queue_retention_s": number(345_600, "s that a message is kept, by the template; AWS allows 14 days",
                                "cloudformation/distributed.yaml", "2026-11", QUOTA),
    # -- Step Functions --
    "map_children_most": number(10_000, "children of a Distributed Map at once", STEP_FUNCTIONS, "2026",
                                QUOTA),
    "map_fixed_s": number(7, "s of a Distributed Map of 100 items without work, taken as its start-up",
                          "one report on re:Post", "2026", LITERATURE, (1, 10)),
    # -- DynamoDB on demand --
    "put_s": number(0.006, "s of a write", f"single-digit milliseconds; {NO_SOURCE}", "2026-11", ASSUMED,
                    (0.003, 0.01)),
    "table_writes_per_s": number(4_000, "writes a second of a new table", ON_DEMAND, "2026", QUOTA),
    "table_doubles_every_s": number(1_800, "s until twice the former peak is served", ON_DEMAND,
                                    "2026", QUOTA),
    "table_writes_most_per_s": number(40_000, "writes a second of a table", ON_DEMAND, "2026", QUOTA),
    "partition_writes_per_s": number(1_000, "writes a second of one partition key", ON_DEMAND, "2026", QUOTA),
    # -- per datapoint --
    "process_s": number(0.0005, "s of process() beside declared work", NO_SOURCE, "2026-11", ASSUMED),
    "process_cv": number(0, "standard deviation of process_s over its mean", NO_SOURCE, "2026-11", ASSUMED),
    "p_fail": number(0, "share of attempts that fail undeclared", NO_SOURCE, "2026-11", ASSUMED),
    "p_permanent": number(0, "share of datapoints that fail at every attempt", NO_SOURCE, "2026-11", ASSUMED),
    "pool_start_s": number(0.3, "s until a pool of local processes takes work", NO_SOURCE, "2026-11", ASSUMED,
                           (0.1, 1.0)),
    "trace_share": number(0.05, "of requests, traced by X-Ray's default rule, beside one a second",
                          "docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html", "2026",
                          LITERATURE),
    "log_bytes": number(700, "bytes of log for each invocation", OWN_LINES, "2026-11", ASSUMED, (580, 900)),
    "item_bytes": number(360, "bytes of an item with a short result", OWN_ITEMS, "2026-11", ASSUMED),
    "idle_polls_per_s": number(0.25, "receives a second of an idle mapping: 5 pollers, 20 s each",
                               SQS_SCALING, "2026", LITERATURE),
}  # fmt: skip

FACTS: dict[str, Number] = {
    # -- Lambda --
    "pollers_provisioned_most": number(
        10_000, "provisioned pollers of a mapping, default 200; CloudFormation's page still says 2,000",
        "serverless/serverless#13835, aws/aws-lambda-roadmap#62", "2026", QUOTA),
    "pollers_provisioned_least": number(2, "provisioned pollers of a mapping, up to 200 may be asked for",
                                        "serverless/serverless#13835", "2026", QUOTA),
    "pollers_ramp_per_min": number(1000, "executions more a minute with provisioned pollers, up to 20,000",
                                   "aws/aws-lambda-roadmap#62", "2026", QUOTA),
    "async_payload_bytes": number(1_048_576, "bytes of an asynchronous invocation", "AWS, October 2025",
                                  "2025-10", QUOTA),
    "proactive_init_s": number(
        10, "s between INIT and the first invocation that mark an environment as started ahead "
        "(`measures.cold_starts`); others use 0.1 s", "brefphp/bref#1923", "2026", ASSUMED, (0.1, 10)),
    # -- API Gateway --
    "api_timeout_most_s": number(
        300, "s of an integration of a regional REST API at most, default 29; it costs throttle rate (about "
        "967/s are left)", "an AWS re:Post answer", "2026", LITERATURE),
    # -- SQS --
    "send_batch_bytes": number(1_048_576, "bytes of a SendMessageBatch; charged per 64 KiB",
                               "ruby-shoryuken/shoryuken#864", "2025-08", QUOTA),
    "sns_message_bytes": number(1_048_576, "bytes of a publish; charged per 64 KiB",
                                "NServiceBus.AmazonSQS#2864", "2026-09", QUOTA),
    "queue_front_receives": number(
        3, "receives after which a standard queue moves a message to its back and leaves it out of "
        "ApproximateAgeOfOldestMessage", "Amazon SQS, available CloudWatch metrics", "2026", QUOTA),
    # -- Step Functions --
    "map_item_bytes": number(262_144, "bytes of a state's input or output, so of an item of a map, too",
                             STEP_FUNCTIONS, "2026", QUOTA),
    "express_most_s": number(300, "s of an Express execution",
                             "docs.aws.amazon.com/step-functions/latest/dg/express-limits.html", "2026",
                             QUOTA),
    # -- durable functions, Managed Instances --
    "durable_steps_per_s": number(7, "steps a second of one durable execution, Python SDK 1.7.0",
                                  "aws/aws-durable-execution-sdk-python#710", "2026", LITERATURE),
    "managed_calls_per_vcpu": number(16, "Python invocations at once per vCPU of a Managed Instance",
                                     "public posts, December 2025 to September 2026", "2026-09", LITERATURE),
}  # fmt: skip

SLOW_API_REGIONS = (  # API_LIMITS names them: 2,500 requests a second, 1,250 at once
    "af-south-1", "eu-south-1", "ap-southeast-3", "me-central-1", "ap-south-2", "ap-southeast-4",
    "eu-south-2", "eu-central-2", "il-central-1", "ca-west-1", "ap-southeast-5", "ap-southeast-7",
    "mx-central-1",
)  # fmt: skip
SLOW_API = {"api_rate_per_s": 2_500.0, "api_burst": 1_250.0}
UNRESERVED_FLOOR = 100  # executions that a reservation must leave; all of a smaller account


def in_region(region: str) -> dict[str, Number]:
    """Return the limits that differ in a Region from those of LIMITS; "" for most Regions.

    Raises:
        UsageError: botocore knows no such Region.
    """
    if not region:
        return {}
    from lambdist_lib.cloud.aws_errors import regions  # botocore takes 0.2 s

    if region not in (known := regions()):
        raise UsageError(
            f"region {region!r} is unknown{did_you_mean(region, known)}; write one such as eu-west-1, or "
            "update botocore for a new one"
        )
    if region not in SLOW_API_REGIONS:
        return {}
    return {
        name: replace(LIMITS[name], value=value, low=value, high=value) for name, value in SLOW_API.items()
    }


def reservable(account_concurrency: float) -> int:
    """Return how much concurrency functions may reserve in an account.

    AWS requires 100 unreserved executions, 50 in an account of 50 and 10 in one of 10 (NEW_ACCOUNTS,
    terraform-aws-github-runner#1671). So a new account can reserve nothing, and the fault `throttle` cannot
    run there.
    """
    return max(int(account_concurrency) - UNRESERVED_FLOOR, 0)
