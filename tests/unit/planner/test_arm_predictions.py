"""Every arm of an experiment, predicted on AWS."""

import math

import pytest

from lambdist_lib import paths
from lambdist_lib.analysis import load_results
from lambdist_lib.cloud.stack_settings import SETTINGS
from lambdist_lib.costs import assumptions
from lambdist_lib.deployment import templates
from lambdist_lib.errors import RunError
from lambdist_lib.planner import arm_forecasts, arm_predictions, predict
from lambdist_lib.planner.arm_forecasts import DISTRIBUTED, PARALLEL, POOL, PREDICTED, SINGLE_NODE
from lambdist_lib.planner.arm_predictions import COLUMNS, job_of_runs, most_sensitive, predict_arms
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import values
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.runs.run_info import OF_EXPERIMENTS, recorded_settings

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


COLUMNS_OF_RUNS = {"QueueBatch", "MaximumConcurrency", "MemoryMb", "PartialBatchResponses"}
DECLARED = templates.parameters("distributed")
DEPLOYED = {name: str(entry["Default"]) for name, entry in DECLARED.items() if "Default" in entry}
DEPLOYED |= OF_EXPERIMENTS


class Noted(dict):
    """Parameters of a stack that note which of them are read."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


def test_a_run_records_every_parameter_that_the_planner_reads():
    """Of any arm's time, cost and whole plan: each is a column of the runs, or within `settings`."""
    from dataclasses import replace

    table = assumptions.load()
    job = job_of(datapoints=200, fault="raise:0.1", settings={"experiment_controls": True})
    job = replace(job, settings=Noted(job.settings))
    for arm in ARMS:
        arm_forecasts.forecast_arm(arm, job, values(table))
        arm_forecasts.usd(arm, job, table)
    predict.predict(job, table)

    assert job.settings.read > COLUMNS_OF_RUNS
    recorded = COLUMNS_OF_RUNS | {templates.parameter_name(name) for name in SETTINGS}
    assert job.settings.read - recorded == {"NotifyEmail"}  # an address stays out of the results


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_prediction_has_the_parameters_that_were_deployed(setting):
    """With --set, of an experiment or of the stack that a run found; by default those of the template."""
    name = templates.parameter_name(setting)
    declared = DECLARED[name]
    others = {*map(str, declared.get("AllowedValues", ()))} - {DEPLOYED[name]}
    value = min(others, default="") or str(int(declared["Default"]) + 1)
    parameters = {**DEPLOYED, "VisibilityTimeoutSeconds": "400", name: value}

    job = job_of_runs(RESULTS.runs.assign(settings=recorded_settings(parameters)))

    assert recorded_settings(DEPLOYED) == ""
    assert job.settings[name] == value
    assert {**job.settings, **DEPLOYED} == {**job_of_runs(RESULTS.runs).settings, **DEPLOYED}


def test_fewer_tries_are_predicted_where_the_stack_had_fewer(predictions):
    """A job whose attempts fail half of the time ends sooner with two tries than with five."""
    runs = RESULTS.runs.assign(fault="raise:0.5", settings="max_receives=2")

    changed = predict_arms(runs, CALIBRATED).set_index("arm")
    unchanged = predict_arms(runs.assign(settings=""), CALIBRATED).set_index("arm")

    assert changed.loc[DISTRIBUTED, "predicted_s"] < unchanged.loc[DISTRIBUTED, "predicted_s"]
