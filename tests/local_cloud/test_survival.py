"""What is broken from outside while datapoints are under way: each ends in a ledger that balances."""

import contextlib
import dataclasses
import json
import os
import signal
import threading
import time

import boto3
import psutil
import pytest
from support import faulty
from support.waiting import eventually

from lambdist_lib import paths
from lambdist_lib.cloud import local_cloud
from lambdist_lib.deployment import queue_depth, stacks, unended
from lambdist_lib.results import folders
from lambdist_lib.runs import completion, leftovers

EVERYTHING = "*"


@pytest.fixture(scope="module")
def distributed(target, deployed_as):
    stack = stacks.apply_stacks(target, ["distributed"], name="survival", settings=faulty.SETTINGS)[
        "distributed"
    ]
    yield faulty.hasten(deployed_as(target, stack))
    stacks.delete_stacks(target, name="survival")


@contextlib.contextmanager
def meanwhile(act):
    """`act()` in a thread beside the block, over before the block's result counts."""
    failed = []

    def guarded():
        try:
            act()
        except BaseException as error:  # shown below, in the test's own thread
            failed.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert failed == []


def workers(deployed, name):
    """Pids of a function's processes on the local cloud."""
    found = []
    for child in psutil.Process(deployed.target.cloud.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.environ().get("AWS_LAMBDA_FUNCTION_NAME") == name:
                found.append(child.pid)
    return found


def begun(deployed, name, n):
    """Whether an attempt at this datapoint of `faulty.run(..., name)` has begun."""
    folder = paths.results() / "faults" / "runs" / name
    if not (folder / "run.json").exists():
        return False
    run_key = folders.key_of(folders.read_facts(folder))
    key = {"run_shard": {"S": f"{run_key}#{n % 16}"}, "n": {"N": str(n)}}
    answer = deployed.client("dynamodb").get_item(TableName=deployed["TableName"], Key=key)
    return "started" in answer.get("Item", {})


def test_a_killed_worker_costs_a_receive_and_no_datapoint(distributed):
    """kill -9 on the processors while they work: their messages come again."""

    def kill():
        assert eventually(lambda: begun(distributed, "killed", 3))
        killed = workers(distributed, distributed["ProcessorName"])
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    with meanwhile(kill):
        row, table, items, _ = faulty.run(distributed, "killed", "crash:0", work="io:300ms", chunks=4)

    assert (row["stored"], row["submitted"]) == (30, 30)
    assert table["receives"].max() == 2
    assert sum(faulty.traces(item)["crash"] for item in items.values()) >= 1


def test_a_frozen_cloud_is_waited_for(distributed):
    """SIGSTOP for five seconds amid a run: nobody can answer, and afterwards nothing is missing."""
    stopped_s = []

    def freeze():
        assert eventually(lambda: begun(distributed, "frozen", 5))
        os.kill(distributed.target.cloud.pid, signal.SIGSTOP)
        began_s = time.monotonic()
        try:
            time.sleep(5)
        finally:
            os.kill(distributed.target.cloud.pid, signal.SIGCONT)
            stopped_s.append(time.monotonic() - began_s)

    with meanwhile(freeze):
        row, _, _, _ = faulty.run(distributed, "frozen", "crash:0", work="io:50ms", chunks=4)

    assert stopped_s[0] >= 5
    assert (row["stored"], row["submitted"]) == (30, 30)


def test_messages_of_a_killed_run_are_gone_before_the_next(distributed):
    """Also those that a crashed processor hides until their visibility timeout."""
    target, stack, notes = distributed.target, distributed.stack, []
    points = [{"n": n, "data": "x"} for n in range(3)]
    unended.mark(stack, "left", "left", unjournalled=len(points))
    distributed.post({"run_id": "left", "datapoints": points, "fault": "crash:1"})
    assert eventually(lambda: queue_depth.queue_depth(target, stack).in_work)

    leftovers.clear(target, stack, notes.append)
    row, _, _, _ = faulty.run(distributed, "after-left", "none", chunks=4)

    assert "of left, whose process ended" in notes[0]
    assert completion.count_settled(target, stack, "left") == 0
    assert (row["stored"], row["submitted"]) == (30, 30)


# -- Refusals, by the permissions of the roles -----------------------------------------------


@pytest.fixture(scope="module")
def strict(target, deployed_as, tmp_path_factory):
    """The distributed stack on a cloud that enforces permissions."""
    state = tmp_path_factory.mktemp("strict") / "state"
    cloud = local_cloud.lease(state, auth=True)
    session = boto3.Session(cloud.key, "any", region_name=target.region)  # each cloud has its own key
    there = dataclasses.replace(
        target, endpoint_url=cloud.endpoint_url, session=session, cloud=cloud, _clients={}
    )
    patient = {"processor_timeout_seconds": 20, "visibility_timeout_seconds": 120}  # on a busy machine, too
    settings = {**faulty.SETTINGS, **patient, "require_tls": False, "retry_delay_seconds": 1}
    try:
        stack = stacks.apply_stacks(there, ["distributed"], settings=settings)["distributed"]
        deployed = faulty.hasten(deployed_as(there, stack), ["DeadLetterQueueUrl"])
        rule(
            deployed, "CollectorName", "Allow", "sqs:SendMessageBatch"
        )  # unknown to AWS: SendMessage covers it
        yield deployed
    finally:
        for client in there._clients.values():
            client.close()
        local_cloud.stop(state)


def rule(deployed, function, effect, action):
    """A further policy on a function's role."""
    role = deployed.client("lambda").get_function_configuration(FunctionName=deployed[function])["Role"]
    statement = {"Effect": effect, "Action": action, "Resource": EVERYTHING}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    names = {"RoleName": role.rpartition("/")[2], "PolicyName": f"{effect}{action.partition(':')[2]}"}
    deployed.client("iam").put_role_policy(**names, PolicyDocument=policy)
    return names


@contextlib.contextmanager
def refused(deployed, function, action):
    """One action of a function is denied while the block runs."""
    names = rule(deployed, function, "Deny", action)
    try:
        yield
    finally:
        deployed.client("iam").delete_role_policy(**names)


def logged(deployed, group, text):
    events = deployed.client("logs").filter_log_events(logGroupName=deployed[group])["events"]
    return [event["message"] for event in events if text in event["message"]]


def test_what_cannot_be_queued_is_never_called_accepted(strict):
    """Sends refused: 503 and nothing queued; the client goes on trying, and all is stored in the end."""
    body = {"run_id": "unqueued", "datapoints": [{"n": n, "data": "x"} for n in range(3)]}
    names = rule(strict, "CollectorName", "Deny", "sqs:SendMessageBatch")

    def restore():
        time.sleep(2)
        strict.client("iam").delete_role_policy(**names)

    answer, plain = strict.post(body), strict.post({"data": "word"})
    assert (answer.status_code, answer.json()["accepted"], answer.json()["retry"]) == (503, [], [0, 1, 2])
    assert (plain.status_code, plain.json()) == (503, {"message": "Failed: word"})
    assert queue_depth.queue_depth(strict.target, strict.stack).total == 0
    with meanwhile(restore):
        row, table, _, _ = faulty.run(strict, "sends-refused", "none", chunks=4)

    assert (row["stored"], row["submitted"]) == (30, 30)
    assert table["tries"].max() > 1
    assert table["duplicates"].sum() == 0


def test_writes_that_are_refused_are_tried_again(strict):
    """The table takes nothing for two seconds: no result is lost, and none is stored twice."""
    names = rule(strict, "ProcessorName", "Deny", "dynamodb:UpdateItem")

    def restore():
        time.sleep(2)
        assert logged(strict, "ProcessorLogGroup", '"stored":0')
        strict.client("iam").delete_role_policy(**names)

    with meanwhile(restore):
        row, table, _, _ = faulty.run(strict, "writes-refused", "none", chunks=4)

    assert (row["stored"], row["submitted"]) == (30, 30)
    assert table["receives"].max() > 1
    assert table["duplicates"].sum() == 0


def test_a_dead_letter_lambda_that_fails_loses_no_dead_letter(strict):
    """Its messages stay in the dead-letter queue, its log says so, and later they are recorded."""
    body = {
        "run_id": "unburied",
        "datapoints": [{"n": n, "data": "x"} for n in range(5)],
        "fault": "permanent:1",
    }
    with refused(strict, "DeadLetterHandlerName", "dynamodb:UpdateItem"):
        assert strict.post(body).json()["accepted"] == [0, 1, 2, 3, 4]
        assert eventually(lambda: logged(strict, "DeadLetterLogGroup", "burial_failed"))
        assert queue_depth.queue_depth(strict.target, strict.stack).total == 5
        assert completion.count_settled(strict.target, strict.stack, "unburied") == 0

    items = strict.settled("unburied", 5)

    assert {item["outcome"] for item in items.values()} == {"dead"}
