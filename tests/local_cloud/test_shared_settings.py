"""Settings that both stacks take reach both when they change in place."""

import json

import pytest

from lambdist_lib.deployment import stacks, templates

CHANGES = {  # each shared setting with a value that is not its default
    "architecture": "arm64",
    "datapoint_max_chars": 100,
    "datapoint_pattern": "[a-z]+",
    "item_days": 3,
    "experiment_controls": False,
    "memory_mb": 256,
    "log_retention_days": 7,
    "max_receives": 2,
    "permanent_at_once": False,
    "resource_path": "points",
    "stage": "v2",
    "throttle_rate": 50,
    "throttle_burst": 40,
    "quota_requests": 1000,
    "quota_period": "DAY",
    "api_access_logs": True,
    "point_in_time_recovery": True,
}
NOT_CHANGED = {  # code, and ARNs of what the local cloud does not have
    *("ArtifactBucket", "Runtime", "ProcessingPolicyArn", "WebAclArn", "PermissionsBoundaryArn"),
}


def parameter(setting):
    return "".join(part.capitalize() for part in setting.split("_"))


def test_the_list_has_every_shared_parameter():
    """A parameter that both templates declare is changed below, or cannot be on the local cloud."""
    shared = set(templates.parameters("distributed")) & set(templates.parameters("single_node"))

    assert shared == {parameter(setting) for setting in CHANGES} | NOT_CHANGED


def test_each_shared_setting_changes_in_both_stacks(target, settings):
    """One redeploy per setting, nothing else changed: both stacks have the new value."""
    stacks.apply_stacks(target, settings=settings)

    for setting, value in CHANGES.items():
        settings[setting] = value
        deployed = stacks.apply_stacks(target, settings=settings)
        values = {stack.parameters[parameter(setting)] for stack in deployed.values()}
        assert values == {templates.to_parameters("distributed", {setting: value})[parameter(setting)]}

    for stack in deployed.values():
        assert stack.outputs["MaxReceives"] == "2"
        assert stack.outputs["ExperimentControls"] == "off"
        assert (stack.outputs["ResourcePath"], stack.outputs["Stage"]) == ("points", "v2")


def test_both_stacks_obey_fewer_tries(deploy):
    """The queue buries after two receives, and the client reads two tries from the control."""
    deploy("tries")
    changed = deploy("tries", max_receives=2)

    queue = (
        changed["distributed"]
        .client("sqs")
        .get_queue_attributes(QueueUrl=changed["distributed"]["QueueUrl"], AttributeNames=["RedrivePolicy"])
    )
    assert int(json.loads(queue["Attributes"]["RedrivePolicy"])["maxReceiveCount"]) == 2
    assert {stack["MaxReceives"] for stack in changed.values()} == {"2"}


@pytest.mark.parametrize("memory_mb", [256])
def test_functions_of_both_stacks_get_the_memory(deploy, memory_mb):
    """Every function that runs process() has the new size."""
    deploy("memory")
    changed = deploy("memory", memory_mb=memory_mb)

    functions = [
        (changed["distributed"], "ProcessorName"),
        (changed["single_node"], "SingleNodeName"),
    ]
    for stack, name in functions:
        configuration = stack.client("lambda").get_function_configuration(FunctionName=stack[name])
        assert configuration["MemorySize"] == memory_mb


def test_a_mapping_changes_without_a_cold_start(distributed):
    """`describe` knows the new values, the environments stay, and the next deploy sets the mapping back."""
    target, stack = distributed.target, distributed.stack
    body = {"run_id": "mapping", "datapoints": [{"n": 0, "data": "word"}]}
    distributed.post(body)
    distributed.settled("mapping", 1)

    changed = stacks.apply_mapping(target, stack, {"queue_batch": 5, "maximum_concurrency": 7})

    assert (changed.parameters["QueueBatch"], changed.parameters["MaximumConcurrency"]) == ("5", "7")
    assert stacks.describe(target, "distributed") == changed
    distributed.post({**body, "run_id": "mapping-2"})
    assert distributed.settled("mapping-2", 1)[0]["cold"] is False
    settings = {"experiment_controls": True, "retry_delay_seconds": 0, "maximum_concurrency": 4}
    again = stacks.apply_stacks(target, ["distributed"], settings=settings)["distributed"]
    assert again.parameters["MaximumConcurrency"] == "4"
    assert stacks.describe(target, "distributed") == again
