"""Every arm of an experiment, predicted on AWS."""

import math

import pytest

from lambdist_lib import paths
from lambdist_lib.analysis import load_results
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError
from lambdist_lib.planner import arm_predictions
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, PARALLEL, POOL, PREDICTED, SINGLE_NODE
from lambdist_lib.planner.arm_predictions import COLUMNS, job_of_runs, most_sensitive, predict_arms
from lambdist_lib.planner.job import job_of

RESULTS = load_results(paths.root() / "results" / "reference")
CALIBRATED = arm_predictions.calibrated(RESULTS, assumptions.load())


@pytest.fixture(scope="module")
def predictions():
    return predict_arms(RESULTS.runs, CALIBRATED).set_index("arm")


def test_every_arm_has_a_row(predictions):
    """Measured arms have their median, the others NaN; every prediction has its interval and bottleneck."""
    assert [predictions.index.name, *predictions.columns] == COLUMNS
    assert list(predictions.index) == list(PREDICTED)
    assert (predictions["low_s"] <= predictions["predicted_s"]).all()
    assert (predictions["predicted_s"] <= predictions["high_s"]).all()
    assert predictions["bottleneck"].ne("").all() and (predictions["usd_per_million"] > 0).all()
    warm = RESULTS.runs.query("arm == 'distributed' and temperature == 'warm'")
    assert predictions.loc[DISTRIBUTED, "measured_s"] == warm["makespan_s"].median()
    assert math.isnan(predictions.loc[POOL, "measured_s"])


def test_prediction_names_the_assumption_that_moves_it_most(predictions):
    """The network to AWS was never measured, and it dominates the control, request by request."""
    assert predictions.loc[SINGLE_NODE, "most_sensitive"].startswith(
        "0.005 to 0.1 s to the Region and back (network_s): "
    )
    assert predictions.loc[POOL, "most_sensitive"].partition(": ")[0].endswith("(pool_start_s)")


def test_exact_inputs_leave_nothing_to_vary():
    """Without a range there is no most sensitive assumption."""
    from dataclasses import replace

    exact = {
        name: replace(number, low=number.value, high=number.value)
        for name, number in assumptions.load().items()
    }
    assert most_sensitive(PARALLEL, job_of(datapoints=100), exact) == ""


def test_other_senders_are_predicted_without_a_measurement():
    """At 1,000 senders only the prediction remains, with as many processors."""
    predictions = predict_arms(RESULTS.runs, CALIBRATED, chunks=1000).set_index("arm")

    assert predictions["measured_s"].isna().all()
    assert job_of_runs(RESULTS.runs, chunks=1000).processors == 1000
    assert predictions.loc[PARALLEL, "predicted_s"] < predictions.loc[SINGLE_NODE, "predicted_s"]


def test_datapoints_that_fail_by_declaration_are_left_out():
    """They never store anything; one that crashes after its write is stored all the same."""
    runs = RESULTS.runs.assign(fault="raise:1@129-130,crash-after:1@5,slow:0.01,raise:0.1@3", submitted=131)

    job = job_of_runs(runs)
    assert job.datapoints == 129
    assert [(fault.kind, fault.probability) for fault in job.fault.faults] == [("slow", 0.01)]


def test_no_runs_are_an_error():
    """The message names the command that makes some."""
    with pytest.raises(RunError):
        job_of_runs(RESULTS.runs.head(0))
