"""The arms are data: what differs between them is a trait, and no other module knows a name."""

import ast

import pytest

from lambdist_lib import paths
from lambdist_lib.protocol import faults
from lambdist_lib.protocol.arms import ARMS, arm_abbreviation, faults_of, settings_of

# Modules that may compare the fan-out and its control, which every experiment has, by their names
NAMED = {"distributed", "single_node"}


def compared(tree):
    """Texts that a module compares with `==`, `!=` or `in`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


def test_no_module_compares_an_arm_by_name():
    """A new arm is one entry of ARMS: code asks for its traits."""
    found = {
        (path.name, text)
        for path in (paths.root() / "lambdist_lib").rglob("*.py")
        for text in compared(ast.parse(path.read_text(encoding="utf-8")))
        if text in ARMS.keys() - NAMED
    }

    assert not found


def test_abbreviations_differ():
    """A run's id names its arm."""
    assert len({arm_abbreviation(arm) for arm in ARMS}) == len(ARMS)


@pytest.mark.parametrize("arm", ARMS)
def test_faults_of_keeps_only_kinds_of_the_arm(arm):
    """A fault without the part that it strikes does not strike."""
    plan = faults_of(arm, ",".join(f"{kind}:0.5" for kind in faults.FAULT_KINDS))

    assert {fault.kind for fault in plan.faults} == set(ARMS[arm].faults)


def test_settings_of_turns_on_what_the_arms_need():
    """The stack of an experiment without storage_first has no such path."""
    assert settings_of(ARMS) == {"storage_first": True, "distributed_map": True}
    assert settings_of(["distributed", "queue_client"]) == {}
