"""Predictions of the local cloud from one run of it."""

import json

import pytest
from support.plans import plan_of
from support.reference import FOLDER, WARM, tables_of

from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.planner import local_cloud
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import job_of

TABLE = assumptions.load()
LIKE = WARM[["chunks", "processors", "work"]].iloc[0].to_dict()


def test_local_cloud_has_no_aws_limits():
    """Without ramp, cold starts and table capacity the processors are the bottleneck."""
    calibrated = {**TABLE, **local_cloud.calibrate(*tables_of(WARM["run_id"].iloc[0]))}
    prediction = local_cloud.predict_here(job_of(datapoints=2_000, **LIKE), calibrated, WARM.head(1))

    assert prediction["binding"]["limit"] == phases.MAXIMUM
    assert prediction["target"] == "local cloud, predicted"
    assert prediction["cold_share"]["value"] < 0.01
    assert {number["provenance"] for number in prediction["inputs"]} == {limits.ON_LOCAL_CLOUD}


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"chunks": LIKE["chunks"] - 1}, f"use --chunks {LIKE['chunks']}"),
        ({"settings": {"queue_batch": 10}}, "use --queue-batch 1"),
        ({"processors": 20}, f"use --processors {LIKE['processors']}"),
        ({"fault": "crash:0.1"}, "pauses its queue"),
        ({"fault": "raise:0.1", "settings": {"partial_batch_responses": "off"}}, "fails whole"),
    ],
)
def test_other_conditions_than_the_runs_are_rejected(job, says):
    """One machine's cores are shared, and the emulator treats some faults differently."""
    calibrated = {**TABLE, **local_cloud.calibrate(*tables_of(WARM["run_id"].iloc[0]))}

    with pytest.raises(UsageError, match=says):
        local_cloud.predict_here(job_of(**{"datapoints": 100, **LIKE, **job}), calibrated, WARM.head(1))


def test_run_on_aws_is_rejected():
    """Its times are those of AWS."""
    runs, records, invocations = tables_of(WARM["run_id"].iloc[0])

    with pytest.raises(RunError, match="was on AWS"):
        local_cloud.calibrate(runs.assign(target="AWS eu-west-1"), records, invocations)


def test_long_queue_gets_a_warning():
    """The emulator slows down with it."""
    calibrated = {**TABLE, **local_cloud.calibrate(*tables_of(WARM["run_id"].iloc[0]))}
    prediction = local_cloud.predict_here(job_of(datapoints=50_000, **LIKE), calibrated, WARM.head(1))

    assert "slows down beyond 10,000 queued messages" in prediction["warnings"][0]


def test_plan_has_the_local_cloud_on_request(capsys):
    """Beside AWS, as text and as JSON."""
    run = str(FOLDER / "runs" / WARM["run_id"].iloc[1])
    arguments = [
        "data/words.txt",
        "--work",
        LIKE["work"],
        "--chunks",
        str(LIKE["chunks"]),
        "--calibrate",
        run,
        "--with-local-cloud",
    ]
    status, said = plan_of(capsys, *arguments)

    assert status == 0
    assert "local cloud" in said.out and "on this machine, warm" in said.out
    plan = json.loads(plan_of(capsys, *arguments, "--json")[1].out)
    assert plan["local_cloud"]["makespan_s"]["value"] < plan["makespan_s"]["value"]


def test_local_needs_a_run_of_this_machine(capsys):
    """Local clouds have no general times."""
    status, said = plan_of(capsys, "--datapoints", "100", "--with-local-cloud")

    assert status == 2
    assert "--calibrate RUN" in said.err
