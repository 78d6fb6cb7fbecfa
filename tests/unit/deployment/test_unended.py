"""A deploy does not change a stack under the queued messages of a run that a resume can finish."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdist_lib.deployment import lifecycle, owners, queue_depth, rollback, smoke_test, stacks, unended
from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.deployment.rollback import Before
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import UncollectedError
from lambdist_lib.results import files

TARGET = SimpleNamespace(name="local", label="local cloud")
STACK = Stack(
    kind="distributed",
    name="lambdist-distributed",
    outputs={"QueueUrl": "http://queue-1"},
    parameters={},
    code={"processor": "old"},
)


@pytest.fixture
def cloud(monkeypatch, tmp_path):
    """A deployed stack with `queued` messages, to which a deploy brings `code`; `deployed` counts these."""
    present = SimpleNamespace(existing=[STACK], queued=3, code="new", deployed=0)

    def apply_stacks(*_, **__):
        present.deployed += 1
        return {}

    monkeypatch.setenv("LAMBDIST_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(
        rollback, "remember", lambda *_: [Before(stack=stack, body="") for stack in present.existing]
    )
    monkeypatch.setattr(queue_depth, "queue_depth", lambda *_: QueueDepth(waiting=present.queued))
    monkeypatch.setattr(stacks, "up_to_date", lambda *_, **__: STACK if present.code == "old" else None)
    monkeypatch.setattr(stacks, "apply_stacks", apply_stacks)
    monkeypatch.setattr(smoke_test, "check_functions_start", lambda *_: None)
    monkeypatch.setattr(owners, "forget", lambda *_: None)
    return present


@pytest.fixture
def killed(tmp_path) -> Path:
    """The folder of a run whose process ended while it sent to the stack."""
    folder = tmp_path / "killed-d"
    folder.mkdir()
    unended.mark(STACK, "killed-d", "killed-d-1", journal=folder / "journal", unjournalled=9)
    write_facts(folder)
    return folder


def write_facts(folder, **facts):
    known = {"run_id": "killed-d", "arm": "distributed", "state": "submitting", "code": STACK.code}
    files.write_json(folder / "run.json", {**known, **facts})


def deploy(**options):
    lifecycle.deploy(TARGET, log=lambda line: None, **options)


def test_a_deploy_of_other_code_over_the_messages_of_a_killed_run_is_refused(cloud, killed):
    """The run could not be resumed afterwards; the error names the command that finishes it."""
    with pytest.raises(UncollectedError, match=r"`lambdist resume killed-d`.* --force"):
        deploy()

    assert cloud.deployed == 0


@pytest.mark.parametrize("options", [{"force": True}, {"for_experiment": True}])
def test_a_forced_deploy_and_that_of_an_experiment_go_on(cloud, killed, options):
    """An experiment deploys between its own runs."""
    deploy(**options)

    assert cloud.deployed == 1


@pytest.mark.parametrize("facts", [{"code": "old"}, {"queued": 0}, {"existing": []}])
def test_a_deploy_that_disturbs_no_message_goes_on(cloud, killed, facts):
    """It changes nothing, the queue is empty, or the stack is new."""
    vars(cloud).update(facts)

    deploy()

    assert cloud.deployed == 1


@pytest.mark.parametrize("facts", [{"state": "collected"}, {"code": {"processor": "older"}}])
def test_a_run_that_no_resume_would_continue_holds_no_deploy_back(cloud, killed, facts):
    """It is finished, or began with other code: then the deploy may bring that code back."""
    write_facts(killed, **facts)

    deploy()

    assert cloud.deployed == 1


def test_messages_of_no_run_hold_no_deploy_back(cloud):
    """Warm-ups and datapoints sent by hand: a corrected job may answer them."""
    unended.mark(STACK, "warm", "warm", unjournalled=3)

    deploy()

    assert cloud.deployed == 1


def test_a_run_whose_folder_is_deleted_holds_no_deploy_back(cloud, killed):
    (killed / "run.json").unlink()

    deploy()

    assert cloud.deployed == 1
