"""The verdicts of a response, by its form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.submission import responses
from lambdist_lib.submission.http import Response

FACTS = {
    "received_at": 1.5,
    "done_at": 2,
    "request_id": "r",
    "environment_id": "e",
    "cold": True,
    "init_s": 0.1,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
NAMES = ("accepted", "stored", "rejected", "dead", "retry", "invocation", "message", "cold", "received_at")
BODIES = st.dictionaries(st.sampled_from(NAMES), JSON | st.lists(st.integers(0, 5)), max_size=6)


def answer(status: int, body: object = b"", *, error: str = "", sent: bool = True, code: int = 0) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(None, status, content, error, sent, code=code)


@pytest.mark.parametrize("name", ["accepted", "stored"])
def test_a_stack_response_gives_verdicts_and_facts(name):
    """The collector reports accepted, the single node stored; the facts are the first Lambda's."""
    reading = responses.parse(answer(200, {name: [3], "invocation": FACTS}), [3])

    assert reading.verdict(3) == ("accepted", "")
    assert reading.facts == (1.5, 2.0, "r", "e", True, 0.1)
    assert reading.served and reading.certain


@pytest.mark.parametrize(
    ("status", "verdict", "certain", "counts", "overload", "stops"),
    [
        (200, "retry", False, True, False, False),
        (204, "retry", False, True, False, False),
        (302, "retry", True, True, False, True),
        (400, "rejected", True, True, False, False),
        (401, "retry", True, True, False, True),
        (403, "retry", True, True, False, True),
        (404, "retry", True, True, False, True),
        (408, "rejected", True, True, False, False),
        (429, "retry", True, False, True, False),
        (500, "retry", False, True, False, False),
        (502, "retry", False, True, False, False),
        (503, "retry", False, False, True, False),
        (504, "retry", False, True, False, False),
    ],
)
def test_a_status_decides_the_verdict(status, verdict, certain, counts, overload, stops):
    """It holds for responses of API Gateway and of other servers."""
    reading = responses.parse(answer(status, {"message": "said"}), [0])

    assert reading.verdict(0) == (verdict, f"HTTP {status}: said")
    assert (reading.certain, reading.counts, reading.overload) == (certain, counts, overload)
    assert bool(reading.stop) == stops


@pytest.mark.parametrize("sent", [True, False])
def test_a_request_without_a_response(sent):
    """A request that was not sent was not accepted, and costs no try."""
    reading = responses.parse(answer(0, error="reset", sent=sent), [0])

    assert reading.verdict(0) == ("retry", "reset")
    assert (reading.certain, reading.counts, reading.stop) == (not sent, sent, "")


def test_a_spent_quota_is_not_a_throttle():
    """It lasts for the rest of the day, so the submission stops."""
    assert "quota is spent" in responses.parse(answer(429, {"message": "Limit Exceeded"}), [0]).stop
    assert responses.parse(answer(429, {"message": "Too Many Requests"}), [0]).stop == ""


def test_a_503_costs_a_try_only_from_the_single_node():
    """A collector that queued nothing tried nothing; the single node has run process()."""
    collector = responses.parse(answer(503, {"accepted": [], "retry": [0]}), [0])
    control = responses.parse(answer(503, {"stored": [], "retry": [0]}), [0])

    assert (collector.counts, collector.overload, collector.certain) == (False, True, True)
    assert (control.counts, control.overload, control.served) == (True, False, True)


def test_an_unnamed_datapoint_may_be_accepted():
    """A response that does not name a datapoint does not reject it."""
    reading = responses.parse(answer(200, {"accepted": [0]}), [0, 1])

    assert reading.verdict(1) == ("retry", "the response does not name it")
    assert not reading.certain


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[]", b'"x"', b"1" * 5_000]
)
def test_a_body_that_is_not_an_object(body):
    """It settles no datapoint."""
    assert responses.parse(answer(200, body), [0]).verdict(0)[0] == "retry"


@given(st.sampled_from([0, 200, 201, 301, 400, 403, 429, 500, 503]), BODIES, st.booleans())
def test_any_body_gives_one_verdict(status, body, plain):
    """Any JSON gives a known verdict and facts of the records' types, without an exception."""
    reading = responses.parse(answer(status, body), [0, 1], plain=plain)

    for n in (0, 1):
        verdict, cause = reading.verdict(n)
        assert verdict in ("accepted", "rejected", "dead", "retry")
        assert cause.isprintable()
        if verdict == "accepted" and not plain:
            named = [body.get(name) for name in ("accepted", "stored")]
            assert any(isinstance(some, list) and n in some for some in named)
    received_at, done_at, request_id, environment_id, cold, init_s = reading.facts
    assert all(isinstance(value, float | None) for value in (received_at, done_at, init_s))
    assert all(isinstance(value, str | None) for value in (request_id, environment_id))
    assert isinstance(cold, bool | None)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"", "accepted"),
        (201, {"id": 7}, "accepted"),
        (200, {"message": "Succeeded: word"}, "accepted"),
        (200, {"message": "Failed: word"}, "retry"),
        (200, {"errorMessage": "boom", "errorType": "KeyError"}, "retry"),
        (200, {"accepted": []}, "accepted"),
        (400, {"message": "Failed: word"}, "rejected"),
        (500, {"message": "Failed: word"}, "retry"),
    ],
)
def test_the_original_form_is_parsed_by_status(status, body, verdict):
    """Its 200 is an acceptance unless the body reports a failure."""
    assert responses.parse(answer(status, body), [0], plain=True).verdict(0)[0] == verdict


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><title>Sign in</title>",
        b"\n <html><body>portal</body></html>",
        b"\xef\xbb\xbf<HTML>hello",
    ],
)
def test_an_html_page_with_status_200_accepts_nothing(page):
    """A login page or a portal answers: the submission stops, and what is behind may have accepted."""
    parsed = responses.parse(answer(200, page), [0], plain=True)

    assert parsed.verdict(0)[0] == "retry"
    assert (parsed.certain, "check the URL" in parsed.stop) == (False, True)


@pytest.mark.parametrize(
    "body", [b'{"error": "quota"}', b'{"errorMessage": "x"}', b'{"message": "Failed: y"}']
)
def test_a_200_that_says_error_accepts_nothing(body):
    """APIs behind a Lambda without a proxy answer 200 to everything."""
    parsed = responses.parse(answer(200, body), [0], plain=True)

    assert parsed.verdict(0)[0] != "accepted"


@pytest.mark.parametrize(("status", "advice"), [(401, "credentials"), (403, "permissions"), (404, "URL")])
def test_a_status_that_no_retry_mends_says_what_it_means(status, advice):
    """The submission stops at once, with the option to use."""
    parsed = responses.parse(answer(status, b'{"message": "no"}'), [0], plain=True)

    assert f"HTTP {status}" in parsed.stop
    assert advice in parsed.stop
