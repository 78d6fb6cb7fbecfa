"""Parse a POST to either API, check it against the datapoint rule, and form the response."""

import json
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from lambdist_lib.protocol import contract
from lambdist_lib.protocol.contract import Datapoint

import experiment_controls

MAX_CHARS = int(os.environ["MAX_CHARS"])
PATTERN = os.environ["PATTERN"]
FUNCTION_TIMEOUT_S = float(os.environ["FUNCTION_TIMEOUT_S"])


class InvalidRequestError(Exception):
    """The whole request is rejected: `status` is the response's, the text its reason."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The datapoints of one POST.

    plain: The body was {"data": "word"}, the form of the original clients, who get its response.
    """

    plain: bool
    datapoints: list[Datapoint]
    rejected: list[dict[str, Any]] = field(default_factory=list)


def read(event: dict[str, Any], received_at: float) -> Request:
    """Parse the datapoints of an API Gateway proxy event.

    Raises:
        InvalidRequestError: The body has neither form, or names work or faults that the stack rejects.
    """
    text = event.get("body") or ""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequestError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("the body is not an object")
    work, fault = body.get("work", "none"), body.get("fault", "none")
    if not isinstance(work, str) or not isinstance(fault, str):
        raise InvalidRequestError("work and fault are strings")
    if reason := experiment_controls.reason_against(work, fault, function_timeout_s=FUNCTION_TIMEOUT_S):
        raise InvalidRequestError(reason)
    controls = {"work": work, "fault": fault, "received_at": received_at}
    if "datapoints" not in body:
        return _read_plain(event, body, controls)
    request = _read_many(body, controls)
    if len(request.datapoints) > 1:  # a single one is bounded by the datapoint rule
        _require_size(text)
    return request


def _require_size(text: str) -> None:
    """Bound the request so that ten messages fit an SQS batch even when escaping lengthens them."""
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > contract.REQUEST_MAX_BYTES:
        raise InvalidRequestError(
            f"the request has {size_bytes:,} bytes, at most {contract.REQUEST_MAX_BYTES:,} are accepted; "
            "send fewer datapoints at once",
            413,
        )


def _read_plain(event: dict[str, Any], body: dict[str, Any], controls: dict[str, Any]) -> Request:
    run_id = contract.ADHOC + time.strftime("%Y-%m-%d", time.gmtime(controls["received_at"]))
    if reason := _reason_against(body.get("data"), run_id):
        raise InvalidRequestError(f"the datapoint {reason}")
    request_id = (event.get("requestContext") or {}).get("requestId") or uuid.uuid4().hex
    # of the request's id, which is unique, as many bits as JSON keeps; `attempt.store` resolves equal ones
    n = uuid.uuid5(uuid.NAMESPACE_OID, request_id).int >> (128 - contract.N_BITS)
    return Request(plain=True, datapoints=[Datapoint(run_id=run_id, n=n, data=body["data"], **controls)])


def _read_many(body: dict[str, Any], controls: dict[str, Any]) -> Request:
    run_id, entries = body.get("run_id"), body["datapoints"]
    if not isinstance(run_id, str) or not contract.RUN_ID.fullmatch(run_id):
        raise InvalidRequestError("run_id is 1 to 40 characters of a-z, 0-9 and -")
    if not isinstance(entries, list) or not 1 <= len(entries) <= contract.REQUEST_MAX_DATAPOINTS:
        raise InvalidRequestError(f"datapoints is a list of 1 to {contract.REQUEST_MAX_DATAPOINTS}")
    datapoints, rejected = [], []
    for entry in entries:
        if (
            not isinstance(entry, dict)
            or not contract.is_count(entry.get("n"))
            or not contract.is_count(entry.get("attempt", 1), 1)
        ):
            raise InvalidRequestError('a datapoint is {"n": 0 or more, "data": "..."}')
        if reason := _reason_against(entry.get("data"), run_id):
            rejected.append({"n": entry["n"], "reason": reason})
        else:
            attempt = entry.get("attempt", 1)
            datapoints.append(
                Datapoint(run_id=run_id, n=entry["n"], data=entry["data"], attempt=attempt, **controls)
            )
    if len({entry["n"] for entry in entries}) < len(entries):  # the response names datapoints by n
        raise InvalidRequestError("two datapoints have the same n")
    return Request(plain=False, datapoints=datapoints, rejected=rejected)


def _reason_against(data: object, run_id: str) -> str | None:
    if reason := contract.reason_against(data, max_chars=MAX_CHARS, pattern=PATTERN):
        return reason
    size_bytes = len(data.encode()) if isinstance(data, str) and run_id.startswith(contract.ADHOC) else 0
    if size_bytes > contract.ADHOC_MAX_BYTES:
        return (
            f"has {size_bytes:,} bytes, at most {contract.ADHOC_MAX_BYTES:,} are taken without a run: its "
            "item in the table, of 400 KB, keeps it beside its result"
        )
    return None


def response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """Form an API Gateway proxy response."""
    headers = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def error_response(error: InvalidRequestError) -> dict[str, Any]:
    return response(error.status, {"message": f"Failed: {error}"})


def plain_response(request: Request, *, done: bool) -> dict[str, Any]:
    """Form the response that the original clients expect."""
    [datapoint] = request.datapoints
    if not done:
        return response(503, {"message": f"Failed: {datapoint.data}"})
    body = {"message": f"Succeeded: {datapoint.data}", "run_id": datapoint.run_id, "n": datapoint.n}
    return response(200, body)
