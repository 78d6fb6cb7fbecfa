"""What a run gives a prediction, and what it may not give."""

import random

import numpy as np
import pytest
from support import tables as frames

from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError
from lambdist_lib.planner import predict
from lambdist_lib.planner.calibration import calibrate
from lambdist_lib.planner.job import drawn, job_of

COUNT = 120


def measured(*, own_s=0.02, declared="none", target="local cloud", **runs):
    """One run whose process() takes own_s on average, its invocations 5 ms beside their datapoint."""
    rng = np.random.default_rng(0)
    records = frames.records(COUNT)
    took_s = rng.gamma(4, own_s / 4, COUNT) + {"none": 0, "io:100ms": 0.1}.get(declared, 0)
    records["finished_at"] = records["started_at"].astype(float) + took_s
    records["put_at"] = records["finished_at"] + 1e-5
    invocations = frames.invocations(COUNT)
    invocations["request_id"] = [f"request-{n}" for n in range(COUNT)]
    invocations["duration_s"] = took_s + 0.004 + 0.005
    columns = {"run_id": "run-1", "work": declared, "target": target, **runs}
    table = frames.runs(1).query("arm == 'distributed'").assign(**columns)
    return table, records, invocations


def test_work_overhead_and_failures_come_with_their_intervals():
    """The mean of process(), its spread, the handler's own time, and the share of failed attempts."""
    found = calibrate(*measured())

    assert found["process_s"].low < 0.02 < found["process_s"].high
    assert found["process_cv"].value == pytest.approx(0.5, abs=0.1)
    assert found["handler_s"].value == pytest.approx(0.005, abs=1e-4)
    assert found["p_fail"].value == 0
    assert found["p_fail"].high > 0  # none among 120 is not never


def test_what_never_failed_is_not_drawn_as_failing():
    """Its upper bound is said, as a caution; a billion datapoints would else have a million failures."""
    table = assumptions.load() | calibrate(*measured())
    values = [drawn(table, random.Random(seed)) for seed in range(20)]

    assert {one["p_fail"] for one in values} == {0}
    assert len({one["process_s"] for one in values}) == 20
    job = job_of(datapoints=1000)
    [said] = [text for text in predict.predict(job, table)["warnings"] if "no attempt failed" in text]
    assert "n = 120" in said and "--fault raise:0.03" in said


def test_declared_work_is_not_process():
    """What a run waited by declaration is taken off: the plan declares its own."""
    found = calibrate(*measured(declared="io:100ms"))

    assert found["process_s"].value == pytest.approx(0.02, abs=0.003)


def test_the_local_cloud_gives_only_what_it_has():
    """No ramp, no cold start, no network, no write; and each number says whose it is."""
    found = calibrate(*measured())

    assert set(found) == {"process_s", "process_cv", "handler_s", "p_fail"}
    assert {one.provenance for one in found.values()} == {limits.ON_LOCAL_CLOUD}
    assert all("run-1" in one.source for one in found.values())


def test_a_run_on_aws_gives_more():
    """Cold start, write and network; the mapping's ramp even then not."""
    found = calibrate(*measured(target="AWS eu-west-1"))

    assert {"init_s", "put_s", "network_s"} <= set(found)
    assert {one.provenance for one in found.values()} == {limits.ON_AWS}
    assert found["put_s"].value == pytest.approx(0.004)
    assert not any(name.startswith("esm_") for name in found)


def test_declared_faults_are_no_failures_of_the_code():
    """The plan declares its own."""
    assert "p_fail" not in calibrate(*measured(fault="raise:0.1"))


@pytest.mark.parametrize("outcome", ["lost", "in_flight", "unsent"])
def test_a_run_that_is_not_whole_is_refused(outcome):
    """Its times are those of the datapoints that came through."""
    with pytest.raises(RunError, match=f"3 datapoints {outcome.replace('_', ' ')}.*lambdist resume run-1"):
        calibrate(*measured(**{outcome: 3}))


def test_computing_is_refused():
    """On a shared machine it takes as long as there are cores to spare."""
    with pytest.raises(RunError, match="--work none or io"):
        calibrate(*measured(declared="cpu:50ms"))


def test_runs_of_other_arms_are_none():
    """The control has no queue and no batches."""
    with pytest.raises(RunError, match="no run of the distributed arm"):
        calibrate(*measured(arm="single_node"))
