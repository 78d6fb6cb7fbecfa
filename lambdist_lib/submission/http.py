"""Many POSTs at once over one thread: bodies in, answers out, libcurl's timers beside each.

libcurl's `socket_action` on `selectors`: no event loop, so scripts, notebooks and signal
handlers see an ordinary blocking call. Connections are kept and used again. A kept one that
the server closed without a word of answer is replaced by libcurl itself, within the same POST.
"""

import selectors
import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import pycurl

from lambdist_lib.errors import UsageError

TIMERS = (
    pycurl.NAMELOOKUP_TIME,
    pycurl.CONNECT_TIME,
    pycurl.APPCONNECT_TIME,
    pycurl.STARTTRANSFER_TIME,
    pycurl.TOTAL_TIME,
)
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
INTEREST = {pycurl.POLL_IN: READ, pycurl.POLL_OUT: WRITE, pycurl.POLL_INOUT: READ | WRITE}
SELECT = {
    READ: pycurl.CSELECT_IN,
    WRITE: pycurl.CSELECT_OUT,
    READ | WRITE: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}
ANSWER_MAX_BYTES = 16 << 20  # a longer one ends as an error
EVENTS_AT_ONCE = 32  # sockets served before the answers so far are handed out: their senders wait for it
SPARE_FILES = 100  # of the process, beside one per sender
HOPELESS = (pycurl.E_URL_MALFORMAT, pycurl.E_PEER_FAILED_VERIFICATION)  # no waiting cures these


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Of one request: until connected, and in all."""

    connect_s: float = 5.0
    request_s: float = 60.0

    def __post_init__(self) -> None:
        for timeout_s in (self.connect_s, self.request_s):
            if not 0.001 <= timeout_s <= 1e6:  # libcurl takes whole milliseconds, and 0 for none at all
                raise UsageError(f"a timeout of {timeout_s} s is none; write seconds")


class Response(NamedTuple):
    """How one POST ended. `status` 0 means no answer: `error` says why, and `sent` whether
    the server may have taken the request all the same. `code` is libcurl's, 0 for none."""

    token: Any
    status: int
    body: bytes
    error: str
    sent: bool
    retry_after_s: float
    name_s: float
    connect_s: float
    tls_s: float
    first_byte_s: float
    total_s: float
    code: int = 0


class HttpClient:
    """Senders to one URL; each carries one POST at a time. Close it, or use it in a `with`.

    Raises:
        UsageError: This process may not open so many connections.
    """

    def __init__(self, url: str, headers: dict[str, str], timeouts: Timeouts, *, senders: int) -> None:
        _allow_files(senders + SPARE_FILES)
        self.in_flight = 0
        self._url, self._timeouts = url, timeouts
        self._headers = [f"{name}: {value}" for name, value in headers.items()] + ["Expect:"]
        self._idle: list[pycurl.Curl] = []
        self._busy: dict[pycurl.Curl, Any] = {}
        self._bodies: dict[pycurl.Curl, list[bytes]] = {}  # each sender's pieces of the answer under way
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, int] = {}
        self._events: list[tuple[int, int]] = []  # seen by the selector, not yet told to libcurl
        self._timer_due_s: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, senders)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, token: Any, body: bytes) -> None:
        """Send `body`; its answer comes out of `answers` with `token` on it."""
        curl = self._idle.pop() if self._idle else self._sender()
        curl.setopt(pycurl.POSTFIELDS, body)
        self._busy[curl] = token
        self._multi.add_handle(curl)
        self.in_flight += 1

    def answers(self, wait_s: float) -> list[Response]:
        """Some of what has ended; waits up to `wait_s` for something to happen."""
        if not self._events:
            if self._timer_due_s is not None:
                wait_s = min(wait_s, max(0.0, self._timer_due_s - time.perf_counter()))
            self._events = [(key.fd, SELECT[events]) for key, events in self._selector.select(wait_s)]
        now, self._events = self._events[:EVENTS_AT_ONCE], self._events[EVENTS_AT_ONCE:]
        for fd, events in now:
            if fd in self._watched:  # until then libcurl may have closed it
                self._multi.socket_action(fd, events)
        if self._timer_due_s is not None and time.perf_counter() >= self._timer_due_s:
            self._timer_due_s = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return self._ended()

    def under_way(self) -> list[Any]:
        """Tokens of the requests that have no answer yet."""
        return list(self._busy.values())

    def close(self) -> None:
        """Drop what is under way and every connection."""
        for curl in [*self._busy, *self._idle]:
            if curl in self._busy:
                self._multi.remove_handle(curl)
            curl.close()
        self._busy.clear()
        self._idle.clear()
        self._bodies.clear()
        self._multi.close()
        self._selector.close()

    def _sender(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        self._bodies[curl] = []
        curl.setopt(pycurl.WRITEFUNCTION, self._bodies[curl].append)
        curl.setopt(pycurl.URL, self._url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.MAXFILESIZE, ANSWER_MAX_BYTES)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.HTTPHEADER, self._headers)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "127.0.0.1,localhost,::1")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._timeouts.connect_s * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._timeouts.request_s * 1000))
        return curl

    def _watch(self, event: int, fd: int, multi: object, data: object) -> None:
        """libcurl's wish which sockets to watch."""
        before = self._watched.get(fd)
        if event == pycurl.POLL_REMOVE:
            if before is not None:
                self._selector.unregister(fd)
                del self._watched[fd]
            return
        wish = INTEREST[event]
        if before is None:
            self._selector.register(fd, wish)
        elif before != wish:
            self._selector.modify(fd, wish)
        self._watched[fd] = wish

    def _set_timer(self, timeout_ms: int) -> None:
        self._timer_due_s = None if timeout_ms < 0 else time.perf_counter() + timeout_ms / 1000

    def _ended(self) -> list[Response]:
        ended: list[Response] = []
        while True:
            queued, good, failed = self._multi.info_read()
            ended += [self._answer(curl, 0, "") for curl in good]
            ended += [self._answer(curl, code, f"{text} (libcurl {code})") for curl, code, text in failed]
            if not queued:
                return ended

    def _answer(self, curl: pycurl.Curl, code: int, error: str) -> Response:
        token, pieces = self._busy.pop(curl), self._bodies[curl]
        times_s = [curl.getinfo(timer) for timer in TIMERS]
        status = 0 if code else curl.getinfo(pycurl.RESPONSE_CODE)
        retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER)) if status in (429, 503) else 0.0
        sent = not code or curl.getinfo(pycurl.REQUEST_SIZE) > 0
        body = b"".join(pieces)
        pieces.clear()
        self._multi.remove_handle(curl)
        self.in_flight -= 1
        self._idle.append(curl)
        return Response._make((token, status, body, error, sent, retry_after_s, *times_s, code))


def _allow_files(wanted: int) -> None:
    """Raise this process's own bound of open files, as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UsageError(
            f"{wanted - SPARE_FILES} senders need {wanted} open files, this process may have {hard}; "
            f"take fewer chunks, or `ulimit -n {wanted}` as root"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
