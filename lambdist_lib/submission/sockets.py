"""Wait for the sockets that libcurl names.

libcurl drops a socket when its request ends and names it again for the next request over the same
connection. Interest and readiness are bits, libcurl's as well as those of `selectors`.
"""

import contextlib
import select
import selectors
import sys
from typing import Any, Generic, Protocol, TypeVar

EVENTS_AT_ONCE = 32  # sockets served before the responses so far are returned: their senders wait
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Owner = TypeVar("Owner")


class Sockets(Protocol[Owner]):
    """Sockets that some request waits for, each with an owner."""

    def watch(self, fd: int, interest: int, owner: Owner) -> None:
        """Wait for a socket from now on, or for something else of it."""

    def forget(self, fd: int) -> None:
        """Wait for this socket no more; it may be closed already."""

    def ready(self, wait_s: float) -> list[tuple[Owner, int, int]]:
        """Return owner, number and readiness of sockets; waits up to `wait_s` for the first."""

    def close(self) -> None:
        """Forget all of them."""


class EpollSockets(Generic[Owner]):
    """On Linux: a socket stays registered between two requests, which halves the system calls."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[int, Owner]] = {}

    def watch(self, fd: int, interest: int, owner: Owner) -> None:
        events = (select.EPOLLIN if interest & READ else 0) | (select.EPOLLOUT if interest & WRITE else 0)
        try:  # always: a closed socket left the registry, and a new one may have its number
            self._epoll.modify(fd, events)
        except FileNotFoundError:
            self._epoll.register(fd, events)
        self._watched[fd] = interest, owner

    def forget(self, fd: int) -> None:
        self._watched.pop(fd, None)

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

    def watch(self, fd: int, interest: int, owner: Owner) -> None:
        if fd in self._selector.get_map():
            self._selector.modify(fd, interest, owner)
        else:
            self._selector.register(fd, interest, owner)

    def forget(self, fd: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def ready(self, wait_s: float) -> list[tuple[Owner, int, int]]:
        return [(key.data, key.fd, ready) for key, ready in self._selector.select(wait_s)]

    def close(self) -> None:
        self._selector.close()


def open_sockets() -> Sockets[Any]:
    """Return the quickest kind that this system has."""
    return EpollSockets() if sys.platform == "linux" else SelectorSockets()
