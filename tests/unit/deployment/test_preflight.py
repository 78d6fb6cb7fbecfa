"""The preflight shows resources, quotas and cost, and asks for consent before it creates anything."""

import dataclasses

import pytest

from lambdist_lib.costs import assumptions, bill
from lambdist_lib.deployment import preflight, templates
from lambdist_lib.deployment import templates as deployment_templates
from lambdist_lib.errors import AccessDeniedError, DeployError, UsageError
from lambdist_lib.runs import cost_estimate
from lambdist_lib.runs.conditions import Conditions

ACCOUNT = "4711" + "08151234"
FOUND = preflight.Preflight(
    target_label="AWS eu-west-1",
    account="****1234",
    new=("lambdist-distributed",),
    makes={"AWS::SQS::Queue": 2, "AWS::IAM::Role": 3},
    quotas=preflight.Quotas(executions=10, api_rate_per_s=10_000.0, api_burst=5_000),
    runs_usd=0.5,
    standing_usd=0.04,
    standing_days=1.0,
)


class Account:
    """Clients of an account; `denied` permissions raise."""

    name, region, label = "aws", "eu-west-1", "AWS eu-west-1"

    def __init__(self, executions=1000, denied=(), stacks=()):
        self.executions, self.denied, self.stacks = executions, denied, stacks

    def client(self, service):
        return self

    def get_caller_identity(self):
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/alice"}

    def describe_stacks(self, StackName):
        return {"Stacks": [{"StackName": StackName, "StackStatus": "CREATE_COMPLETE"}]}

    def get_account_settings(self):
        self._require("lambda:GetAccountSettings")
        return {"AccountLimit": {"ConcurrentExecutions": self.executions}}

    def get_account(self):
        self._require("apigateway:GET")
        return {"throttleSettings": {"rateLimit": 10_000.0, "burstLimit": 5_000}}

    def _require(self, action):
        if action in self.denied:
            raise AccessDeniedError("no", code="AccessDenied", action=action)


@pytest.fixture
def account(monkeypatch):
    """`account(executions=10)`: one without stacks, unless they are named."""

    def made(**facts):
        one = Account(**facts)
        monkeypatch.setattr(preflight.change_sets, "describe", lambda target, name: name in one.stacks)
        return one

    return made


def test_the_text_has_resources_quotas_and_cost_and_masks_the_account(account):
    """It has counts by type and only four digits of the account."""
    found = preflight.inspect(account(), {"memory_mb": 256}, chunks=20)

    told = found.text()
    assert "account ****1234" in told
    assert ACCOUNT not in told and "alice" not in told
    assert "4\N{NO-BREAK SPACE}Lambda::Function" in told
    assert "1,000 Lambdas at once; 10,000 requests/s" in told
    assert sum(found.makes.values()) == sum(
        sum(deployment_templates.count_resources(kind, {}).values()) for kind in templates.KINDS
    )
    assert not found.warnings
    assert 0 < found.usd < 1  # of a day without a request


def test_existing_stacks_are_not_created(account):
    one = preflight.inspect(account(stacks=["lambdist-distributed"]), {})

    assert one.new == ("lambdist-single-node",)
    assert one.makes["AWS::Lambda::Function"] == 1
    none = preflight.inspect(account(stacks=["lambdist-distributed", "lambdist-single-node"]), {})
    assert "creates   nothing, the stacks exist" in none.text()


def test_a_small_account_is_warned(account):
    """Some new accounts have ten executions at once."""
    found = preflight.inspect(account(executions=10), {"maximum_concurrency": 5}, chunks=20)

    assert "may need 25 Lambdas at once, the account has 10" in found.warnings[0]
    assert "warning" in found.text()


def test_a_missing_permission_leaves_one_quota_unknown(account):
    """Any other rejection by AWS ends the command."""
    found = preflight.inspect(account(denied=["lambda:GetAccountSettings", "apigateway:GET"]), {})

    assert "unknown without lambda:GetAccountSettings; unknown without apigateway:GET" in found.text()
    expired = account()
    expired.get_account = lambda: (_ for _ in ()).throw(AccessDeniedError("expired", code="ExpiredToken"))
    with pytest.raises(AccessDeniedError, match="expired"):
        preflight.inspect(expired, {})


def test_the_estimate_grows_with_runs_and_datapoints_of_arms_with_a_stack():
    held = Conditions(work="io:20ms")
    both = ["distributed", "single_node"]

    def usd(arms, datapoints, runs, **settings):
        usage = cost_estimate.estimate_usage(held, arms, datapoints, runs, settings)
        return bill.total_usd(bill.line_items(usage, assumptions.load()))

    assert usd(["local_pool"], 1000, 5) == 0
    assert usd(both, 1000, 10) > usd(both, 1000, 5) > usd(["distributed"], 1000, 5) > 0
    assert usd(both, 2000, 5) > usd(both, 1000, 5)


def consent(found=FOUND, **options):
    said = []
    preflight.confirm(found, tell=said.append, **options)
    return said


def test_an_estimate_above_the_budget_is_an_error_before_the_question():
    """It has the estimate and the options to change, even after consent."""
    with pytest.raises(
        UsageError, match=r"estimate of 0.54 USD \(0.5 for the runs .* above the budget of 0.1 "
    ):
        consent(budget_usd=0.1, yes=True)


@pytest.mark.parametrize("answer", [True, False])
def test_the_question_decides(answer):
    asked = []

    def ask(question):
        asked.append(question)
        return answer

    if answer:
        assert consent(ask=ask) == [FOUND.text()]
    else:
        with pytest.raises(DeployError, match="nothing was created: the answer was no"):
            consent(ask=ask)
    assert asked == ["create this? [y/N] "]


def test_consent_is_required_without_a_terminal():
    """pytest has no terminal."""
    with pytest.raises(UsageError, match="there is no terminal to ask: add --yes"):
        consent(budget_usd=1.0)
    assert consent(budget_usd=1.0, yes=True) == [FOUND.text()]


def test_a_deploy_without_cost_needs_no_question():
    assert consent(dataclasses.replace(FOUND, new=(), runs_usd=0.0))
    with pytest.raises(UsageError, match="no terminal"):
        consent(dataclasses.replace(FOUND, new=()))


@pytest.mark.parametrize(
    ("settings", "more"), [({}, 0), ({"NotifyEmail": "a@b"}, 1), ({"WebAclArn": "arn:x"}, 1)]
)
def test_resources_are_counted_by_the_templates_conditions(settings, more):
    """A resource with a condition is created only if it holds."""
    plain = deployment_templates.count_resources("distributed", {})

    assert (
        sum(deployment_templates.count_resources("distributed", settings).values())
        == sum(plain.values()) + more
    )
