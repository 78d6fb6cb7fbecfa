"""Inputs of a prediction, measured on runs."""

import random

import numpy as np
import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.cloud import limits
from lambdist_lib.costs import assumptions
from lambdist_lib.errors import RunError
from lambdist_lib.planner import predict
from lambdist_lib.planner.calibration import calibrate, processors_of
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.job_system import drawn

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


def test_work_overhead_and_failures_have_intervals():
    """The mean of process(), its spread, the handler's own time and the share of failed attempts."""
    found = calibrate(*measured())

    assert found["process_s"].low < 0.02 < found["process_s"].high
    assert found["process_cv"].value == pytest.approx(0.5, abs=0.1)
    assert found["handler_s"].value == pytest.approx(0.005, abs=1e-4)
    assert found["p_fail"].value == 0
    assert found["p_fail"].high > 0  # none among 120 is not never


def test_unseen_failures_are_not_drawn():
    """A warning states their upper bound; a billion datapoints would otherwise have a million failures."""
    table = assumptions.load() | calibrate(*measured())
    values = [drawn(table, random.Random(seed)) for seed in range(20)]

    assert {value["p_fail"] for value in values} == {0}
    assert len({value["process_s"] for value in values}) == 20
    job = job_of(datapoints=1000)
    [warning] = [text for text in predict.predict(job, table)["warnings"] if "no attempt failed" in text]
    assert "n = 120" in warning and "--fault raise:0.03" in warning


def test_declared_work_is_subtracted():
    """The plan declares its own work."""
    found = calibrate(*measured(declared="io:100ms"))

    assert found["process_s"].value == pytest.approx(0.02, abs=0.003)


def test_local_cloud_gives_no_aws_numbers():
    """No ramp, cold start, network or write; each number names its target."""
    found = calibrate(*measured())

    assert set(found) == {"process_s", "process_cv", "handler_s", "p_fail"}
    assert {number.provenance for number in found.values()} == {limits.ON_LOCAL_CLOUD}
    assert all("run-1" in number.source for number in found.values())


def test_run_on_aws_gives_cold_starts_writes_and_network():
    """It does not give the mapping's ramp."""
    found = calibrate(*measured(target="AWS eu-west-1"))

    assert {"init_s", "put_s", "network_s"} <= set(found)
    assert {number.provenance for number in found.values()} == {limits.ON_AWS}
    assert found["put_s"].value == pytest.approx(0.004)
    assert not any(name.startswith("esm_") for name in found)


def test_declared_faults_do_not_count_as_failures():
    """The plan declares its own."""
    assert "p_fail" not in calibrate(*measured(fault="raise:0.1"))


@pytest.mark.parametrize("outcome", ["lost", "in_flight", "unsent"])
def test_incomplete_run_is_rejected(outcome):
    """Its times are those of the datapoints that came through."""
    with pytest.raises(RunError, match=f"3 datapoints {outcome.replace('_', ' ')}.*lambdist resume run-1"):
        calibrate(*measured(**{outcome: 3}))


def test_computing_is_rejected():
    """Its time depends on the machine's free cores."""
    with pytest.raises(RunError, match="--work none or io"):
        calibrate(*measured(declared="cpu:50ms"))


def test_runs_of_other_arms_do_not_calibrate():
    """The control has neither queue nor batches."""
    with pytest.raises(RunError, match="no run of the distributed arm"):
        calibrate(*measured(arm="single_node"))


def with_dead(count, *, redrives=0):
    """The run of `measured`, of which `count` datapoints more died at all their receives."""
    runs, records, invocations = measured()
    dead = records.head(count).assign(
        outcome="dead", n=range(COUNT, COUNT + count), receives=5 * (1 + redrives),
        failures=5 * (1 + redrives), redrives=redrives, finished_at="", put_at="",
    )  # fmt: skip
    records = pd.concat([records, dead], ignore_index=True)
    return runs.assign(dead=count, submitted=COUNT + count), records, invocations


@pytest.mark.parametrize("redrives", [0, 1])
def test_datapoints_that_always_fail_count_as_permanent(redrives):
    """After 21 of 141 died for good the plan predicts 21, before and after a redrive."""
    numbers = calibrate(*with_dead(21, redrives=redrives))
    table = assumptions.load() | numbers
    plan = predict.predict(job_of(datapoints=COUNT + 21), table)

    assert numbers["p_permanent"].value == pytest.approx(21 / 141)
    assert numbers["p_fail"].value == 0
    assert plan["dead"]["low"] <= 21 <= plan["dead"]["high"]
    assert plan["dead"]["value"] == pytest.approx(21, abs=4)


def test_processors_of_old_runs_are_ten():
    """The column did not exist; the template's default was 10."""
    runs, _, _ = measured()

    assert processors_of(runs.drop(columns="processors", errors="ignore").iloc[0]) == 10
    assert processors_of(runs.assign(processors=30).iloc[0]) == 30
