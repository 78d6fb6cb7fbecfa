"""Name the limits of a job in plain words, the same in plans, findings, tables and figures."""

from lambdist_lib.planner.fluid import phases

LIMIT_WORDS = {  # of a limit as `binding` and `phases` name it; others are words already
    phases.API: "API Gateway's request rate",
    phases.COLLECTORS: "the account's concurrency, which the collectors use up",
    phases.ENVIRONMENTS: "Lambda's request rate per environment",
    phases.RAMP: "how fast SQS adds processors",
    phases.CEILING: "the most processors that SQS adds by itself",
    phases.MAXIMUM: "the processors allowed at once",
    phases.ACCOUNT: "the account's concurrency",
    phases.RESERVED: "the processor's reserved concurrency",
    phases.IN_FLIGHT: "SQS's limit of messages in flight",
    phases.BACKOFF: "SQS's pauses after errors",
    phases.TABLE: "DynamoDB's write capacity",
    phases.RETRIES: "the delays before retries",
}
OPTIONS = {phases.SENDERS: "--chunks", phases.MAXIMUM: "--processors"}  # that raise a limit


def limit_in_words(limit: str) -> str:
    """Return what a bottleneck is, in plain words."""
    return LIMIT_WORDS.get(limit, limit)


def limit_with_option(limit: str) -> str:
    """Return what a bottleneck is, with the option that changes it if there is one."""
    option = f" ({OPTIONS[limit]})" if limit in OPTIONS else ""
    return f"{limit_in_words(limit)}{option}"
