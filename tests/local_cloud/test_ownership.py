"""An experiment deletes only the stacks that it created."""

import itertools

import pytest

from lambdist_lib import Experiment
from lambdist_lib.deployment import lifecycle, stacks
from lambdist_lib.errors import AbsentError

numbers = itertools.count()


def experiment(data, **options):
    options = {"experiment_id": f"owner-{next(numbers)}", "chunks": 2, "retry_delay_s": 0, **options}
    return Experiment(data=str(data), **options)


def test_stacks_that_somebody_deployed_to_stay_are_left(both, data_file, target):
    """`with Experiment(...)` measured on them, and they are there afterwards."""
    with experiment(data_file(4)) as measured:
        measured.deploy()
        measured.run_cold()

    assert {stacks.describe(target, kind).kind for kind in both} == set(both)
    assert measured.destroy().startswith("No stack on local cloud is this experiment's")


def test_stacks_of_the_experiment_itself_are_deleted(empty, data_file):
    """And only once: who deploys after it keeps what they deployed, also under the same id."""
    data = data_file(4)
    with experiment(data) as measured:
        measured.deploy()
    with pytest.raises(AbsentError):
        stacks.describe(empty, "distributed")

    lifecycle.deploy(empty, {"experiment_controls": True, "retry_delay_seconds": 0}, log=lambda line: None)
    with experiment(data, experiment_id=measured.id) as again:
        again.deploy()

    assert stacks.describe(empty, "distributed").kind == "distributed"


def test_a_stack_that_was_there_outlives_the_one_that_was_created(empty, data_file):
    """One of two was deployed to stay."""
    stacks.apply_stacks(empty, ["single_node"], settings={"experiment_controls": True})
    with experiment(data_file(4)) as measured:
        measured.deploy()

    assert stacks.describe(empty, "single_node").kind == "single_node"
    with pytest.raises(AbsentError):
        stacks.describe(empty, "distributed")
