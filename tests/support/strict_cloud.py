"""A local cloud that enforces permissions, with users and roles to take them from.

with strict_cloud.running(folder) as root: ...    `root` is held back by nothing
"""

import base64
import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from lambdist_lib import paths
from lambdist_lib.cloud import aws_errors, local_cloud, targets
from lambdist_lib.cloud.targets import Target
from lambdist_lib.errors import AccessDeniedError

POLICIES = "policies-of-lambdist"  # the stack of deployer_policy.yaml
BATCH = "sqs:SendMessageBatch"  # on AWS sqs:SendMessage covers it; the emulator wants it apart
MAX_LATE, LATE_S = 5, 0.1  # of log lines: how often, and how soon, to ask for them
# After each call a handler prints it: botocore gives the hook to every client of the default session.
TELL = """
import json
import boto3

def _tell(http_response, parsed, model, **_):
    error = parsed.get("Error", {}).get("Code", "")
    print(json.dumps({"called": model.name, "of": model.service_model.service_name, "error": error}))

boto3.setup_default_session()
boto3.DEFAULT_SESSION.events.register("after-call", _tell)
"""


@dataclass(frozen=True, slots=True)
class Called:
    """One call on AWS as botocore saw it; error is AWS's code, empty if there was none."""

    service: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    error: str = ""

    @property
    def is_denied(self) -> bool:
        return bool(aws_errors.DENIED.match(self.error))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Target]:
    """A local cloud of its own, on a free port, as long as the block runs."""
    state = folder / "state"
    cloud = local_cloud.lease(state, auth=True)
    session = boto3.Session(cloud.key, "any", region_name=targets.LOCAL_REGION)
    try:
        yield Target(
            name="local", region=targets.LOCAL_REGION, label="strict", endpoint_url=cloud.endpoint_url,
            session=session, cloud=cloud,
        )  # fmt: skip
    finally:
        local_cloud.stop(state)


def policies(root: Target) -> dict[str, str]:
    """The ARNs of deployer_policy.yaml's policies by their names, deployed as an administrator does."""
    cloudformation = root.client("cloudformation")
    body = (paths.cloudformation() / "deployer_policy.yaml").read_text(encoding="utf-8")
    cloudformation.create_stack(StackName=POLICIES, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=POLICIES, WaiterConfig={"Delay": 1})
    [stack] = cloudformation.describe_stacks(StackName=POLICIES)["Stacks"]
    return {one["OutputKey"].removesuffix("Arn"): one["OutputValue"] for one in stack["Outputs"]}


def user(root: Target, name: str, arns: list[str]) -> Target:
    """A user with these managed policies, as the target `aws` finds one in the environment."""
    iam = root.client("iam")
    iam.create_user(UserName=name)
    for arn in arns:
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", root.endpoint_url or "")
        patched.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patched.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        return targets.connect("aws", region=root.region)


def record(target: Target, calls: list[Called]) -> None:
    """Add to `calls` what this target's clients, none of which is made yet, will call."""
    assert not target._clients

    def keep(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append(Called(model.service_model.service_name, model.name, dict(params)))

    target.session.events.register("provide-client-params", keep)


def document(root: Target, arn: str) -> dict[str, Any]:
    """What a managed policy says."""
    iam = root.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def allow_more(root: Target, arn: str, action: str) -> None:
    """Allow an action more in a managed policy."""
    said = document(root, arn)
    said["Statement"].append({"Effect": "Allow", "Action": action, "Resource": "*"})
    root.client("iam").create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(said), SetAsDefault=True
    )


def without(said: dict[str, Any], action: str, resource: str = "") -> dict[str, Any]:
    """A policy with an action taken out, everywhere or from the statements on one resource."""
    statements = []
    for statement in said["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if resource in ("", statement["Resource"]):
            actions = [one for one in actions if one != action]
        if actions:
            statements.append({**statement, "Action": actions})
    return {**said, "Statement": statements}


def is_refused(target: Target, service: str, operation: str, parameters: dict[str, Any]) -> bool:
    """Whether a call is denied; that what it asks for is not there, or is no more, is no denial."""
    client = target.client(service)
    try:
        getattr(client, xform_name(operation))(**parameters)
    except AccessDeniedError:
        return True
    except client.exceptions.ClientError as error:
        return bool(aws_errors.DENIED.match(error.response["Error"]["Code"]))
    return False


def allow(root: Target, user_name: str, documents: list[dict[str, Any]]) -> None:
    """Give a user these policies, in the place of those given before."""
    for number, said in enumerate(documents):
        root.client("iam").put_user_policy(
            UserName=user_name, PolicyName=f"policy{number}", PolicyDocument=json.dumps(said)
        )


@contextlib.contextmanager
def taken_away(root: Target, role: str, action: str, resource: str) -> Iterator[None]:
    """A role without one of its permissions while the block runs."""
    iam = root.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    less = {name: without(without(said, action, resource), BATCH) for name, said in before.items()}
    assert less != before, f"{role} has no {action} on {resource}"
    for name, said in less.items():
        if said["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(said))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        for name, said in before.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(said))


def telling_lambdas(folder: Path) -> Path:
    """lambdas/ whose handlers tell each call that they make."""
    copied = Path(shutil.copytree(paths.lambdas(), folder))
    with (copied / "environment.py").open("a") as module:
        module.write(TELL)
    return copied


def invoke(root: Target, function: str, event: dict[str, Any]) -> tuple[dict[str, Any], list[Called]]:
    """A function's answer to an event, and the calls that it told.

    The emulator hands the last lines of a slow process on with its next answer. A handler that does not fail
    closes its log with a line; until that is there, an event without anything asks for the rest.
    """
    response, lines = _invoked(root, function, event)
    for _ in range(MAX_LATE):
        if "FunctionError" in response or any(line.startswith('{"event"') for line in lines):
            break
        time.sleep(LATE_S)
        lines += _invoked(root, function, {})[1]
    return json.loads(response["Payload"].read()), told(lines)


def _invoked(root: Target, function: str, event: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Invoke a function; return Lambda's response and the end of its log."""
    client = root.client("lambda")
    response = client.invoke(FunctionName=function, LogType="Tail", Payload=json.dumps(event))
    return response, base64.b64decode(response["LogResult"]).decode().splitlines()


def told(lines: list[str]) -> list[Called]:
    """The calls among log lines."""
    found = [json.loads(line) for line in lines if line.startswith('{"called"')]
    return [Called(one["of"], one["called"], error=one["error"]) for one in found]
