"""An interrupted experiment names what goes on with it, beside what finishes its run."""

import pytest

from lambdist_lib.cli import analysis_commands


@pytest.mark.parametrize("of_run", ["", "interrupted: finish the run with `lambdist resume mine-d0`"])
def test_an_interrupted_experiment_names_its_id(of_run):
    """Within a run and between two: `resume` finishes the run, the same command the experiment."""
    goes_on = pytest.raises(KeyboardInterrupt, match="--id mine goes on")
    with goes_on as caught, analysis_commands._interrupt_explained("mine"):
        raise KeyboardInterrupt(of_run)
    assert of_run in str(caught.value)
