"""The state of a stack decides whether it is deleted."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from support import locked

from lambdist_lib.deployment import leaks, pending, tags

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expires", "begun", "state"),
    [
        ("CREATE_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.LIVE),
        ("CREATE_COMPLETE", "", "", leaks.LIVE),
        ("CREATE_COMPLETE", "2026-11-23T00:00:00Z", "", leaks.EXPIRED),
        ("UPDATE_ROLLBACK_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.LIVE),
        ("ROLLBACK_COMPLETE", "2026-11-24T00:00:00Z", "", leaks.BROKEN),
        ("REVIEW_IN_PROGRESS", "2026-11-24T00:00:00Z", "", leaks.BROKEN),
        ("DELETE_FAILED", "2026-11-22T00:00:00Z", "", leaks.BROKEN),
        ("REVIEW_IN_PROGRESS", "", pending.UNDER_WAY, leaks.LIVE),
        ("CREATE_IN_PROGRESS", "", pending.CUT_SHORT, leaks.CUT_SHORT),
        ("CREATE_COMPLETE", "2026-11-24T00:00:00Z", pending.CUT_SHORT, leaks.CUT_SHORT),
    ],
)
def test_the_state_of_a_stack(status, expires, begun, state):
    marks = [{"Key": tags.EXPIRES, "Value": expires}] if expires else []
    stack = {"StackName": "s", "StackStatus": status, "Tags": marks}

    assert leaks.state_of(stack, (begun, ["s"] if begun else []), NOW) == state


def test_an_interrupted_update_leaves_the_stack_live():
    """Only stacks that the interrupted deployment created are cut short."""
    stack = {"StackName": "s", "StackStatus": "UPDATE_COMPLETE", "Tags": []}

    assert leaks.state_of(stack, (pending.CUT_SHORT, ["other"]), NOW) == leaks.LIVE


def test_a_deletion_holds_the_lock_of_the_stacks(monkeypatch):
    """A run that begins meanwhile would lose its stacks."""
    target, seen = SimpleNamespace(name="local", label="local cloud"), []
    monkeypatch.setattr(leaks, "find", lambda *_, **__: seen.append(locked.is_locked(target)) or [])

    assert leaks.delete(target) == []

    assert seen == [True, True]
    assert not locked.is_locked(target)
