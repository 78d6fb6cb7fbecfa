"""Declare the front doors: how a request of each is addressed, encoded, authorised and read.

A door is all in which two ways of sending differ. The loop, its pace, retries, receipts, journal and resume
are the same for all (`submission.client`).

    door = open_door("queue", target, stack.outputs)
    client.submit(lines, door, options, run_id="words", keep=receipts.extend)
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lambdist_lib.cloud.api import Api, describe_api
from lambdist_lib.cloud.targets import Target
from lambdist_lib.protocol.contract import (
    REQUEST_MAX_DATAPOINTS,
    Datapoint,
    data_digest,
    message_attributes,
    message_body,
)
from lambdist_lib.submission import responses
from lambdist_lib.submission.http import Response
from lambdist_lib.submission.requests import ENCODER, PendingRequest, RequestEncoder
from lambdist_lib.submission.responses import ParsedResponse

SQS_MAX_MESSAGES = 10  # of one SendMessageBatch; its 1 MiB holds the messages of a request of 256 KiB
SQS_JSON = "application/x-amz-json-1.0"
SQS_THROTTLES = ("Throttl", "OverLimit")  # parts of the names of errors that ask for fewer requests
INVOKE_PATH = "/2015-03-31/functions/{name}/invocations"
FUNCTION_FAILED = 502  # status for a function that ended without a response, as API Gateway's


class Door(Protocol):
    """One way into a stack: what a request to it is, and what its response says.

    url: Where to POST. max_datapoints: Of one request.
    """

    @property
    def url(self) -> str: ...

    @property
    def max_datapoints(self) -> int: ...

    def encode(self, pending: PendingRequest, encoder: RequestEncoder) -> bytes:
        """Return the body of a request."""

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a request with this body."""

    def parse(self, response: Response, ns: list[int]) -> ParsedResponse:
        """Return the verdicts of a response to a request with the datapoints `ns`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDoor:
    """An API of this project, or `plain`: of the original's form."""

    api: Api
    plain: bool = False
    max_datapoints: int = REQUEST_MAX_DATAPOINTS

    @property
    def url(self) -> str:
        return self.api.url

    def encode(self, pending: PendingRequest, encoder: RequestEncoder) -> bytes:
        return encoder.encode(pending)

    def headers(self, body: bytes) -> dict[str, str]:
        key = self.api.key.reveal()
        others = {name: value.reveal() for name, value in self.api.headers.items()}
        return {"Content-Type": "application/json", **({"x-api-key": key} if key else {}), **others}

    def parse(self, response: Response, ns: list[int]) -> ParsedResponse:
        return responses.parse(response, ns, plain=self.plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFirstDoor:
    """An API that writes a request's one datapoint straight to the queue, without a Lambda."""

    api: Api
    max_datapoints: int = 1

    @property
    def url(self) -> str:
        return self.api.url

    def encode(self, pending: PendingRequest, encoder: RequestEncoder) -> bytes:
        [(n, data)] = pending.points
        message = json.loads(message_body(_datapoint(n, data, encoder), collector={}))
        return json.dumps({**message, "digest": data_digest(data)}).encode()  # in ASCII, as SQS wants it

    def headers(self, body: bytes) -> dict[str, str]:
        return {"Content-Type": "application/json", "x-api-key": self.api.key.reveal()}

    def parse(self, response: Response, ns: list[int]) -> ParsedResponse:
        """Read a response: a 200 counts only with the id of the queued message."""
        if response.status == 200:
            queued = responses.object_of(response.body).get("queued")
            if isinstance(queued, str) and queued:
                return ParsedResponse(accepted=frozenset(ns), served=True)
            return ParsedResponse(cause="HTTP 200 without the id of a queued message", certain=False)
        return responses.parse(response, ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Sign requests to an AWS service with a session's credentials (Signature Version 4)."""

    credentials: Any = field(repr=False)  # botocore's: they may be renewed between two requests
    service: str
    region: str

    def headers(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with the signature's."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(self.credentials.get_frozen_credentials(), self.service, self.region).add_auth(request)
        return dict(request.headers.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDoor:
    """The stack's queue itself: the client writes the messages, ten at most by one SendMessageBatch."""

    url: str
    queue_url: str
    signature: Signature
    max_datapoints: int = SQS_MAX_MESSAGES

    def encode(self, pending: PendingRequest, encoder: RequestEncoder) -> bytes:
        entries = []
        for n, data in pending.points:
            datapoint = _datapoint(n, data, encoder)
            entry = {"Id": str(n), "MessageBody": message_body(datapoint, collector={})}
            entries.append({**entry, "MessageAttributes": message_attributes(datapoint)})
        return ENCODER.encode({"QueueUrl": self.queue_url, "Entries": entries}).encode()

    def headers(self, body: bytes) -> dict[str, str]:
        target = {"Content-Type": SQS_JSON, "X-Amz-Target": "AmazonSQS.SendMessageBatch"}
        return self.signature.headers(self.url, body, target)

    def parse(self, response: Response, ns: list[int]) -> ParsedResponse:
        """Read a response: each message has its own result; an error of the request stops the sending."""
        if not 200 <= response.status < 500:
            return responses.parse(response, ns)
        body = responses.object_of(response.body)
        if response.status != 200:
            return self._parse_error(response, body)
        accepted = frozenset(ns) & _ids(body.get("Successful"))
        failed = body.get("Failed") or []
        reasons = {int(entry["Id"]): entry for entry in failed if str(entry.get("Id")).isdecimal()}
        texts = {n: responses.one_line(_reason(entry)) for n, entry in reasons.items()}
        rejected = {n: texts[n] for n, entry in reasons.items() if entry.get("SenderFault") is True}
        certain = (accepted | reasons.keys()).issuperset(ns)
        served = bool(accepted or rejected)
        cause = next(iter(texts.values()), "") if certain else "the response does not name it"
        return ParsedResponse(
            accepted=accepted,
            rejected=rejected,
            cause=cause,
            certain=certain,
            served=served,
            counts=served or not certain,
            overload=not served,
        )

    def _parse_error(self, response: Response, body: dict[str, Any]) -> ParsedResponse:
        """Read an error of the whole request: it says nothing about a datapoint."""
        kind = str(body.get("__type", "")).rpartition("#")[2]
        text = responses.one_line(f"{kind} {body.get('message') or body.get('Message') or ''}")
        cause = f"HTTP {response.status}: {text or 'no reason given'}"
        if response.status == 429 or any(part in kind for part in SQS_THROTTLES):
            return ParsedResponse(cause=cause, counts=False, overload=True)
        return ParsedResponse(cause=cause, stop=f"the queue takes no messages of this client ({cause})")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeDoor:
    """The single node's function itself, called by Lambda's Invoke, which waits for the result."""

    url: str
    signature: Signature
    max_datapoints: int = REQUEST_MAX_DATAPOINTS

    def encode(self, pending: PendingRequest, encoder: RequestEncoder) -> bytes:
        return ENCODER.encode({"body": encoder.encode(pending).decode()}).encode()

    def headers(self, body: bytes) -> dict[str, str]:
        return self.signature.headers(self.url, body, {"Content-Type": "application/json"})

    def parse(self, response: Response, ns: list[int]) -> ParsedResponse:
        """Read the function's own response; a function that failed may have stored before."""
        if response.status != 429 and 400 <= response.status < 500:  # of the call, not of a datapoint
            text = responses.object_of(response.body).get("message") or "no reason given"
            cause = f"HTTP {response.status}: {responses.one_line(text)}"
            return ParsedResponse(cause=cause, stop=f"Lambda does not invoke the function ({cause})")
        if response.status != 200:
            return responses.parse(response, ns)
        payload = responses.object_of(response.body)
        status, body = payload.get("statusCode"), payload.get("body")
        if isinstance(status, int) and isinstance(body, str):
            own = response._replace(status=status, body=body.encode(errors="replace"))
            return responses.parse(own, ns)._replace(status=status)
        text = responses.one_line(payload.get("errorMessage") or "no response")
        return ParsedResponse(cause=f"the function failed: {text}", certain=False, status=FUNCTION_FAILED)


def _datapoint(n: int, data: str, encoder: RequestEncoder) -> Datapoint:
    work, fault = (encoder.controls.get(name, "none") for name in ("work", "fault"))
    return Datapoint(run_id=encoder.run_id, n=n, data=data, work=work, fault=fault)


def _ids(entries: object) -> frozenset[int]:
    """Return the datapoints that a part of SQS's response names."""
    named = entries if isinstance(entries, list) else []
    texts = [str(entry.get("Id")) for entry in named if isinstance(entry, dict)]
    return frozenset(int(text) for text in texts if text.isdecimal())


def _reason(entry: Mapping[str, Any]) -> str:
    return f"SQS: {entry.get('Code', '')} {entry.get('Message') or ''}"


def _open_api(target: Target, outputs: Mapping[str, str]) -> Door:
    return ApiDoor(api=describe_api(target, outputs))


def _open_storage_first(target: Target, outputs: Mapping[str, str]) -> Door:
    api = describe_api(target, outputs)
    return StorageFirstDoor(api=Api(url=f"{api.url}/{outputs['StorageFirstPath']}", key=api.key))


def _open_queue(target: Target, outputs: Mapping[str, str]) -> Door:
    return QueueDoor(
        url=_endpoint(target, "sqs") + "/", queue_url=outputs["QueueUrl"], signature=_signature(target, "sqs")
    )


def _open_invoke(target: Target, outputs: Mapping[str, str]) -> Door:
    url = _endpoint(target, "lambda") + INVOKE_PATH.format(name=outputs["SingleNodeName"])
    return InvokeDoor(url=url, signature=_signature(target, "lambda"))


def _endpoint(target: Target, service: str) -> str:
    return str(target.client(service).meta.endpoint_url).rstrip("/")


def _signature(target: Target, service: str) -> Signature:
    return Signature(credentials=target.session.get_credentials(), service=service, region=target.region)


DOORS: dict[str, Callable[[Target, Mapping[str, str]], Door]] = {  # by `protocol.arms.Arm.door`
    "api": _open_api,
    "queue": _open_queue,
    "invoke": _open_invoke,
    "storage_first": _open_storage_first,
}


def open_door(name: str, target: Target, outputs: Mapping[str, str]) -> Door:
    """Return a door of a deployed stack.

    Args:
        name: One of DOORS.
        outputs: Of the stack.
    """
    return DOORS[name](target, outputs)
