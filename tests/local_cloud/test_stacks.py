"""Deploy and destroy on the local cloud: complete, idempotent, in place, clear when refused, and gone."""

import json
import shutil

import pytest
import yaml

from lambdist_lib import paths
from lambdist_lib.deployment import bundles, stacks, templates
from lambdist_lib.errors import DeployError, TargetError, UsageError

UNKNOWN = """
  Unknown:
    Type: AWS::Budgets::Budget

  # -- Queue:"""
REFUSED = """
  Refused:
    Type: AWS::Logs::MetricFilter
    Properties: {LogGroupName: nowhere, FilterPattern: x, MetricTransformations: []}

  # -- Queue:"""


def declared_outputs(kind):
    """Outputs of the template that no condition guards: all optional paths are off here."""
    declared = yaml.load(templates.body(kind), Loader=templates._Loader)["Outputs"]
    return {name for name, output in declared.items() if "Condition" not in output}


def test_a_deploy_gives_every_output(both):
    """Each output of the templates has a value, and names the functions' code by its hash."""
    for kind, deployed in both.items():
        assert set(deployed.stack.outputs) == declared_outputs(kind)
        assert all(deployed.stack.outputs.values())
        for handler, key in deployed.stack.code.items():
            assert key == bundles.build(handler).key


def test_a_deploy_of_what_is_there_changes_nothing(both, target, settings):
    """It says so, makes no event, and is the way to find the stacks again."""
    cloudformation = target.client("cloudformation")
    names = [deployed.stack.name for deployed in both.values()]
    before = [cloudformation.describe_stack_events(StackName=name)["StackEvents"] for name in names]
    said = []

    again = stacks.apply_stacks(target, settings=settings, log=said.append)

    assert said == [f"{name} is up to date" for name in names]
    assert [again[kind] for kind in both] == [deployed.stack for deployed in both.values()]
    after = [cloudformation.describe_stack_events(StackName=name)["StackEvents"] for name in names]
    assert after == before


def test_another_setting_updates_in_place(deploy):
    """Memory and code change under the same API and table, and what was stored stays."""
    [before] = deploy("changing", ["distributed"]).values()
    before.post({"run_id": "kept", "datapoints": [{"n": 1, "data": "word"}]})
    item = before.settled("kept", 1)[1]

    [after] = deploy("changing", ["distributed"], memory_mb=256, maximum_concurrency=3).values()

    same = ("ApiId", "ApiKeyId", "TableName", "QueueUrl", "CollectorName", "QueueToProcessorId")
    assert [after[name] for name in same] == [before[name] for name in same]
    functions = after.client("lambda")
    assert functions.get_function_configuration(FunctionName=after["ProcessorName"])["MemorySize"] == 256
    assert after.settled("kept", 1)[1] == item
    mapping = functions.get_event_source_mapping(UUID=after["QueueToProcessorId"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 3}


def test_edited_code_is_served_after_the_next_deploy(deploy, tmp_path):
    """Only the functions that hold processing.py get a new zip."""
    lambdas = shutil.copytree(paths.lambdas(), tmp_path / "lambdas")
    before = deploy("edited", processing=lambdas)
    (lambdas / "processing.py").write_text("def process(data):\n    return len(data)\n")

    after = deploy("edited", processing=lambdas)

    changed = {
        handler
        for kind, deployed in after.items()
        for handler, key in deployed.stack.code.items()
        if key != before[kind].stack.code[handler]
    }
    assert changed == {"processor", "single_node"}
    for deployed in after.values():
        deployed.post({"run_id": "edited", "datapoints": [{"n": 0, "data": "four"}]})
        assert json.loads(deployed.settled("edited", 1)[0]["result"]) == 4


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (UNKNOWN, r"rejects the template of lambdist-distributed: .*\[AWS::Budgets::Budget\]"),
        (REFUSED, r"Refused \(AWS::Logs::MetricFilter\) failed: .*log group does not exist: nowhere"),
    ],
    ids=["template", "resource"],
)
def test_a_refusal_is_told_with_its_reason(empty, tmp_path, monkeypatch, resource, message, left):
    """A failed create tells which resource and why, ends clean, and the next deploy starts over."""
    folder = shutil.copytree(paths.cloudformation(), tmp_path / "cloudformation")
    template = (folder / "distributed.yaml").read_text()
    (folder / "distributed.yaml").write_text(template.replace("\n  # -- Queue:", resource, 1))
    with monkeypatch.context() as patched:
        patched.setattr(paths, "cloudformation", lambda: folder)
        with pytest.raises(DeployError, match=message):
            stacks.apply_stacks(empty, ["distributed"])
        assert left(empty) == {}

    recovered = stacks.apply_stacks(empty, ["distributed"])

    assert recovered["distributed"].outputs["QueueUrl"]
    stacks.delete_stacks(empty)
    assert left(empty) == {}


def test_nothing_is_left_after_destroy(empty, left):
    """Stacks, functions, queues, topics, tables, APIs, keys, plans, logs, bucket and roles: all gone."""
    for deployed in stacks.apply_stacks(
        empty, settings={"notify_email": "a@example.com,b@example.com"}
    ).values():
        stacks.make_cold(empty, deployed)
    assert set(left(empty)) >= {"stacks", "functions", "queues", "tables", "apis", "keys", "buckets", "roles"}
    assert {"alarms", "topics", "subscriptions"} <= set(left(empty))
    said = []

    stacks.delete_stacks(empty, log=said.append)

    assert left(empty) == {}
    assert "lambdist-distributed is gone" in said
    stacks.delete_stacks(empty)  # of nothing
    with pytest.raises(TargetError, match="lambdist-distributed is not deployed on local cloud: run `lambd"):
        stacks.describe(empty, "distributed")


def test_one_stack_can_go_while_the_other_stays(empty, left):
    """The artifact bucket goes with the last of them."""
    stacks.apply_stacks(empty)

    stacks.delete_stacks(empty, ["single_node"])

    assert left(empty)["stacks"] == ["lambdist-distributed"]
    assert "buckets" in left(empty)
    stacks.delete_stacks(empty)
    assert left(empty) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memmory_mb": 256}, r"did you mean memory_mb\?"),
        ({"memory_mb": 64}, "memory_mb is 64; write a whole number from 128 to 10240"),
        ({"visibility_timeout_seconds": 60}, "needs at least 180: slow batches would be delivered twice"),
    ],
)
def test_a_wrong_setting_touches_nothing(empty, settings, message, left):
    """It is refused before the first call: no bucket, no stack."""
    with pytest.raises(UsageError, match=message):
        stacks.apply_stacks(empty, settings=settings)

    assert left(empty) == {}
