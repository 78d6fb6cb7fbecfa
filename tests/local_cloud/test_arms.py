"""Each arm that deploys a stack has the same ledger, dead letters, faults, resume and redrive."""

import json
import signal

import pytest
import requests
from support import faulty

from lambdist_lib import load_results, paths
from lambdist_lib.data import datapoints
from lambdist_lib.deployment import stacks
from lambdist_lib.errors import UsageError
from lambdist_lib.measures import stages
from lambdist_lib.protocol.arms import ARMS
from lambdist_lib.protocol.contract import data_digest
from lambdist_lib.records import dead_letters, items
from lambdist_lib.results import outputs
from lambdist_lib.runs import map_runs, redrive, resume
from lambdist_lib.runs import run as runs_run
from lambdist_lib.runs.conditions import Conditions
from lambdist_lib.submission import doors

DEPLOYED = [arm for arm, traits in ARMS.items() if traits.stack and traits.sender != "original_client"]
RETRIED = [arm for arm in DEPLOYED if ARMS[arm].cloud_retries]
FAULT = "raise:0.5,permanent:0.1,crash:0.1,seed:5"


@pytest.fixture(scope="module")
def both(target, deployed_as):
    """Both stacks with every optional path, quick to retry."""
    optional = {"storage_first": True, "distributed_map": True}
    settings = {**faulty.SETTINGS, "single_node_timeout_seconds": 3, **optional}
    deployed = stacks.apply_stacks(target, name="arms", settings=settings)
    found = {kind: deployed_as(target, stack) for kind, stack in deployed.items()}
    faulty.hasten(found["distributed"])
    yield found
    stacks.delete_stacks(target, name="arms")


def folder_of(name):
    return paths.results() / "faults" / "runs" / name


@pytest.mark.parametrize("arm", DEPLOYED)
def test_faults_strike_each_arm_as_planned(both, arm):
    """The ledger balances, and each datapoint ends as its draws say, with the cause of its death."""
    name = f"arm-{arm.replace('_', '-')}"

    row, table, found, truth = faulty.run(both[ARMS[arm].stack], name, FAULT, arm=arm, chunks=4, points=16)

    faulty.require_balanced(row)
    assert dict(table["outcome"]) == {n: planned["outcome"] for n, planned in truth.items()}
    wrong, _ = faulty.differences((row, table, found, truth)) if arm in RETRIED else ({}, {})
    assert wrong == {}
    assert row["dead"] > 0
    dead = table[table["outcome"] == "dead"]
    assert set(dead["cause_class"]) <= {"application", "crash"}
    assert dead["cause"].str.len().gt(0).all()
    answers = list(outputs.outputs(folder_of(name)))
    assert [answer["n"] for answer in answers] == list(range(16))
    assert all(("error" in answer) == (answer["n"] in set(dead.index)) for answer in answers)


@pytest.mark.parametrize("arm", DEPLOYED)
def test_stages_of_each_arm_sum_up(both, arm):
    """Consecutive stamps bound the stages without a gap, whatever stands between client and table."""
    name = f"stages-{arm.replace('_', '-')}"

    row, table, *_ = faulty.run(both[ARMS[arm].stack], name, "none", arm=arm, chunks=4, points=12)

    split = stages.per_datapoint(table.reset_index())
    stages.check(split)
    own = [f"{stage}_s" for stage in stages.of_arm(arm)]
    assert split[own].notna().all(axis=None)
    assert split[own].sum(axis=1).to_numpy() == pytest.approx(split["end_to_end_s"].to_numpy(), abs=1e-5)
    assert table["received_at"].notna().all() == ARMS[arm].first_lambda
    assert row["clock_offset_s"] == 0


@pytest.mark.parametrize("arm", ["queue_client", "invoke", "storage_first"])
def test_an_interrupted_run_of_each_arm_is_resumed(both, arm):
    """The table says what is stored; the rest is sent again, and none twice into the results."""
    deployed = both[ARMS[arm].stack]
    points = datapoints.from_iterable([f"word-{n}" for n in range(40)])
    folder = folder_of(f"cut-{arm.replace('_', '-')}")
    of_run = Conditions(retry_delay_s=0, chunks=2, rate=60.0)
    info = runs_run.new_run(deployed.target, deployed.stack, points, folder, of_run, arm=arm)

    def cut(progress):
        if progress.answered >= 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        runs_run.run_once(deployed.target, deployed.stack, points, folder, info, watch=cut)
    row = resume.resume(deployed.target, deployed.stack, points, folder)

    assert (row["stored"], row["resumed"]) == (40, True)
    found = items.items(deployed.target, deployed.stack, row["key"])
    assert {n: item["result"] for n, item in found.items()} == {n: f'"word-{n}_processed"' for n in range(40)}


