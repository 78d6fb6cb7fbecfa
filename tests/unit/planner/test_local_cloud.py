"""What the local cloud would take: from one run of it, for runs that were held out."""

import json

import pytest

from lambdist_lib import analysis, paths
from lambdist_lib.cli import main
from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError, UsageError
from lambdist_lib.planner import local_cloud
from lambdist_lib.planner.fluid import phases
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.validation import held_out

FOLDER = paths.root() / "results" / "reference"
REFERENCE = analysis.tables(FOLDER)
WARM = REFERENCE.runs.query("arm == 'distributed' and temperature == 'warm'").sort_values("started_at")
TABLE = assumptions.load()
LIKE = {"chunks": 20, "work": "io:20ms"}  # results/reference


def of(*run_ids):
    return [table[table["run_id"].isin(run_ids)] for table in REFERENCE]


def plan_of(capsys, *typed):
    status = main.main(["plan", *typed])
    return status, capsys.readouterr()


def test_the_others_of_a_sitting_are_predicted_from_one_run():
    """With each of the committed runs as the one: the median of the others is inside, hardly one is not."""
    found = held_out.held_out(*REFERENCE, TABLE)

    assert list(found["run_id"]) == list(WARM["run_id"])
    assert (found["low_s"] < found["value_s"]).all() and (found["value_s"] < found["high_s"]).all()
    assert found["value_s"].to_numpy() == pytest.approx(found["makespan_s"], rel=0.25)
    assert found["inside"].mean() >= 0.7
    first = found.iloc[0]
    assert first["median_s"] == pytest.approx(WARM["makespan_s"].iloc[1:].median())
    assert f"covers {first['covered']} of them" in held_out.sentence(found)


def test_too_few_runs_hold_none_out():
    """Two are no sitting; the sentence says what would be one."""
    found = held_out.held_out(*of(*WARM["run_id"].head(2)), TABLE)

    assert found.empty
    assert "takes 3 warm ones" in held_out.sentence(found)


def test_runs_that_are_too_small_hold_none_out():
    """With ten datapoints no message waits, so nobody knows how long the next one would."""
    runs, records, invocations = of(*WARM["run_id"].head(3))
    few = records[records["n"] < 10]
    called = invocations[invocations["request_id"].isin(few["request_id"])]

    assert held_out.held_out(runs, few, called, TABLE).empty


def test_the_local_cloud_has_none_of_awss_limits():
    """Neither ramp nor cold start nor a table's capacity; what is left binds: its processors."""
    there = {**TABLE, **local_cloud.calibrate(*of(WARM["run_id"].iloc[0]))}
    found = local_cloud.answer(job_of(datapoints=2_000, **LIKE), there, WARM.head(1))

    assert found["binding"]["limit"] == phases.MAXIMUM
    assert found["target"] == "local cloud, predicted"
    assert found["cold_share"]["value"] < 0.01
    assert {one["provenance"] for one in found["inputs"]} == {limits.ON_LOCAL_CLOUD}


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"chunks": 5}, "write --chunks 20"),
        ({"settings": {"queue_batch": 10}}, "write --queue-batch 1"),
        ({"fault": "crash:0.1"}, "pauses its queue"),
        ({"fault": "raise:0.1", "settings": {"partial_batch_responses": "off"}}, "fails whole"),
    ],
)
def test_what_a_run_does_not_tell_is_refused(job, says):
    """The cores of one machine are shared, and the emulator has ways of its own."""
    there = {**TABLE, **local_cloud.calibrate(*of(WARM["run_id"].iloc[0]))}

    with pytest.raises(UsageError, match=says):
        local_cloud.answer(job_of(**{"datapoints": 100, **LIKE, **job}), there, WARM.head(1))


def test_a_run_on_aws_tells_nothing_of_the_local_cloud():
    """Its times are AWS's."""
    runs, records, invocations = of(WARM["run_id"].iloc[0])

    with pytest.raises(RunError, match="was on AWS"):
        local_cloud.calibrate(runs.assign(target="AWS eu-west-1"), records, invocations)


def test_a_long_queue_is_warned_of():
    """The emulator slows down with it."""
    there = {**TABLE, **local_cloud.calibrate(*of(WARM["run_id"].iloc[0]))}
    found = local_cloud.answer(job_of(datapoints=50_000, **LIKE), there, WARM.head(1))

    assert "slows down beyond 10,000 queued messages" in found["warnings"][0]


def test_a_plan_says_it_when_asked(capsys):
    """Beside what AWS would take, for people and as JSON."""
    run = str(FOLDER / "runs" / WARM["run_id"].iloc[1])
    typed = ["data/words.txt", "--work", "io:20ms", "--calibrate", run, "--local"]
    status, said = plan_of(capsys, *typed)

    assert status == 0
    assert "local cloud" in said.out and "on this machine, warm" in said.out
    plan = json.loads(plan_of(capsys, *typed, "--json")[1].out)
    assert plan["local_cloud"]["makespan_s"]["value"] < plan["makespan_s"]["value"]


def test_it_needs_a_run_to_know_the_machine(capsys):
    """There are no times of local clouds in general."""
    status, said = plan_of(capsys, "--datapoints", "100", "--local")

    assert status == 2
    assert "--calibrate RUN" in said.err
