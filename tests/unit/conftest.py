"""Lambda modules as a new environment imports them, without a network."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import boto3
import hypothesis
import pytest
from botocore import loaders

from lambdist_lib import paths

LAMBDA_MODULES = [path.stem for path in paths.lambdas().glob("*.py")]
SETTINGS = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # a call that no fake has taken goes nowhere
    "MAX_CHARS": "1024",
    "PATTERN": "",
    "FUNCTION_TIMEOUT_S": "30",
    "EXPERIMENT_CONTROLS": "on",
    "QUEUE_URL": "http://queue",
    "DEAD_LETTER_QUEUE_URL": "http://dead-letter-queue",
    "RETRY_DELAY_S": "2",
    "MAX_RECEIVES": "5",
    "PARTIAL_BATCH_RESPONSES": "on",
    "PERMANENT_AT_ONCE": "on",
    "TABLE_NAME": "table",
    "ITEM_DAYS": "30",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:topic",
    "STACK_NAME": "stack",
    "DIGEST_EXAMPLES": "0",
}
hypothesis.settings.register_profile("lambdist", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("lambdist")

_read_json = functools.partial(loaders.JSONFileLoader.load_file, loaders.JSONFileLoader())
_service_description = functools.cache(_read_json)  # every session would read the same megabytes
loaders.JSONFileLoader.load_file = lambda _, path: _service_description(path)

ImportFresh = Callable[..., ModuleType]

_sessions: list[boto3.Session] = []  # one for all tests: a session reads megabytes of service descriptions


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty results folder."""
    monkeypatch.setenv("LAMBDIST_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


@pytest.fixture
def import_fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImportFresh]:
    """`import_fresh("collector", MAX_CHARS="9")`: a handler in a new environment with these settings."""
    before = {name: sys.modules[name] for name in LAMBDA_MODULES if name in sys.modules}

    def imported(name: str, **settings: str) -> ModuleType:
        for module in LAMBDA_MODULES:
            sys.modules.pop(module, None)
        for setting, value in {**SETTINGS, **settings}.items():
            monkeypatch.setenv(setting, value)
        if not _sessions:
            _sessions.append(boto3.Session())
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", _sessions[0])
        return importlib.import_module(name)

    yield imported
    for module in LAMBDA_MODULES:
        sys.modules.pop(module, None)
    sys.modules.update(before)
