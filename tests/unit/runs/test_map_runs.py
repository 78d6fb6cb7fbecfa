"""What a run through a Distributed Map has in flight is what Step Functions counts."""

import json
from types import SimpleNamespace

import pytest
from support.fakes import AbsentExecution

from lambdist_lib.deployment.queue_depth import QueueDepth
from lambdist_lib.runs import map_runs, senders

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:MapMachine-x"


class States:
    """Executions of one run, as (status, counts of its map run or None); S3's deletions, too."""

    exceptions = SimpleNamespace(ExecutionDoesNotExist=AbsentExecution)

    def __init__(self, *executions, per_line=1):
        self.executions, self.per_line, self.deleted = list(executions), per_line, []

    def describe_execution(self, *, executionArn):
        number = int(executionArn.rpartition("-")[2])
        if number >= len(self.executions):
            raise AbsentExecution
        fields = {"bucket": "bucket", "key": f"runs/run/{number}.jsonl", "version": "v1"}
        is_failed = self.executions[number][0] == "FAILED"
        return {
            "executionArn": executionArn,
            "status": self.executions[number][0],
            "input": json.dumps({**fields, "per_line": self.per_line}),
            **({"error": "States.ItemReaderFailed", "cause": "no such\nkey"} if is_failed else {}),
        }

    def list_map_runs(self, *, executionArn):
        number = int(executionArn.rpartition("-")[2])
        return {"mapRuns": [{"mapRunArn": str(number)}] if self.executions[number][1] else []}

    def describe_map_run(self, *, mapRunArn):
        return {"itemCounts": self.executions[int(mapRunArn)][1]}

    def delete_object(self, **version):
        self.deleted.append(version)


@pytest.fixture
def run(monkeypatch):
    """`run(States(...))`: the function that counts what is in flight; the queues hold one message."""
    monkeypatch.setattr(map_runs, "queue_depth", lambda *_: QueueDepth(waiting=1))
    stack = SimpleNamespace(outputs={"MapMachineArn": ARN}, parameters={"MapBucket": "bucket"})

    def counted(states):
        target = SimpleNamespace(client=lambda service: states)
        return target, stack, senders.depth(target, stack, "distributed_map", "run")

    return counted


def test_a_running_map_has_its_children_in_flight(run):
    """A child counts as many datapoints as a line has."""
    states = States(("RUNNING", {"pending": 3, "running": 2}), per_line=10)
    *_, depth = run(states)

    assert depth() == QueueDepth(waiting=30, in_work=20)


@pytest.mark.parametrize("counts", [None, {"pending": 0, "running": 0}])
def test_an_execution_that_has_not_ended_has_something_in_flight(run, counts):
    """Before its map begins, and after its last child: otherwise a run would end too early."""
    *_, depth = run(States(("RUNNING", counts)))

    assert depth().total == 1


def test_after_the_last_execution_the_queues_count(run):
    """Dead letters wait there, whichever way the executions ended."""
    states = States(("FAILED", None), ("RUNNING", {"pending": 0, "running": 4}))
    *_, depth = run(states)

    assert depth() == QueueDepth(in_work=4)
    states.executions[1] = ("SUCCEEDED", None)
    assert depth() == QueueDepth(waiting=1)
    states.executions.append(("RUNNING", {"pending": 7, "running": 0}))
    assert depth() == QueueDepth(waiting=7)


def test_files_are_deleted_once_their_execution_has_ended(run):
    """By their version, as the bucket keeps versions; a running one may still read its file."""
    states = States(("SUCCEEDED", None), ("RUNNING", None))
    target, stack, _ = run(states)

    assert senders.clean_up(target, stack, "distributed_map", "run") == ""

    [deleted] = states.deleted
    assert (deleted["Key"], deleted["VersionId"]) == ("runs/run/0.jsonl", "v1")
    assert deleted["ExpectedBucketOwner"] == "123456789012"


def test_a_failed_map_says_what_step_functions_reports(run):
    """Its datapoints are lost, and the run tells why; a later execution that succeeds takes that back."""
    states = States(("FAILED", None))
    target, stack, _ = run(states)

    failure = senders.clean_up(target, stack, "distributed_map", "run")
    states.executions.append(("SUCCEEDED", None))

    assert failure == "Step Functions ended the map as FAILED: States.ItemReaderFailed: no such key"
    assert senders.clean_up(target, stack, "distributed_map", "run") == ""


def test_other_arms_leave_nothing_to_clean_up(run):
    """Their queue's depth says what is in flight."""
    states = States()
    target, stack, _ = run(states)

    assert senders.clean_up(target, stack, "distributed", "run") == ""
    assert states.deleted == []
