"""Whether the functions that run process() start at all, asked before a run has to wait for them.

A processing.py whose import fails in the Lambda leaves its datapoints queued, receive by receive, for as
long as all visibility timeouts together; one call without a datapoint says the reason at once.
"""

import json
from collections.abc import Iterable
from typing import Any

from lambdist_lib.cloud.targets import Target
from lambdist_lib.deployment.stacks import Stack
from lambdist_lib.errors import AccessDeniedError, DeployError

NOTHING_TO_DO: dict[str, dict[str, Any]] = {  # output with the function's name -> a call with no datapoint
    "ProcessorName": {"Records": []},
    "SingleNodeName": {"body": "{}", "requestContext": {"requestId": "start"}},
}


def check_functions_start(target: Target, stacks: Iterable[Stack]) -> None:
    """Have each of these functions start once; whoever may not call functions learns nothing here.

    Raises:
        DeployError: The import of processing.py, or of what it needs, fails there.
    """
    functions = target.client("lambda")
    for stack in stacks:
        for output in NOTHING_TO_DO.keys() & stack.outputs.keys():
            payload = json.dumps(NOTHING_TO_DO[output])
            try:
                answer = functions.invoke(FunctionName=stack.outputs[output], Payload=payload)
            except AccessDeniedError:
                continue
            if "FunctionError" in answer:
                raise DeployError(
                    f"{stack.name} is deployed, but {output.removesuffix('Name')} does not start on "
                    f"{target.label}: {_reason(answer)}; `lambdist try FILE` imports the same code here"
                )


def _reason(answer: dict[str, Any]) -> str:
    said = json.loads(answer["Payload"].read() or "{}")
    return str(said.get("errorMessage") or "no reason is given")
