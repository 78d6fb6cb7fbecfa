"""What the local cloud ignores in a template, but obeys when an API call asks for it."""

from collections.abc import Mapping

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment import local_mail


def close(target: Target, stack_name: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Make a stack of the local cloud what its template says; nothing to do on AWS."""
    if target.name != "local":
        return
    _validate_requests(target, outputs["ApiId"])
    if "QueueToProcessorId" in outputs:
        _cap_concurrency(target, outputs["QueueToProcessorId"], int(parameters["MaximumConcurrency"]))
        local_mail.subscribe(target, stack_name, outputs["TopicArn"])


def _validate_requests(target: Target, api_id: str) -> None:
    gateway = target.client("apigateway")
    if gateway.get_request_validators(restApiId=api_id)["items"]:
        return
    validator = gateway.create_request_validator(restApiId=api_id, name="body", validateRequestBody=True)
    for resource in gateway.get_resources(restApiId=api_id)["items"]:
        if "POST" in resource.get("resourceMethods", {}):
            operation = {"op": "replace", "path": "/requestValidatorId", "value": validator["id"]}
            gateway.update_method(
                restApiId=api_id, resourceId=resource["id"], httpMethod="POST", patchOperations=[operation]
            )


def _cap_concurrency(target: Target, mapping_id: str, most: int) -> None:
    """A template's reference to a number is text, on which the emulator's poller stumbles for ever."""
    target.client("lambda").update_event_source_mapping(
        UUID=mapping_id, ScalingConfig={"MaximumConcurrency": most}
    )
