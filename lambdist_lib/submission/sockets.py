"""Wait for the sockets that libcurl names.

libcurl drops a socket when its request ends and names it again for the next request over the same
connection. Interest and readiness are bits, libcurl's as well as those of `selectors`. `watch` is its
callback, twice per request: one function instead of three spares a fortieth of a request's CPU.
"""

import contextlib
import select
import selectors
import sys
from typing import Any, Generic, Protocol, TypeVar

EVENTS_AT_ONCE = 32  # sockets served before the responses so far are returned: their senders wait
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
NO_MORE = 4  # libcurl's POLL_REMOVE

Owner = TypeVar("Owner")


class Sockets(Protocol[Owner]):
    """Sockets that some request waits for, each with an owner."""

    def watch(self, owner: Owner, interest: int, fd: int, *_: object) -> None:
        """Wait for a socket, for something else of it, or for NO_MORE: it may be closed already."""

    def ready(self, wait_s: float) -> list[tuple[Owner, int, int]]:
        """Return owner, number and readiness of at most EVENTS_AT_ONCE; waits up to `wait_s` for one."""

    def close(self) -> None:
        """Forget all of them."""


class EpollSockets(Generic[Owner]):
    """On Linux: a socket stays registered between two requests, which halves the system calls."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[int, Owner]] = {}

    def watch(self, owner: Owner, interest: int, fd: int, *_: object) -> None:
        if interest == NO_MORE:
            self._watched.pop(fd, None)
            return
        events = (select.EPOLLIN if interest & READ else 0) | (select.EPOLLOUT if interest & WRITE else 0)
        try:  # always: a closed socket left the registry, and a new one may have its number
            self._epoll.modify(fd, events)
        except FileNotFoundError:
            self._epoll.register(fd, events)
        self._watched[fd] = interest, owner

    def ready(self, wait_s: float) -> list[tuple[Owner, int, int]]:
        ready = []
        for fd, events in self._epoll.poll(wait_s, EVENTS_AT_ONCE):
            if watched := self._watched.get(fd):
                interest, owner = watched
                # an error or a hang-up makes it ready for all that is waited for
                bits = (READ if events & ~select.EPOLLOUT else 0) | (WRITE if events & ~select.EPOLLIN else 0)
                ready.append((owner, fd, bits & interest))
            else:  # the server closed the connection between two requests
                with contextlib.suppress(OSError):
                    self._epoll.unregister(fd)
        return ready

    def close(self) -> None:
        self._epoll.close()


class SelectorSockets(Generic[Owner]):
    """On other systems: a socket is registered for each request."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ready: list[tuple[Owner, int, int]] = []  # not yet returned

    def watch(self, owner: Owner, interest: int, fd: int, *_: object) -> None:
        if interest == NO_MORE:
            with contextlib.suppress(KeyError):
                self._selector.unregister(fd)
        elif fd in self._selector.get_map():
            self._selector.modify(fd, interest, owner)
        else:
            self._selector.register(fd, interest, owner)

    def ready(self, wait_s: float) -> list[tuple[Owner, int, int]]:
        if not self._ready:
            self._ready = [(key.data, key.fd, events) for key, events in self._selector.select(wait_s)]
        now, self._ready = self._ready[:EVENTS_AT_ONCE], self._ready[EVENTS_AT_ONCE:]
        return now

    def close(self) -> None:
        self._selector.close()


def open_sockets() -> Sockets[Any]:
    """Return the quickest kind that this system has."""
    return EpollSockets() if sys.platform == "linux" else SelectorSockets()
