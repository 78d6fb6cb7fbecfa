"""Every kind of fault, as planned: the ledger balances, and each datapoint goes the way that was told."""

import numpy as np
import pytest
from support import faulty

from lambdist_lib import load_results, paths
from lambdist_lib.deployment import stacks
from lambdist_lib.errors import UsageError

SEED, POINTS = "seed:4", 12
BOTH, ALL_STORED = {"stored", "dead"}, {"stored"}
DIE = dict.fromkeys(faulty.KINDS, BOTH) | {"crash-after": ALL_STORED, "duplicate": ALL_STORED}


@pytest.fixture(scope="module")
def patient(target, deployed_as):
    """Stacks with three receives and short timeouts: deaths are many, and quick."""
    times = {
        "processor_timeout_seconds": 4,
        "visibility_timeout_seconds": 24,
        "single_node_timeout_seconds": 3,
    }
    settings = {**faulty.SETTINGS, "max_receives": 3, **times}
    made = stacks.apply_stacks(target, name="faults", settings=settings)
    both = {kind: deployed_as(target, stack) for kind, stack in made.items()}
    faulty.hasten(both["distributed"])
    yield both
    stacks.delete_stacks(target, name="faults")


def test_each_kind_strikes_as_planned(patient):
    """At 0.5 on a dozen datapoints: outcome, cause, receives, failures, duplicates are those of truth.csv."""
    plans = {f"kind-{kind}": f"{kind}:0.5,{SEED}" for kind in faulty.KINDS}
    faulty.hasten(patient["distributed"], visibility_s=7)  # beyond the timeout of the slow ones

    found = faulty.run_all(patient["distributed"], plans, points=POINTS)

    faulty.hasten(patient["distributed"])

    for name, (row, table, items, truth) in found.items():
        kind = name.removeprefix("kind-")
        faulty.require_balanced(row)
        wrong, again = faulty.differences(found[name])
        assert wrong == {}, name
        struck = [n for n, told in truth.items() if kind in told["strikes"].split()]
        assert len(truth) == POINTS
        assert 2 < len(struck) < POINTS
        assert {told["outcome"] for told in truth.values()} == DIE[kind]
        fates = load_results(paths.results() / "faults" / "runs" / name).planned_vs_actual()
        assert np.trace(fates) == fates.to_numpy().sum() > 0, fates
        exact = [n for n in truth if n not in again]
        planned_duplicates = [int(truth[n]["duplicates"]) for n in exact]
        assert list(table["duplicates"][exact]) == planned_duplicates
        assert any(planned_duplicates) == (kind in ("crash-after", "duplicate"))
        for n in exact:
            crashes = truth[n]["strikes"].split().count("crash")
            assert faulty.traces(items[n])["crash"] == crashes, (name, items[n])


def test_nothing_but_throttles_is_told_as_such(patient):
    """All places taken: nothing ever begins, and that is what the dead say."""
    faulty.hasten(patient["distributed"], visibility_s=1)  # nothing begins that could outlast it

    row, _, _, _ = faulty.run(patient["distributed"], "kind-throttled", f"throttle:1,{SEED}", points=3)

    faulty.hasten(patient["distributed"])
    assert row["dead"] == 3
    matrix = load_results(paths.results() / "faults" / "runs" / "kind-throttled").planned_vs_actual()
    assert matrix.to_dict("index") == {"throttle-only": {"throttle-only": 3}}


def test_a_throttled_processor_loses_receives_and_no_datapoints(patient):
    """Half of its places taken: some receives leave nothing, not even a marker that they began."""
    deployed = patient["distributed"]

    row, table, items, truth = faulty.run(deployed, "kind-throttle", f"throttle:0.5,{SEED}", points=16)

    faulty.require_balanced(row)
    assert {told["outcome"] for told in truth.values()} == {""}
    receives = table["receives"].sum()
    begun = sum(len(item.get("started", [])) for item in items.values())
    assert 0 < begun < receives
    functions = deployed.client("lambda")
    reserved = functions.get_function_concurrency(FunctionName=deployed["ProcessorName"])
    assert "ReservedConcurrentExecutions" not in reserved  # given back


def test_the_control_has_the_faults_of_lambdas(patient):
    """Without a queue: the client's tries are the receives, and the queue's faults do not strike."""
    fault = f"raise:0.2,slow:0.2,crash:0.2,crash-after:0.3,permanent:0.1,poison:1,{SEED}"

    found = faulty.run(
        patient["single_node"], "kind-control", fault, arm="single_node_parallel", chunks=8, points=12
    )

    row, table, _, truth = found
    faulty.require_balanced(row)
    assert dict(table["outcome"]) == {n: told["outcome"] for n, told in truth.items()}
    assert row["dead"] > 0
    assert table["duplicates"].sum() == sum(int(told["duplicates"]) for told in truth.values()) > 0


def test_a_batch_does_not_die_with_one_of_its_own(deploy):
    """One datapoint of ten kills every process that takes it; it alone is dead."""
    settings = {**faulty.SETTINGS, "max_receives": 2, "queue_batch": 10}
    deployed = faulty.hasten(deploy("neighbours", ["distributed"], **settings)["distributed"])

    row, table, items, _ = faulty.run(
        deployed, "neighbours", "crash:1@4", points=10, queue_batch=10, request_batch=10
    )

    assert (row["stored"], row["dead"]) == (9, 1)
    assert table.outcome[4] == "dead"
    assert faulty.traces(items[4])["crash"] >= 2


# -- Bad input ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusing(target, deployed_as):
    settings = {**faulty.SETTINGS, "experiment_controls": False}
    made = stacks.apply_stacks(target, name="refusing", settings=settings)
    yield {kind: deployed_as(target, stack) for kind, stack in made.items()}
    stacks.delete_stacks(target, name="refusing")


@pytest.mark.parametrize("arm", ["distributed", "single_node"])
def test_a_stack_without_controls_refuses_faults_before_anything_is_sent(refusing, arm):
    """The message names the stack and the way out; the API itself refuses too."""
    deployed = refusing[arm]

    with pytest.raises(
        UsageError, match=r"refuses fault 'raise:0.1': it was deployed with ExperimentControls off"
    ):
        faulty.run(deployed, f"refused-{arm.replace('_', '-')}", "raise:0.1", arm=arm)

    body = {"run_id": "refused", "datapoints": [{"n": 0, "data": "x"}], "fault": "raise:0.1"}
    answer = deployed.post(body)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Failed: work and fault need a stack deployed with ExperimentControls on",
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("explode:0.1", "write none, or kinds of crash, memory"),
        ("raise:1.5", "a probability lies between 0 and 1"),
        ("memory:0.1", "the local cloud does not enforce memory limits"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(command, data_file, tmp_path, fault, said):
    """Exit status 2, one line that says what to write; nothing was deployed."""
    done = command("run", data_file(3), "--fault", fault, "--repetitions", 1, state=tmp_path / "state")

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state").exists()  # not even a cloud was started for it
