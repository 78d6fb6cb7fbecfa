"""Refuse requests to the emulator that its user did not send, before it reads their bodies.

The emulator runs code for any caller: it takes every access key and answers every web page. This
ASGI application stands before it. A request passes if

- its Host is 127.0.0.1 or localhost (any other name may be a web page's, rebound to 127.0.0.1), and
- it goes to a deployed API, which checks its own API key; or
- its Origin, if it has one, is this server's, and it carries the key of this start: as access key id
  of its signature, as session token (Lambdas get it as that) or in the header `x-lambdist-key`.
  The emulator's own paths below `/_ministack/` take only that header.

The signature itself is not checked: the key id is the secret.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

KEY_HEADER = "x-lambdist-key"
SIGNATURE = "AWS4-HMAC-SHA256 Credential="
HOST = re.compile(rb"(127\.0\.0\.1|localhost)(:\d+)?")
DEPLOYED_API = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(/|$)")
OTHER_KEYS = re.compile(SIGNATURE.encode() + rb"A[KS]IA[A-Z0-9]{12,}/")  # of IAM users and roles
WRONG_KEY = "the access key id is not the one of this local cloud; `lambdist cloud env` prints it"


def guarded(app: App, key: str, *, enforces_iam: bool = False) -> App:
    """Return the application that passes only requests with the key on to `app`.

    Args:
        enforces_iam: Whether the emulator checks the signatures of its IAM users and roles. Only
            then do their keys pass, too.
    """
    signed = f"{SIGNATURE}{key}/".encode()

    async def gate(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:  # repeated ones are joined, as the emulator does
            headers[name] = headers[name] + b", " + value if name in headers else value
        if not (reason := _refusal(scope["path"], headers, key.encode(), signed, enforces_iam)):
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        content_type, body = denial(headers, reason)
        fields = [(b"content-type", content_type), (b"x-amzn-errortype", b"UnrecognizedClientException")]
        start = {"type": "http.response.start", "status": 403}
        await send({**start, "headers": [*fields, (b"content-length", str(len(body)).encode())]})
        return await send({"type": "http.response.body", "body": body})

    return gate


def _refusal(path: str, headers: dict[bytes, bytes], key: bytes, signed: bytes, enforces_iam: bool) -> str:
    """Return the reason to refuse a request, or ""."""
    host = headers.get(b"host", b"")
    if not HOST.fullmatch(host):
        return "the Host header is not this server's: use 127.0.0.1"
    if DEPLOYED_API.match(path):
        return ""
    if headers.get(b"origin", b"http://" + host) != b"http://" + host:
        return "requests of web pages are refused"
    if headers.get(KEY_HEADER.encode()) == key:
        return ""
    if path.startswith("/_ministack/"):
        return f"this path needs the header {KEY_HEADER}"
    authorization = headers.get(b"authorization", b"")
    if authorization.startswith(signed) or headers.get(b"x-amz-security-token") == key:
        return ""
    return "" if enforces_iam and OTHER_KEYS.match(authorization) else WRONG_KEY


def denial(headers: dict[bytes, bytes], reason: str) -> tuple[bytes, bytes]:
    """Return content type and body of a refusal, in the form that the caller's SDK can parse."""
    error = f"<Error><Code>UnrecognizedClientException</Code><Message>{reason}</Message></Error>"
    if b"/s3/aws4_request" in headers.get(b"authorization", b""):
        return b"application/xml", error.encode()
    if headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        return b"text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode()
    answer = {"__type": "UnrecognizedClientException", "message": reason}
    return b"application/json", json.dumps(answer).encode()
