"""Deploying and ending, without a cloud."""

from types import SimpleNamespace

import pytest
from support import locked

from lambdist_lib.cloud import local_cloud, targets
from lambdist_lib.deployment import lifecycle, owners, rollback, smoke_test, stacks
from lambdist_lib.errors import UncollectedError

TARGET = SimpleNamespace(name="local", label="local cloud")


@pytest.fixture
def stopped(monkeypatch):
    """Whether the lock was held at each stop of the local cloud, which is a fake."""
    seen = []
    monkeypatch.setattr(local_cloud, "find", lambda: TARGET)
    monkeypatch.setattr(local_cloud, "stop", lambda: seen.append(locked.is_locked(TARGET)) or True)
    monkeypatch.setattr(targets, "connect", lambda name: TARGET)
    monkeypatch.setattr(lifecycle, "require_collected", lambda target: None)
    return seen


def test_the_local_cloud_stops_under_its_lock(stopped):
    """No run can begin between the look at what is uncollected and the end."""
    assert lifecycle.stop_local_cloud() is True

    assert stopped == [True]
    assert not locked.is_locked(TARGET)


def test_a_forced_stop_waits_for_nobody(stopped):
    """It ends a cloud whose user hangs."""
    assert lifecycle.stop_local_cloud(force=True) is True

    assert stopped == [False]


def test_a_cloud_with_uncollected_results_is_not_stopped(stopped, monkeypatch):
    """The error names them, and the lock is free again."""

    def refuse(target):
        raise UncollectedError("results that were not fetched")

    monkeypatch.setattr(lifecycle, "require_collected", refuse)

    with pytest.raises(UncollectedError):
        lifecycle.stop_local_cloud()

    assert stopped == []
    assert not locked.is_locked(TARGET)


def test_a_refused_destroy_shows_no_progress(monkeypatch, capsys):
    """It has not begun."""

    def refuse(*_, **__):
        raise UncollectedError("results that were not fetched")

    monkeypatch.setattr(lifecycle, "require_collected", refuse)

    with pytest.raises(UncollectedError):
        lifecycle.destroy(TARGET)

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("for_experiment", "forgotten"), [(False, ["distributed"]), (True, [])])
def test_only_a_deploy_by_a_person_makes_stacks_stay(monkeypatch, for_experiment, forgotten):
    """An experiment that deploys over another one's stacks leaves them to their owner."""
    kinds = []
    monkeypatch.setattr(rollback, "remember", lambda *_: [])
    monkeypatch.setattr(stacks, "apply_stacks", lambda *_, **__: {"distributed": None})
    monkeypatch.setattr(smoke_test, "check_functions_start", lambda *_: None)
    monkeypatch.setattr(owners, "forget", lambda target, deployed: kinds.extend(deployed))

    lifecycle.deploy(TARGET, for_experiment=for_experiment, log=lambda line: None)

    assert kinds == forgotten
