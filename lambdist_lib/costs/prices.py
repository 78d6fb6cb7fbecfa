"""AWS prices in us-east-1, USD without tax, each with its date and source."""

from lambdist_lib.cloud.limits import PRICE, Number, number

BY_API = (
    "a public note that quotes the AWS Price List API; compare aws.amazon.com/lambda/pricing",
    "2026-09-19",
)
SQS_PRICES, SNS_PRICES = "cloudburn.io/blog/amazon-sqs-pricing", "factualminds.com on SNS"
TABLE_PRICES = "airbyte.com on DynamoDB"
API_PRICES = "AWS whitepaper best-practices-api-gateway-private-apis-integration, table 4"
CLOUDWATCH_PRICES = "aws.amazon.com/cloudwatch/pricing"
STEP_PRICES = "aws.amazon.com/step-functions/pricing"
S3_PRICES = "aws.amazon.com/s3/pricing, not checked against the live page"
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
    "price_metrics": number(0.30, "USD a month, custom metric", CLOUDWATCH_PRICES, "2025", PRICE),
    "price_traces": number(5e-6, "USD a trace recorded", "aws.amazon.com/xray/pricing", "2025", PRICE),
    # -- Step Functions and S3, which the arm distributed_map uses --
    "price_map_transitions": number(25e-6, "USD a state transition, Standard; retries count", STEP_PRICES,
                                    "2026", PRICE),
    "price_express_requests": number(1.00e-6, "USD an execution, Express", STEP_PRICES, "2026", PRICE),
    "price_express_gb_s": number(1.667e-5, "USD a GB-s, Express", STEP_PRICES, "2026", PRICE),
    "price_s3_puts": number(5e-6, "USD a PUT, S3 Standard", S3_PRICES, "2025", PRICE),
    "price_s3_gets": number(0.4e-6, "USD a GET, S3 Standard", S3_PRICES, "2025", PRICE),
    # -- services that the stacks do not use; a comparison of topologies and the break-even read them --
    "price_http_api": number(1.00e-6, "USD a request, HTTP API, up to 300 million a month",
                             "aws.amazon.com/api-gateway/pricing, not checked against the live page", "2026",
                             PRICE),
    "price_durable_operations": number(8e-6, "USD a durable operation, at least one an item",
                                       "aws/aws-durable-execution-sdk-python#710", "2026", PRICE),
    "price_managed_share": number(0.15, "of the EC2 price, added by Lambda Managed Instances",
                                  "public posts, December 2025 to September 2026", "2026-09", PRICE),
    "price_instance_h": number(0.0816, "USD an hour of an m7g.large (2 vCPU, 8 GB) without disk and address",
                               "aws.amazon.com/ec2/pricing/on-demand, not checked against the live page",
                               "2025", PRICE),
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
