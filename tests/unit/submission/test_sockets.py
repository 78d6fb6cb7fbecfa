"""Sockets: interest, readiness, and numbers that are used again."""

import itertools
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from lambdist_lib.submission.sockets import (
    EVENTS_AT_ONCE,
    NO_MORE,
    READ,
    WRITE,
    EpollSockets,
    SelectorSockets,
    Sockets,
)

KINDS = [SelectorSockets, *([EpollSockets] if sys.platform == "linux" else [])]


@pytest.fixture(params=KINDS)
def sockets(request: pytest.FixtureRequest) -> Iterator[Sockets[str]]:
    sockets: Sockets[str] = request.param()
    yield sockets
    sockets.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_socket_is_ready_for_what_is_waited_for(sockets, ends):
    """A socket that can be written is not ready to be read."""
    ours, theirs = ends
    sockets.watch("owner", READ, ours.fileno())
    assert sockets.ready(0) == []

    theirs.send(b"x")
    assert sockets.ready(1) == [("owner", ours.fileno(), READ)]

    sockets.watch("owner", READ | WRITE, ours.fileno())
    assert sockets.ready(1) == [("owner", ours.fileno(), READ | WRITE)]
    sockets.watch("owner", WRITE, ours.fileno())
    assert sockets.ready(1) == [("owner", ours.fileno(), WRITE)]


def test_a_forgotten_socket_is_not_ready_until_it_is_watched_again(sockets, ends):
    """The next request over the same connection hears of its response."""
    ours, theirs = ends
    sockets.watch("owner", READ, ours.fileno())
    sockets.watch("owner", NO_MORE, ours.fileno())
    theirs.send(b"x")
    assert sockets.ready(0) == []

    sockets.watch("owner", READ, ours.fileno())
    assert sockets.ready(1) == [("owner", ours.fileno(), READ)]


def test_a_hang_up_between_two_requests_wakes_nobody_for_long(sockets, ends):
    """A connection that the server closed must not keep the process busy."""
    ours, theirs = ends
    sockets.watch("owner", READ, ours.fileno())
    sockets.watch("owner", NO_MORE, ours.fileno())
    theirs.close()

    assert [sockets.ready(0), sockets.ready(0)] == [[], []]
    if isinstance(sockets, EpollSockets):  # the first call took it out of the registry
        assert sockets._epoll.poll(0) == []


def test_a_new_socket_with_the_number_of_a_closed_one_is_heard(sockets):
    """The system gives the lowest free number again, and forgets a closed socket."""
    first, other = socket.socketpair()
    fd = first.fileno()
    sockets.watch("first", READ, fd)
    sockets.watch("owner", NO_MORE, fd)
    first.close()
    other.close()

    reader, writer = os.pipe()
    os.dup2(reader, fd)
    try:
        sockets.watch("second", READ, fd)
        os.write(writer, b"x")
        assert sockets.ready(1) == [("second", fd, READ)]
    finally:
        for number in {reader, writer, fd}:
            os.close(number)


def test_a_closed_socket_can_be_forgotten(sockets):
    """libcurl closes a socket before or after it says so."""
    first, other = socket.socketpair()
    sockets.watch("owner", READ, first.fileno())
    fd = first.fileno()
    first.close()
    other.close()

    sockets.watch("owner", NO_MORE, fd)
    assert sockets.ready(0) == []


def test_each_of_many_ready_sockets_has_its_turn(sockets):
    """Some are returned at once, and the others next: no sender waits for a number below its own."""
    pairs = [socket.socketpair() for _ in range(2 * EVENTS_AT_ONCE + 1)]
    try:
        for ours, theirs in pairs:
            sockets.watch("owner", READ, ours.fileno())
            theirs.send(b"x")
        turns = [sockets.ready(1) for _ in range(3)]
    finally:
        numbers = {ours.fileno() for ours, _ in pairs}
        for end in itertools.chain(*pairs):
            end.close()

    assert max(map(len, turns)) == EVENTS_AT_ONCE
    assert {fd for turn in turns for _, fd, _ in turn} == numbers
