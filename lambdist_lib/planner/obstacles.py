"""Find what would keep a job from finishing on AWS as predicted."""

from collections.abc import Mapping

from lambdist_lib.cloud import limits
from lambdist_lib.cloud.limits import MIN_PROCESSORS
from lambdist_lib.planner.fluid.forecast import Forecast
from lambdist_lib.planner.job import Job
from lambdist_lib.planner.job_system import reserved

DAY_S = 86_400


def obstacles(job: Job, forecast: Forecast, value: Mapping[str, float]) -> list[str]:
    """Return one sentence per obstacle, each with its fix; empty if the job can finish."""
    return [
        text
        for text in (
            _quota(job, forecast),
            _retention(forecast, value),
            _account(job, value),
            _reservation(job, value),
        )
        if text
    ]


def _quota(job: Job, forecast: Forecast) -> str:
    quota = job.number("QuotaRequests")
    if not quota or forecast.requests <= quota:
        return ""
    return (
        f"{forecast.requests:,.0f} requests exceed the API key's quota of {quota:,} a "
        f"{job.settings['QuotaPeriod'].lower()}: further requests get 429; use --request-batch 100 or "
        "--set quota_requests=0"
    )


def _retention(forecast: Forecast, value: Mapping[str, float]) -> str:
    if forecast.makespan_s <= value["queue_retention_s"]:
        return ""
    return (
        f"the queue keeps a message for {value['queue_retention_s'] / DAY_S:.3g} days and deletes those that "
        "wait longer; send the job in parts or raise the bottleneck"
    )


def _account(job: Job, value: Mapping[str, float]) -> str:
    account = round(value["account_concurrency"])
    if account >= min(job.processors, round(value["esm_ceiling"])):
        return ""
    return (
        f"the account's {account:,} executions at once are fewer than the {job.processors:,} processors: "
        "throttled messages spend receives and may be dead-lettered; use --set "
        f"maximum_concurrency={max(account, MIN_PROCESSORS)} or ask AWS for more concurrent executions"
    )


def _reservation(job: Job, value: Mapping[str, float]) -> str:
    account = value["account_concurrency"]
    if not job.fault.share("throttle") or reserved(job) <= limits.reservable(account):
        return ""
    return (
        f"the fault throttle reserves {reserved(job):,} executions, and an account of {account:,.0f} can "
        f"reserve {limits.reservable(account):,}: AWS refuses; use fewer processors or drop the fault"
    )
