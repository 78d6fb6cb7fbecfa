"""What passes the gate before the emulator, and what does not; no emulator here."""

import asyncio
import json

import pytest

from lambdist_lib.cloud import emulator_gate

KEY = "0123456789abcdef0123456789abcdef"
HOST = "127.0.0.1:4711"
SCOPE = "20261129/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
API = "/restapis/abc/v1/_user_request_/datapoints"


def signed(key_id, service="lambda"):
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{SCOPE.format(service)}"


def ask(path="/2015-03-31/functions", *, kind="http", repeated=(), enforces_iam=False, **headers):
    """Send one request to a gate; returns the messages that came back, and whether the emulator saw it."""
    seen, sent = [], []

    async def emulator(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError("the body was read before the request was let in")

    fields = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in [*fields.items(), *repeated] if value]
    gate = emulator_gate.guarded(emulator, KEY, enforces_iam=enforces_iam)
    asyncio.run(gate({"type": kind, "path": path, "headers": pairs}, receive, send))
    return sent, bool(seen)


def passes(*arguments, **options):
    sent, seen = ask(*arguments, **options)
    assert seen or sent[0].get("status") == 403 or sent[0]["type"] == "websocket.close"
    return seen


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": signed(KEY)},
        {"authorization": signed("000000000000"), "x_amz_security_token": KEY},
        {"x_lambdist_key": KEY},
        {"x_lambdist_key": KEY, "origin": f"http://{HOST}"},
        {"authorization": signed(KEY), "host": "localhost:4711"},
        {"authorization": signed(KEY), "host": "127.0.0.1"},
    ],
)
def test_the_key_of_this_start_opens(headers):
    """As key id of a signature, as a Lambda's session token, or in the header."""
    assert passes(**headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": signed("test")},
        {"authorization": signed("000000000000")},
        {"authorization": signed("AKIAIOSFODNN7EXAMPLE")},
        {"authorization": signed(KEY[:-1])},
        {"authorization": signed(KEY + "0")},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"AWS {KEY}:signature"},
        {"x_amz_security_token": "token"},
        {"x_lambdist_key": KEY.upper()},
    ],
)
def test_any_other_key_is_refused(headers):
    """Those that the emulator takes as its root user's, too."""
    assert not passes(**headers)


@pytest.mark.parametrize("origin", ["http://example.com", "null", "http://localhost:8888", f"https://{HOST}"])
def test_a_web_page_is_refused_with_the_key(origin):
    """Of another site, of a file, of another server on this machine."""
    assert not passes(x_lambdist_key=KEY, origin=origin)


@pytest.mark.parametrize(
    "host", ["", "example.com", "127.0.0.1.example.com:4711", "localhost:4711@x", "0.0.0.0"]
)
@pytest.mark.parametrize("path", ["/", API])
def test_another_host_is_refused(host, path):
    """A name that a page has rebound to 127.0.0.1 reaches nothing, not even a deployed API."""
    assert not passes(path, host=host, x_lambdist_key=KEY)


def test_the_emulators_own_paths_take_only_the_header():
    """A signed call does not wipe the cloud; the library's own call does."""
    assert not passes("/_ministack/reset")
    assert not passes("/_ministack/reset", authorization=signed(KEY))
    assert passes("/_ministack/reset", x_lambdist_key=KEY)


@pytest.mark.parametrize("path", [API, "/restapis/abc/v1/_user_request_"])
def test_a_deployed_api_is_reached_without_the_key(path):
    """It checks its own API key; a page may call it, as on AWS."""
    assert passes(path)
    assert passes(path, origin="http://example.com", x_api_key="any")


@pytest.mark.parametrize(
    "path", ["/restapis", "/restapis/abc", "/restapis/abc/stages/v1", "/x/restapis/abc/v1/_user_request_/y",
             "/restapis//v1/_user_request_/x", "/restapis/a/v1/_user_request_x", "/apikeys"]
)  # fmt: skip
def test_managing_an_api_needs_the_key(path):
    """Only calls of an API are open; reading its keys is not one."""
    assert not passes(path)
    assert passes(path, authorization=signed(KEY))


def test_repeated_headers_do_not_smuggle():
    """The gate joins repeated headers as the emulator does, so both read the same key."""
    iam_key = signed("AKIAIOSFODNN7EXAMPLE")
    assert not passes(authorization=signed("test"), repeated=[("authorization", signed(KEY))])
    assert not passes(enforces_iam=True, authorization=signed("test"), repeated=[("authorization", iam_key)])
    assert not passes(x_lambdist_key=KEY, repeated=[("host", "example.com")])


def test_enforced_permissions_let_iam_keys_in():
    """The emulator then checks their signatures; its keys for everybody stay out."""
    for key_id in ("AKIAIOSFODNN7EXAMPLE", "ASIA" + "0123456789ABCDEF"):
        assert passes(enforces_iam=True, authorization=signed(key_id))
    for key_id in ("test", "000000000000", ""):
        assert not passes(enforces_iam=True, authorization=signed(key_id))
    assert not passes(enforces_iam=True)


def test_a_websocket_needs_the_key():
    """A web page can open one without asking first."""
    assert not passes(kind="websocket")
    assert passes(kind="websocket", x_lambdist_key=KEY)


@pytest.mark.parametrize(
    ("headers", "content_type", "begins"),
    [
        ({"authorization": signed("test", "s3")}, b"application/xml", b"<Error><Code>Unrecognized"),
        (
            {"content_type": "application/x-www-form-urlencoded; charset=utf-8"},
            b"text/xml",
            b"<ErrorResponse>",
        ),
        ({"content_type": "application/x-amz-json-1.0"}, b"application/json", b"{"),
        ({}, b"application/json", b"{"),
    ],
)
def test_a_refusal_is_one_that_the_sdk_can_parse(headers, content_type, begins):
    """XML for S3 and the query protocol, JSON for the others; never the key."""
    (start, answer), _ = ask(**headers)

    assert (start["status"], dict(start["headers"])[b"content-type"]) == (403, content_type)
    assert answer["body"].startswith(begins)
    assert KEY.encode() not in answer["body"]
    if content_type == b"application/json":
        assert json.loads(answer["body"])["__type"] == "UnrecognizedClientException"
