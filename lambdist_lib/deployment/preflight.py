"""Before a deploy to AWS: show account, resources, quotas and estimated cost, and ask for consent.

    inspected = preflight.inspect(target, {"memory_mb": 512}, planned=usage)
    preflight.confirm(inspected, budget_usd=1.0, yes=False)     asks on a terminal

The estimate is a prediction from dated prices (`costs.prices`); the bill is AWS's.
"""

import collections
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.costs import assumptions, bill, usage
from lambdist_lib.costs.bill import Usage
from lambdist_lib.deployment import change_sets, stacks, tags, templates
from lambdist_lib.errors import AccessDeniedError, DeployError, UsageError

ALARM = "AWS::CloudWatch::Alarm"
WIDTH = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The account's quotas; None for one that may not be read."""

    executions: int | None = None  # of all its functions together
    api_rate_per_s: float | None = None
    api_burst: int | None = None
    denied: tuple[str, ...] = ()  # the permissions that are missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The effect of a deploy.

    account: Its last four digits.
    makes: Number of new resources by type.
    """

    target_label: str
    account: str
    new: tuple[str, ...]  # stacks to create
    makes: Mapping[str, int]
    quotas: Quotas
    runs_usd: float
    standing_usd: float
    standing_days: float
    warnings: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        return self.runs_usd + self.standing_usd

    def text(self) -> str:
        """Return all of it as text."""
        created = "nothing, the stacks exist"
        if self.new:
            kinds = [
                f"{count}\N{NO-BREAK SPACE}{kind.removeprefix('AWS::')}"
                for kind, count in sorted(self.makes.items())
            ]
            total = sum(self.makes.values())
            created = f"{', '.join(self.new)} and a bucket: {total} resources, {', '.join(kinds)}"
        money = f"{self.usd:.2g} USD, {self.parts()}; prices of us-east-1, without the free tier"
        rows = {"creates": created, "quotas": _quotas(self.quotas), "estimate": money}
        lines = [
            f"{self.target_label}, account {self.account}",
            *(f"  {name:<9} {text}" for name, text in rows.items()),
        ]
        lines += [f"  warning   {warning}" for warning in self.warnings]
        return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=" " * 12) for line in lines)

    def parts(self) -> str:
        hours = self.standing_days * 24
        return f"{self.runs_usd:.2g} for the runs and {self.standing_usd:.2g} for standing {hours:g} h"


def inspect(
    target: Target,
    settings: Mapping[str, Any],
    *,
    planned: Usage | None = None,
    chunks: int = 0,
    lifetime_s: float | None = None,
) -> Preflight:
    """Read quotas and estimate cost. Creates nothing.

    Args:
        settings: Of the stacks, as for `lifecycle.deploy`.
        planned: Usage of the runs (`runs.cost_estimate`); None for a deploy alone.
        chunks: Senders at once, each of which may need a Lambda.
        lifetime_s: Seconds for which the stacks stay (default `tags.LIFETIME_S`).

    Raises:
        UsageError: A setting is unknown or out of bounds.
        AccessDeniedError: AWS rejected the credentials.
    """
    account = str(target.client("sts").get_caller_identity()["Account"])
    table, days = assumptions.load(), (lifetime_s or tags.LIFETIME_S) / 86_400
    values = {kind: templates.to_parameters(kind, dict(settings)) for kind in templates.KINDS}
    new = [kind for kind in templates.KINDS if not change_sets.describe(target, stacks.stack_name(kind))]
    counts = {kind: templates.count_resources(kind, values[kind]) for kind in templates.KINDS}
    alarms = counts["distributed"][ALARM]
    standing = usage.standing(days, table, alarms=alarms)
    quotas = _read_quotas(target)
    distributed = templates.defaults("distributed") | values["distributed"]
    at_once = chunks + int(distributed["MaximumConcurrency"])
    return Preflight(
        target_label=target.label,
        account=f"****{account[-4:]}",
        new=tuple(stacks.stack_name(kind) for kind in new),
        makes=sum((counts[kind] for kind in new), collections.Counter[str]()),
        quotas=quotas,
        runs_usd=bill.total_usd(bill.line_items(planned or Usage(), table)),
        standing_usd=bill.total_usd(bill.line_items(standing, table)),
        standing_days=days,
        warnings=_warnings(quotas, at_once),
    )


def confirm(
    inspected: Preflight,
    *,
    budget_usd: float = 0.0,
    yes: bool | None = False,
    ask: Callable[[str], bool] | None = None,
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> None:
    """Show the preflight and ask for consent.

    Args:
        budget_usd: Maximum of the estimated cost in US dollars; 0 for no limit.
        yes: Consent was given before; None where a budget is consent enough.
        ask: Asks a question; by default on the terminal.
        tell: Prints the preflight; by default to standard error.

    Raises:
        UsageError: The estimate exceeds the budget, or there is no terminal to ask.
        DeployError: The answer was no.
    """
    tell(inspected.text())
    if 0 < budget_usd < inspected.usd:
        raise UsageError(
            f"the estimate of {inspected.usd:.2g} USD ({inspected.parts()}) is above the budget of "
            f"{budget_usd:g} USD, so nothing was created: set a larger --budget-usd, fewer repetitions or "
            "datapoints, or a shorter --expires"
        )
    agreed = budget_usd > 0 if yes is None else yes
    if agreed or not (inspected.new or inspected.runs_usd):
        return
    if ask is None:
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                f"on {inspected.target_label} this would cost money, and there is no terminal to ask: add "
                "--yes (in a notebook set budget_usd to the maximum); nothing was created"
            )
        ask = _ask_on_terminal
    if not ask("create this? [y/N] "):
        raise DeployError("nothing was created: the answer was no")


def _ask_on_terminal(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _read_quotas(target: Target) -> Quotas:
    """The account's quotas; a missing permission leaves one unknown."""
    values: dict[str, Any] = {}
    denied = []
    try:
        limit = target.client("lambda").get_account_settings()["AccountLimit"]
        values["executions"] = int(limit["ConcurrentExecutions"])
    except AccessDeniedError as error:
        denied.append(_action(error))
    try:
        throttle = target.client("apigateway").get_account().get("throttleSettings", {})
        values |= {"api_rate_per_s": throttle.get("rateLimit"), "api_burst": throttle.get("burstLimit")}
    except AccessDeniedError as error:
        denied.append(_action(error))
    return Quotas(**values, denied=tuple(denied))


def _action(error: AccessDeniedError) -> str:
    if not error.action:
        raise error
    return error.action


def _quotas(quotas: Quotas) -> str:
    parts = []
    if quotas.executions is not None:
        parts.append(f"{quotas.executions:,} Lambdas at once")
    if quotas.api_rate_per_s is not None:
        parts.append(
            f"{quotas.api_rate_per_s:,.0f} requests/s to the APIs, {quotas.api_burst or 0:,} in a burst"
        )
    parts += [f"unknown without {action}" for action in quotas.denied]
    return "; ".join(parts) or "unknown"


def _warnings(quotas: Quotas, at_once: int) -> tuple[str, ...]:
    if quotas.executions is None or quotas.executions >= at_once:
        return ()
    return (
        f"senders and queue may need {at_once:,} Lambdas at once, the account has {quotas.executions:,}: "
        "requests will be throttled, and throttled messages die; take fewer --chunks, fewer "
        "--processors, or ask AWS for more (Service Quotas, Lambda, concurrent executions)",
    )