@pytest.mark.parametrize("arm", RETRIED)
def test_dead_letters_of_each_queued_arm_are_sent_again(both, arm):
    """Without the fault they are stored, and the ledger still balances."""
    deployed = both["distributed"]
    name = f"again-{arm.replace('_', '-')}"
    faulty.run(deployed, name, "permanent:1@3+5,seed:1", arm=arm, points=8)

    report = redrive.redrive_run(deployed.target, deployed.stack, folder_of(name))

    assert (report.letters, report.recovered) == (2, 2)
    assert load_results(folder_of(name)).ledger()["stored"].tolist() == [8]


# -- distributed_map -------------------------------------------------------------------------


def test_a_map_is_resumed_where_it_was_interrupted(both):
    """A running execution is waited for; the rest is sent by another, and nothing stays in S3."""
    deployed, folder = both["distributed"], folder_of("cut-map")
    points = datapoints.from_iterable([f"word-{n}" for n in range(12)])
    conditions = Conditions(retry_delay_s=0, chunks=2, work="io:100ms", request_batch=2)
    where = (deployed.target, deployed.stack, points, folder)
    info = runs_run.new_run(*where, conditions, arm="distributed_map")

    def cut(progress):
        if progress.phase == "waiting for the queue":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        runs_run.run_once(*where, info, watch=cut)
    row = resume.resume(*where)

    assert (row["stored"], row["resumed"]) == (12, True)
    machine = map_runs.machine_of(deployed.target, deployed.stack)
    executions = list(map_runs.executions(machine, row["key"]))
    assert {execution["status"] for execution in executions} == {"SUCCEEDED"}
    listed = deployed.client("s3").list_object_versions(Bucket=machine.bucket, Prefix="runs/")
    assert "Versions" not in listed


def test_datapoints_of_a_line_end_each_for_itself(both):
    """Several share a child and its tries; the ledger balances, and each dead one has its own cause."""
    fault = "raise:0.3,permanent:1@3,raise:1@12,seed:5"

    row, table, *_ = faulty.run(
        both["distributed"], "lines-map", fault, arm="distributed_map", chunks=4, request_batch=5
    )

    faulty.require_balanced(row)
    assert row["map_children"] == "EXPRESS"
    assert {3, 12} <= set(table.index[table["outcome"] == "dead"])
    assert "InjectedPermanentFault" in table.loc[3, "cause"]
    assert table.loc[12, "cause"].endswith("at attempt 5")
    assert table["request"].nunique() == 1
    letters = dead_letters.from_folder(folder_of("lines-map"))
    assert {letter.data for letter in letters if letter.n in (3, 12)} == {"word-3", "word-12"}


def test_the_width_of_the_map_follows_a_sweep(both):
    """On the local cloud without an update of the stack, which would end its environments."""
    deployed = both["distributed"]
    changed = stacks.apply_mapping(deployed.target, deployed.stack, {"maximum_concurrency": 3})

    arn = changed.outputs["MapMachineArn"]
    definition = deployed.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"]

    assert json.loads(definition)["States"]["Map"]["MaxConcurrency"] == 3
    stacks.apply_mapping(deployed.target, deployed.stack, {"maximum_concurrency": 6})


# -- storage_first: what its API answers -----------------------------------------------------


@pytest.fixture
def post(both):
    """`post(body)`: POST to the path that writes to the queue; `key=""` without the key."""
    deployed = both["distributed"]
    door = doors.open_door("storage_first", deployed.target, deployed.stack.outputs)

    def post(body, *, key=None, content_type="application/json"):
        headers = {"x-api-key": door.api.key.reveal() if key is None else key, "Content-Type": content_type}
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return requests.post(door.url, data=data, headers=headers, timeout=30)

    return post


def body_of(n, data, run_id="direct", **fields):
    known = {"run_id": run_id, "n": n, "data": data, "work": "none", "fault": "none"}
    return {**known, "digest": data_digest(data), **fields}


