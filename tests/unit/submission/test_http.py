"""The HTTP client: connections, timers, limits."""

import resource
import time

import pytest
from support.servers import Exchange, Hostile

from lambdist_lib.errors import UsageError
from lambdist_lib.submission import http
from lambdist_lib.submission.http import HttpClient, Response, Timeouts

HEADERS = {"Content-Type": "application/json"}


def posted(server: Hostile, bodies: list[bytes], *, senders: int = 4, **timeouts: float) -> list[Response]:
    """Return the responses to all bodies, at most `senders` at once."""
    ended: list[Response] = []
    left = list(enumerate(bodies))
    with HttpClient(server.api.url, HEADERS, Timeouts(**timeouts), senders=senders) as wire:
        while left or wire.in_flight:
            while left and wire.in_flight < senders:
                wire.post(*left.pop(0))
            ended += wire.responses(0.2)
    return ended


def echo(exchange: Exchange) -> None:
    exchange.reply(200, exchange.body)


def test_every_response_has_its_token():
    """It holds for any number under way and any order of their ends."""
    bodies = [b"x" * n for n in range(200)]
    with Hostile(echo) as server:
        ended = posted(server, bodies, senders=20)

    assert {answer.token: answer.body for answer in ended} == dict(enumerate(bodies))
    assert all((answer.status, answer.error, answer.sent) == (200, "", True) for answer in ended)


def test_connections_are_reused():
    """There is one per sender, for any number of requests."""
    connections = set()

    def script(exchange: Exchange) -> None:
        connections.add(exchange.connection)
        echo(exchange)

    with Hostile(script) as server:
        ended = posted(server, [b"x"] * 50, senders=3)

    assert len(connections) == 3
    assert sum(answer.connect_s > 0 for answer in ended) == 3


def test_a_closed_connection_is_replaced():
    """A server may close an idle connection at any time without costing a try."""

    def script(exchange: Exchange) -> None:
        echo(exchange)
        exchange.close()

    with Hostile(script) as server:
        ended = posted(server, [b"x"] * 10, senders=1)

    assert [answer.status for answer in ended] == [200] * 10


def test_a_request_that_a_closed_connection_swallowed_is_resent_and_marked():
    """The server may have processed the first copy, so the response to the second proves nothing of it."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 1:
            exchange.close()
        else:
            echo(exchange)

    with Hostile(script) as server:
        ended = posted(server, [b"x"] * 3, senders=1)

    assert [answer.resent for answer in ended] == [False, True, False]
    assert [answer.status for answer in ended] == [200] * 3
    assert server.requests == 4


def test_a_request_has_its_own_headers_or_the_clients():
    """Whatever the request before it had on the same connection."""
    given = [{"x-api-key": "a"}, {"x-api-key": "a"}, {"x-api-key": "b"}, None, {"x-api-key": "b"}]
    seen = []

    def script(exchange: Exchange) -> None:
        seen.append((exchange.headers.get("x-api-key"), exchange.headers.get("content-type")))
        echo(exchange)

    with Hostile(script) as server, HttpClient(server.api.url, HEADERS, Timeouts(), senders=1) as wire:
        for headers in given:
            wire.post(None, b"x", headers)
            while wire.in_flight:
                wire.responses(0.2)

    assert [key for key, _ in seen] == ["a", "a", "b", None, "b"]
    assert seen[3][1] == "application/json" != seen[2][1]


def test_the_timers_split_a_request():
    """They give the times of connection, first byte and last byte."""

    def script(exchange: Exchange) -> None:
        time.sleep(0.4)
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{")
        time.sleep(0.4)
        exchange.send(b"}")

    with Hostile(script) as server:
        [answer] = posted(server, [b"x"])

    assert 0 < answer.connect_s < 0.4 <= answer.first_byte_s < answer.total_s
    assert answer.total_s - answer.first_byte_s == pytest.approx(0.4, abs=0.3)


def test_a_request_times_out():
    """A response that never ends times out, though the server has the request."""
    with Hostile(Exchange.hang) as server:
        [answer] = posted(server, [b"x"], request_s=0.2)

    assert (answer.status, answer.sent, answer.code) == (0, True, 28)
    assert 0.2 <= answer.total_s < 10  # the server hangs for 30 s


def test_an_oversized_response_is_an_error(monkeypatch):
    """A server cannot fill the client's memory."""
    monkeypatch.setattr(http, "RESPONSE_MAX_BYTES", 10_000)
    with Hostile(lambda exchange: exchange.reply(200, b"x" * 1_000_000)) as server:
        [answer] = posted(server, [b"x"])

    assert answer.status == 0
    assert len(answer.body) < 100_000


def test_sent_tells_whether_the_server_may_have_the_request():
    """It is true on a reused connection that breaks, and false without a listener."""
    server = Hostile(echo)
    ended: list[Response] = []
    with HttpClient(server.api.url, HEADERS, Timeouts(), senders=1) as wire:
        for token in range(3):
            wire.post(token, b"x")
            while wire.in_flight:
                ended += wire.responses(0.2)
            if token == 0:
                server.stop()

    assert [answer.status for answer in ended] == [200, 0, 0]
    assert ended[2].code == 7
    assert not ended[2].sent


def test_close_drops_requests_under_way():
    """Closing does not wait for responses."""
    with Hostile(Exchange.hang) as server, HttpClient(server.api.url, HEADERS, Timeouts(), senders=2) as wire:
        wire.post("a", b"x")
        wire.post("b", b"x")
        wire.responses(0.1)
        assert sorted(wire.under_way()) == ["a", "b"]
        began_s = time.perf_counter()

    assert time.perf_counter() - began_s < 10


@pytest.mark.parametrize(("hard", "raised"), [(resource.RLIM_INFINITY, True), (5_000, True), (1_000, False)])
def test_the_limit_of_open_files_is_raised_as_far_as_allowed(monkeypatch, hard, raised):
    """A thousand senders need a thousand files; too low a limit is an error."""
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    if raised:
        HttpClient("http://127.0.0.1:9/", HEADERS, Timeouts(), senders=1_000).close()
    else:
        with pytest.raises(UsageError, match="need 1100 open files"):
            HttpClient("http://127.0.0.1:9/", HEADERS, Timeouts(), senders=1_000)

    assert asked == ([(1_100, hard)] if raised else [])
