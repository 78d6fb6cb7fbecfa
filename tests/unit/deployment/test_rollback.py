"""An update that does not start leaves the code and the settings that were there."""

from types import SimpleNamespace

import pytest

from lambdist_lib.deployment import change_sets, lifecycle, local_fixes, owners, rollback, smoke_test, stacks
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AbsentError, DeployError

BOTH = ("distributed", "single_node")


@pytest.fixture
def target(monkeypatch):
    """A target with two stacks: `there` has their parameters, `refused` those whose updates fail."""
    there = {kind: {"ProcessorKey": "old", "MemoryMb": "512"} for kind in BOTH}
    names = {stacks.stack_name(kind): kind for kind in BOTH}
    place = SimpleNamespace(name="local", label="local cloud", there=there, refused=set())
    place.client = lambda service: SimpleNamespace(get_template=lambda StackName: {"TemplateBody": "old"})

    def describe(target, kind):
        if kind not in there:
            raise AbsentError(kind)
        name = stacks.stack_name(kind)
        return Stack(kind=kind, name=name, outputs={}, parameters=dict(there[kind]), code={})

    def start_change(target, name, body, values, log):
        if name in place.refused:
            raise DeployError("refused")
        if there[names[name]] == values:
            return None
        there[names[name]] = values
        return name

    def apply_stacks(target, kinds, **_):
        for kind in kinds:
            there[kind] = {"ProcessorKey": "new", "MemoryMb": "128"}
        return {kind: describe(target, kind) for kind in kinds}

    def fail(*_):
        raise DeployError("Processor does not start")

    monkeypatch.setattr(stacks, "describe", describe)
    monkeypatch.setattr(stacks, "apply_stacks", apply_stacks)
    monkeypatch.setattr(change_sets, "start_change", start_change)
    monkeypatch.setattr(change_sets, "wait", lambda *_: None)
    monkeypatch.setattr(local_fixes, "close", lambda *_: None)
    monkeypatch.setattr(smoke_test, "check_functions_start", fail)
    monkeypatch.setattr(owners, "forget", lambda *_: None)
    return place


def deploy(target, kinds=BOTH):
    """Return the error of a deployment that does not start."""
    with pytest.raises(DeployError) as refusal:
        lifecycle.deploy(target, kinds=kinds, log=lambda line: None)
    return str(refusal.value)


def test_the_code_that_was_there_runs_again(target):
    """With its settings; the error says both."""
    message = deploy(target)

    assert target.there == {kind: {"ProcessorKey": "old", "MemoryMb": "512"} for kind in BOTH}
    assert message.startswith("Processor does not start; ")
    assert "lambdist-distributed and lambdist-single-node" in message


def test_a_new_stack_has_nothing_to_put_back(target):
    """It stays as it is, for a deployment of mended code."""
    del target.there["distributed"]

    message = deploy(target, ["distributed"])

    assert target.there["distributed"]["ProcessorKey"] == "new"
    assert message == "Processor does not start"


def test_a_rollback_that_fails_is_called_that(target):
    target.refused.add("lambdist-distributed")

    assert "could not be put back (refused): deploy it again" in deploy(target)


def test_the_same_broken_code_again_is_put_nowhere(target):
    """Nothing had changed, so nothing is said to run again."""
    for kind in BOTH:
        target.there[kind] = {"ProcessorKey": "new", "MemoryMb": "128"}

    assert deploy(target) == "Processor does not start"


def test_what_is_deployed_is_remembered_with_its_template(target):
    del target.there["single_node"]

    [before] = rollback.remember(target, BOTH)

    assert (before.stack.kind, before.body) == ("distributed", "old")
