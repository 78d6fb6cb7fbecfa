"""Send many POSTs at once from one thread, with libcurl's timers for each response.

It runs libcurl's `socket_action` without an event loop: scripts, notebooks and signal handlers see
an ordinary blocking call. Connections are reused. If the server closed a reused one without a
response, libcurl sends the same POST again over a new one: the server may have processed it twice,
which `Response.resent` says.
"""

import functools
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import pycurl

from lambdist_lib.errors import UsageError
from lambdist_lib.submission.sockets import Sockets, open_sockets

TIMERS = (
    pycurl.NAMELOOKUP_TIME,
    pycurl.CONNECT_TIME,
    pycurl.APPCONNECT_TIME,
    pycurl.STARTTRANSFER_TIME,
    pycurl.TOTAL_TIME,
)
RESPONSE_MAX_BYTES = 16 << 20  # a longer one ends as an error
GROUP_SENDERS = 64  # for each request libcurl looks through the connections of its group
SPARE_FILES = 100  # of the process, beside one per sender
PERMANENT_CODES = (pycurl.E_URL_MALFORMAT, pycurl.E_PEER_FAILED_VERIFICATION)  # a retry cannot help


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Timeouts of one request in seconds: to connect, and in total."""

    connect_s: float = 5.0
    request_s: float = 60.0

    def __post_init__(self) -> None:
        for timeout_s in (self.connect_s, self.request_s):
            if not 0.001 <= timeout_s <= 1e6:  # libcurl takes whole milliseconds, and 0 for none at all
                raise UsageError(f"timeout is {timeout_s} s; it must be between 0.001 and 1,000,000 s")


class Response(NamedTuple):
    """The end of one POST.

    status: 0 without a response; then `error` is the reason, and `sent` whether the server may
        have received the request. The `error` of a 3xx is where it leads.
    code: libcurl's error code, 0 without an error.
    resent: The server closed the reused connection without a response and may have processed
        the request; this response is to the second copy.
    """

    token: Any
    status: int
    body: bytes
    error: str
    sent: bool
    retry_after_s: float = 0.0
    name_s: float = 0.0
    connect_s: float = 0.0
    tls_s: float = 0.0
    first_byte_s: float = 0.0
    total_s: float = 0.0
    code: int = 0
    resent: bool = False


@dataclass(slots=True)
class _Sender:
    """What libcurl tells of a sender's request, and the headers that it sends.

    group: Of senders that share connections. pieces: Of the response's body.
    copies: How often libcurl has sent the request.
    """

    group: pycurl.CurlMulti
    pieces: list[bytes] = field(default_factory=list)
    copies: int = 0
    headers: dict[str, str] | None = None

    def count_copy(self, *_: object) -> int:
        """Note that libcurl is about to send the request over some connection."""
        self.copies += 1
        return 0  # libcurl's CURL_PREREQFUNC_OK


class HttpClient:
    """Senders to one URL, each with one POST at a time; close it or use it in a `with`.

    Raises:
        UsageError: This process may not open so many connections.
    """

    def __init__(self, url: str, headers: dict[str, str], timeouts: Timeouts, *, senders: int) -> None:
        _allow_files(senders + SPARE_FILES)
        self.in_flight = 0
        self._url, self._timeouts = url, timeouts
        self._headers = headers
        self._idle: list[pycurl.Curl] = []
        self._busy: dict[pycurl.Curl, Any] = {}
        self._senders: dict[pycurl.Curl, _Sender] = {}
        self._sockets: Sockets[pycurl.CurlMulti] = open_sockets()
        self._groups = [self._open_group() for _ in range(0, senders, GROUP_SENDERS)]
        self._due_s = dict.fromkeys(self._groups, math.inf)  # when a group's timer goes off
        self._touched: set[pycurl.CurlMulti] = set()  # groups whose timers may have changed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, token: Any, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send `body`; `responses` returns its response with the `token`.

        Args:
            headers: Of this request; by default the client's.
        """
        curl = self._idle.pop() if self._idle else self._open()
        sender, wanted = self._senders[curl], self._headers if headers is None else headers
        if sender.headers != wanted:  # libcurl copies each line
            curl.setopt(pycurl.HTTPHEADER, _header_lines(wanted))
            sender.headers = wanted
        curl.setopt(pycurl.POSTFIELDS, body)
        self._busy[curl] = token
        sender.group.add_handle(curl)
        self._due_s[sender.group] = 0.0  # libcurl begins it with the group's timer
        self.in_flight += 1

    def responses(self, wait_s: float) -> list[Response]:
        """Return responses that have arrived; waits up to `wait_s` for the first."""
        ended = self._ended(self._run_timers())
        now_s = time.perf_counter()
        for group in self._touched:
            timeout_ms = group.timeout()
            self._due_s[group] = now_s + timeout_ms / 1000 if timeout_ms >= 0 else math.inf
        self._touched.clear()
        next_s = 0.0 if ended else max(0.0, min(self._due_s.values()) - now_s)
        for group, fd, events in self._sockets.ready(min(wait_s, next_s)):
            group.socket_action(fd, events)
            self._touched.add(group)
        return ended + self._ended(self._touched)

    def under_way(self) -> list[Any]:
        """Return the tokens of the requests without a response."""
        return list(self._busy.values())

    def close(self) -> None:
        """Drop all requests and connections."""
        for curl in [*self._busy, *self._idle]:
            if curl in self._busy:
                self._senders[curl].group.remove_handle(curl)
            curl.close()
        self._busy.clear()
        self._idle.clear()
        self._senders.clear()
        for group in self._groups:
            group.close()
        self._sockets.close()

    def _open_group(self) -> pycurl.CurlMulti:
        group = pycurl.CurlMulti()
        group.setopt(pycurl.M_MAXCONNECTS, GROUP_SENDERS)
        group.setopt(pycurl.M_SOCKETFUNCTION, functools.partial(self._sockets.watch, group))
        return group

    def _open(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        sender = self._senders[curl] = _Sender(self._groups[len(self._senders) % len(self._groups)])
        curl.setopt(pycurl.WRITEFUNCTION, sender.pieces.append)
        curl.setopt(pycurl.PREREQFUNCTION, sender.count_copy)
        curl.setopt(pycurl.URL, self._url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.MAXFILESIZE, RESPONSE_MAX_BYTES)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "127.0.0.1,localhost,::1")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._timeouts.connect_s * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._timeouts.request_s * 1000))
        return curl

    def _run_timers(self) -> list[pycurl.CurlMulti]:
        """Let libcurl do what is due, such as to begin requests; return the groups that it concerns."""
        now_s = time.perf_counter()
        due = [group for group, due_s in self._due_s.items() if due_s <= now_s]
        for group in due:
            group.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._touched.update(due)
        return due

    def _ended(self, groups: Iterable[pycurl.CurlMulti]) -> list[Response]:
        ended: list[Response] = []
        for group in groups:
            queued = 1
            while queued:
                queued, good, failed = group.info_read()
                ended += [self._response(curl, 0, "") for curl in good]
                ended += [
                    self._response(curl, code, f"{text} (libcurl {code})") for curl, code, text in failed
                ]
        return ended

    def _response(self, curl: pycurl.Curl, code: int, error: str) -> Response:
        token, sender = self._busy.pop(curl), self._senders[curl]
        times_s = list(map(curl.getinfo, TIMERS))
        status = 0 if code else curl.getinfo(pycurl.RESPONSE_CODE)
        retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER)) if status in (429, 503) else 0.0
        if 300 <= status < 400:  # not followed: a redirected POST may arrive as a GET
            error = f"it redirects to {curl.getinfo(pycurl.REDIRECT_URL) or 'nowhere'}"
        sent = not code or curl.getinfo(pycurl.REQUEST_SIZE) > 0
        body, resent = b"".join(sender.pieces), sender.copies > 1
        sender.pieces.clear()
        sender.copies = 0
        sender.group.remove_handle(curl)
        self.in_flight -= 1
        self._idle.append(curl)
        return Response._make((token, status, body, error, sent, retry_after_s, *times_s, code, resent))


def _header_lines(headers: dict[str, str]) -> list[str]:
    """Return libcurl's header lines; `Expect:` would hold back each body until the server agrees."""
    return [f"{name}: {value}" for name, value in headers.items()] + ["Expect:"]


def _allow_files(wanted: int) -> None:
    """Raise this process's limit of open files as far as the system allows."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UsageError(
            f"{wanted - SPARE_FILES} senders need {wanted} open files, but this process may open {hard}: "
            f"use fewer chunks, or run `ulimit -n {wanted}` as root"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