def test_storage_first_keeps_every_character(both, post):
    """What a URL-encoded form gives a meaning to arrives as it was sent."""
    texts = ["a&b=c%20+d", 'quote " \\ ', "ümläut 👩‍🚀", "#$util.x() $input.body"]
    for n, text in enumerate(texts):
        assert post(body_of(n, text, "characters")).status_code == 200

    found = both["distributed"].settled("characters", len(texts))

    assert {n: json.loads(item["result"]) for n, item in found.items()} == {
        n: f"{text}_processed" for n, text in enumerate(texts)
    }


@pytest.mark.parametrize(
    "wrong",
    [{"run_id": "A B"}, {"n": -1}, {"n": 1.5}, {"n": "1"}, {"data": ""}, {"data": 5}, {"digest": "x"}],
)
def test_storage_first_checks_the_shape_of_a_datapoint(post, wrong):
    """The schema rejects it before the queue."""
    assert post({**body_of(0, "word"), **wrong}).status_code == 400


def test_storage_first_takes_neither_a_missing_key_nor_another_action(post):
    """A form with an action of its sender's choice does not reach SQS."""
    assert post(body_of(0, "word"), key="").status_code == 403
    form = "Action=PurgeQueue&Version=2012-11-05"
    assert post(form, content_type="application/x-www-form-urlencoded").status_code in (400, 415)


def test_what_the_rule_rejects_is_dead_with_the_reason(both, post):
    """A schema cannot hold the whole rule, so the processor does."""
    assert post(body_of(0, "bell \a", "ruled")).status_code == 200

    item = both["distributed"].settled("ruled", 1)[0]

    assert (item["outcome"], item["cause_class"]) == ("dead", "application")
    assert "U+0007" in item["attempts"][0]["cause"]


def test_a_missing_queue_is_never_an_acceptance(deploy, deployed_as, target):
    """SQS's 4xx becomes a 503: the client sends again, and rejects no datapoint."""
    settings = {**faulty.SETTINGS, "storage_first": True}
    deployed = deploy("gone", ["distributed"], **settings)["distributed"]
    door = doors.open_door("storage_first", deployed.target, deployed.stack.outputs)
    deployed.client("sqs").delete_queue(QueueUrl=deployed["QueueUrl"])

    response = requests.post(
        door.url, json=body_of(0, "word"), headers={"x-api-key": door.api.key.reveal()}, timeout=30
    )

    assert response.status_code == 503
    assert response.json() == {"message": "Failed: the queue took no message"}


def test_the_path_comes_and_goes_with_its_parameter(deploy):
    """An update adds it with its checks, and another takes it away; the rest of the API stays."""
    off, on = faulty.SETTINGS, {**faulty.SETTINGS, "storage_first": True}
    before = deploy("toggled", ["distributed"], **off)["distributed"]
    assert "StorageFirstPath" not in before.stack.outputs

    added = deploy("toggled", ["distributed"], **on)["distributed"]
    door = doors.open_door("storage_first", added.target, added.stack.outputs)
    headers = {"x-api-key": door.api.key.reveal()}
    statuses = [
        requests.post(door.url, json=body, headers=headers, timeout=30).status_code
        for body in (body_of(0, "word", "toggled"), {"run_id": "toggled"})
    ]
    assert statuses == [200, 400]
    assert added.settled("toggled", 1)[0]["outcome"] == "stored"

    after = deploy("toggled", ["distributed"], **off)["distributed"]
    gone = requests.post(door.url, json=body_of(1, "word", "toggled"), headers=headers, timeout=30)
    assert gone.status_code in (403, 404)
    assert after.post({"run_id": "toggled", "datapoints": [{"n": 2, "data": "word"}]}).status_code == 200


def test_a_stack_without_the_path_refuses_the_arm(deploy):
    """The message says how to deploy it; nothing is sent."""
    deployed = deploy("plain", ["distributed"], **faulty.SETTINGS)["distributed"]

    with pytest.raises(UsageError, match="storage_first=on"):
        faulty.run(deployed, "refused-arm", "none", arm="storage_first", points=3)
    assert not folder_of("refused-arm").exists()


@pytest.mark.parametrize(
    ("arm", "conditions"), [("queue_client", {"request_batch": 11}), ("distributed_map", {"rate": 5.0})]
)
def test_what_an_arm_cannot_do_is_refused_before_the_run(both, arm, conditions):
    """No folder is made."""
    with pytest.raises(UsageError, match=arm):
        faulty.run(both["distributed"], "refused-row", "none", arm=arm, points=3, **conditions)
    assert not folder_of("refused-row").exists()
