"""Smoke test: check after a deploy that the functions with process() start.

If the import of processing.py fails in the Lambda, datapoints are received again and again until all
visibility timeouts have passed. One call without a datapoint reports the reason at once.
"""

import json
from collections.abc import Iterable
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AccessDeniedError, DeployError

EMPTY_EVENTS: dict[str, dict[str, Any]] = {  # output with the function's name -> event without a datapoint
    "ProcessorName": {"Records": []},
    "SingleNodeName": {"body": "{}", "requestContext": {"requestId": "start"}},
}


def check_functions_start(target: Target, stacks: Iterable[Stack]) -> None:
    """Invoke each function once; skipped without the permission to invoke functions.

    Raises:
        DeployError: The import of processing.py or of one of its packages fails there.
    """
    functions = target.client("lambda")
    for stack in stacks:
        for output in EMPTY_EVENTS.keys() & stack.outputs.keys():
            payload = json.dumps(EMPTY_EVENTS[output])
            try:
                response = functions.invoke(FunctionName=stack.outputs[output], Payload=payload)
            except AccessDeniedError:
                continue
            if "FunctionError" in response:
                raise DeployError(
                    f"{output.removesuffix('Name')} of {stack.name} does not start on {target.label}: "
                    f"{_reason(response)}; `lambdist try FILE` imports the same code"
                )


def _reason(response: dict[str, Any]) -> str:
    payload = json.loads(response["Payload"].read() or "{}")
    return str(payload.get("errorMessage") or "no reason given")
