"""An experiment deletes the stacks that it created, unless they hold results of another run."""

from types import SimpleNamespace

import pytest

from lambdist_lib.deployment import lifecycle, ownership, stacks
from lambdist_lib.errors import AbsentError, UncollectedError

TARGET = SimpleNamespace(name="local", label="local cloud")


@pytest.fixture
def deployed(monkeypatch):
    """`deployed` has the kinds of the stacks that exist; destroying removes them."""
    kinds = set()

    def describe(target, kind):
        if kind not in kinds:
            raise AbsentError(kind)

    def destroy(target, **how):
        kinds.difference_update(how["kinds"])

    monkeypatch.setattr(stacks, "describe", describe)
    monkeypatch.setattr(lifecycle, "destroy", destroy)
    return kinds


def test_only_missing_stacks_become_the_experiments_own(tmp_path, deployed):
    deployed.add("single_node")

    ownership.record_missing(TARGET, tmp_path)

    assert ownership.created(tmp_path) == {"distributed"}
    assert ownership.destroy_created(TARGET, tmp_path).startswith("The stack distributed is deleted")
    assert deployed == {"single_node"}
    assert ownership.destroy_created(TARGET, tmp_path).startswith("No stack on local cloud is this")


def test_results_of_a_killed_run_keep_the_stacks_and_are_named(tmp_path, deployed, monkeypatch):
    """The experiment that found them ends well: its own results are complete."""

    def refuse(*_, **__):
        raise UncollectedError("lambdist-distributed holds results that were not fetched (killed-1)")

    ownership.record_missing(TARGET, tmp_path)
    monkeypatch.setattr(lifecycle, "destroy", refuse)

    sentence = ownership.destroy_created(TARGET, tmp_path)

    assert sentence.startswith("The stacks stay on local cloud: ")
    assert "killed-1" in sentence
    assert "`lambdist destroy --target local` deletes them" in sentence
    assert ownership.created(tmp_path) == {"distributed", "single_node"}
