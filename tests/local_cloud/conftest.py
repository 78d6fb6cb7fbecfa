"""One local cloud for the whole session, with both stacks on it as a test finds them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from lambdist_lib import paths
from lambdist_lib.cli import main
from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.cloud.api import describe_api
from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import local_mail, stacks, templates
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import TargetError
from lambdist_lib.records import items
from lambdist_lib.runs import completion

SETTINGS = {
    "experiment_controls": True,
    "retry_delay_seconds": 0,
    "maximum_concurrency": 4,  # two cores start ten environments slowly
}


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as its clients and its owner see it."""

    target: Target
    stack: Stack

    def __getitem__(self, output: str) -> str:
        return self.stack.outputs[output]

    def client(self, service: str) -> Any:
        return self.target.client(service)

    def post(self, body: object, **headers: str) -> requests.Response:
        """POST to the API with its key, unless `headers` say otherwise."""
        api = describe_api(self.target, self.stack.outputs)
        headers = {"x-api-key": api.key.reveal(), "Content-Type": "application/json", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(api.url, data=data, headers=headers, timeout=60)

    def drain(self) -> None:
        """Wait until nothing is queued."""
        completion.wait_until_complete(self.target, self.stack, "any", expected=sys.maxsize)

    def settled(self, run_id: str, expected: int) -> dict[int, dict[str, Any]]:
        """The run's items once all its datapoints are stored or dead."""
        ended = completion.wait_until_complete(self.target, self.stack, run_id, expected=expected)
        assert (ended.settled, ended.queued) == (expected, 0)
        return items.items(self.target, self.stack, run_id)


@pytest.fixture(scope="session")
def target():
    """The session's local cloud; at its end nothing of it is left."""
    connected = targets.connect("local")
    yield connected
    for client in connected._clients.values():
        client.close()
    local_cloud.stop()


def everything_left(target: Target) -> dict[str, list[Any]]:
    """Everything on the local cloud that a destroyed stack may not leave, by service."""

    def of(service, call, key, **arguments):
        return getattr(target.client(service), call)(**arguments).get(key, [])

    found = {
        "stacks": [
            stack["StackName"]
            for stack in of("cloudformation", "list_stacks", "StackSummaries")
            if stack["StackStatus"] != "DELETE_COMPLETE"
        ],
        "functions": of("lambda", "list_functions", "Functions"),
        "mappings": of("lambda", "list_event_source_mappings", "EventSourceMappings"),
        "queues": of("sqs", "list_queues", "QueueUrls"),
        "topics": of("sns", "list_topics", "Topics"),
        "subscriptions": of("sns", "list_subscriptions", "Subscriptions"),
        "tables": of("dynamodb", "list_tables", "TableNames"),
        "apis": of("apigateway", "get_rest_apis", "items"),
        "keys": of("apigateway", "get_api_keys", "items"),
        "usage plans": of("apigateway", "get_usage_plans", "items"),
        "log groups": of("logs", "describe_log_groups", "logGroups"),
        "buckets": of("s3", "list_buckets", "Buckets"),
        "alarms": of("cloudwatch", "describe_alarms", "MetricAlarms"),
        "roles": of("iam", "list_roles", "Roles"),
        "policies": of("iam", "list_policies", "Policies", Scope="Local"),
    }
    return {name: entries for name, entries in found.items() if entries}


@pytest.fixture
def left():
    """`left(target)`: what a destroyed stack may not leave, as each service lists it."""
    return everything_left


@pytest.fixture(scope="session")
def deployed_as():
    """`deployed_as(target, stack)`: a stack with its clients' and its owner's view."""
    return Deployed


@pytest.fixture
def settings():
    """Of the stacks as the tests deploy them."""
    return dict(SETTINGS)


@pytest.fixture
def empty(target):
    """The session's local cloud with nothing on it."""
    local_cloud.reset(target.cloud)
    return target


@pytest.fixture(scope="session")
def last_deployed():
    """What `both` deployed last, by kind."""
    return {}


@pytest.fixture
def both(target, last_deployed):
    """Both stacks with SETTINGS, deployed again if a test before has changed them."""
    if not last_deployed or described(target) != last_deployed:
        last_deployed |= stacks.apply_stacks(target, settings=SETTINGS)
    return {kind: Deployed(target, stack) for kind, stack in last_deployed.items()}


def described(target: Target) -> dict[str, Stack]:
    """The deployed stacks as CloudFormation describes them, by kind; {} if one is missing."""
    try:
        return {kind: stacks.describe(target, kind) for kind in templates.KINDS}
    except TargetError:
        return {}


@pytest.fixture
def deploy(target):
    """`deploy("name", processing=folder, memory_mb=256)`: further stacks, which the test's end takes away."""
    names = set()

    def deployed(name: str, kinds: Iterable[str] = templates.KINDS, **options: Any) -> dict[str, Deployed]:
        names.add(name)
        own = {key: options.pop(key) for key in ("processing", "log") if key in options}
        made = stacks.apply_stacks(target, kinds, name=name, settings={**SETTINGS, **options}, **own)
        return {kind: Deployed(target, stack) for kind, stack in made.items()}

    yield deployed
    for name in names:
        stacks.delete_stacks(target, name=name)


@pytest.fixture
def distributed(both):
    return both["distributed"]


@pytest.fixture
def single_node(both):
    return both["single_node"]


@pytest.fixture
def mails(distributed):
    """`mails()`: what came into the local mailbox since the test began, waited for."""
    before = {mail.id for mail in local_mail.read(distributed.target)}

    def read() -> list[local_mail.Mail]:
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            if new := [mail for mail in local_mail.read(distributed.target) if mail.id not in before]:
                return new
            time.sleep(0.05)
        return []

    return read


@pytest.fixture
def lambdist():
    """`lambdist("submit", path, state=folder)`: the command line in a process of its own, finished."""

    def run(*arguments: object, state: Path | None = None, cwd: Path | None = None, **options: Any):
        environment = {**os.environ, **({"LAMBDIST_STATE": str(state)} if state else {})}
        return subprocess.run(
            [sys.executable, "-m", "lambdist_lib", *map(str, arguments)],
            cwd=cwd or paths.root(), env=environment, capture_output=True, text=True, timeout=120, **options,
        )  # fmt: skip

    return run


@pytest.fixture
def command(monkeypatch, capsys):
    """`command("submit", path, state=folder)`: as `lambdist`, without a process, which costs a second."""

    def run(*arguments: object, state: Path | None = None, cwd: Path | None = None):
        typed = list(map(str, arguments))
        with monkeypatch.context() as patched:
            patched.setenv("LAMBDIST_STATE", str(state or paths.state()))
            patched.setenv("LAMBDIST_RESULTS", str(paths.results()))  # --results-dir sets it
            patched.chdir(cwd or paths.root())
            capsys.readouterr()
            status = main.main(typed)
            told = capsys.readouterr()
        return subprocess.CompletedProcess(typed, status, told.out, told.err)

    return run


@pytest.fixture
def data_file(tmp_path):
    """`data_file(10)`: a file of ten words."""

    def write(lines: int, name: str = "words.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"word-{n}\n" for n in range(lines)))
        return path

    return write
