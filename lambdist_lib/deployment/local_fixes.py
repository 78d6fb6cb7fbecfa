"""Make the local cloud do what it ignores or misreads in a template."""

import json
from collections.abc import Mapping

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import local_mail

REFERENCE = "MaximumConcurrency: !Ref MaximumConcurrency"


def template(target: Target, body: str, values: Mapping[str, str]) -> str:
    """Return a template as the target understands it; unchanged on AWS.

    The emulator takes a reference to a number as text. Its poller compares that text with a count, fails,
    and from then on serves no mapping at all. So the local cloud gets the number itself.

    Args:
        values: All parameters of the deploy, defaults included.
    """
    if target.name != "local" or REFERENCE not in body:
        return body
    return body.replace(REFERENCE, f"MaximumConcurrency: {int(values['MaximumConcurrency'])}")


def close(target: Target, stack_name: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Make a stack of the local cloud what its template says; nothing to do on AWS."""
    if target.name != "local":
        return
    _validate_requests(target, outputs["ApiId"])
    if mapping_parameters(target, outputs).items() - parameters.items():  # `set_mapping` changed it
        set_mapping(target, outputs, parameters)
    if "TopicArn" in outputs:
        local_mail.subscribe(target, stack_name, outputs["TopicArn"])


def mapping_parameters(target: Target, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that the local cloud's mapping has by now; {} on AWS and without a queue."""
    if target.name != "local" or "QueueToProcessorId" not in outputs:
        return {}
    mapping = target.client("lambda").get_event_source_mapping(UUID=outputs["QueueToProcessorId"])
    width = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    return {"QueueBatch": str(mapping["BatchSize"]), **({"MaximumConcurrency": str(width)} if width else {})}


def set_mapping(target: Target, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Change the local cloud's mapping without an update of its stack.

    There an update of a stack ends the environments of all its functions; on AWS it ends none.
    """
    target.client("lambda").update_event_source_mapping(
        UUID=outputs["QueueToProcessorId"],
        BatchSize=int(parameters["QueueBatch"]),
        ScalingConfig={"MaximumConcurrency": int(parameters["MaximumConcurrency"])},
    )
    if "MapMachineArn" in outputs:
        _set_map_width(target, outputs["MapMachineArn"], int(parameters["MaximumConcurrency"]))


def _set_map_width(target: Target, arn: str, width: int) -> None:
    states = target.client("stepfunctions")
    definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    definition["States"]["Map"]["MaxConcurrency"] = width
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))


def _validate_requests(target: Target, api_id: str) -> None:
    """Give every POST the request validator that the emulator drops from the template."""
    gateway = target.client("apigateway")
    known = gateway.get_request_validators(restApiId=api_id)["items"]
    validator = (known and known[0]) or gateway.create_request_validator(
        restApiId=api_id, name="body", validateRequestBody=True
    )
    operation = {"op": "replace", "path": "/requestValidatorId", "value": validator["id"]}
    for resource in gateway.get_resources(restApiId=api_id)["items"]:
        method = resource.get("resourceMethods", {}).get("POST")
        if method is not None and method.get("requestValidatorId") != validator["id"]:
            gateway.update_method(
                restApiId=api_id, resourceId=resource["id"], httpMethod="POST", patchOperations=[operation]
            )
