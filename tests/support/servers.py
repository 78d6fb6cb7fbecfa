"""An HTTP server on loopback that misbehaves by a test's script.

def script(exchange):            called in the connection's thread, for every request
    exchange.accept()            ... or reset, hang, reply with anything

with Hostile(script) as server: submit(..., server.api)
"""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from lambdist_lib.cloud.api import Api, ApiKey

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: unsent bytes are dropped and the peer gets RST
HANG_S = 30.0  # longer than any test waits


@dataclass(slots=True)
class Exchange:
    """One request, and ways to answer it; `number` counts the server's requests from 0."""

    server: "Hostile"
    connection: socket.socket
    number: int
    at_s: float
    headers: dict[str, str]
    body: bytes
    keep: bool = True
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def ns(self) -> list[int]:
        return [point["n"] for point in self.content.get("datapoints", [])]

    def accept(self) -> None:
        """Respond like the collector, accepting all datapoints."""
        self.server.take(self.ns)
        self.reply(200, {"accepted": self.ns, "rejected": [], "retry": []})

    def reply(self, status: int, body: Any, **headers: str) -> None:
        """Send `body` as JSON, or unchanged if it is bytes; a header a_b is sent as a-b."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"content_length": str(len(content)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        self.send(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content)

    def send(self, raw: bytes) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            self.connection.sendall(raw)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        self.keep = False

    def half_close(self) -> None:
        """Close the sending side; the connection stays open for the client."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def hang(self) -> None:
        self.server.ended.wait(HANG_S)
        self.close()


Script = Callable[[Exchange], None]


class Hostile:
    """A server whose responses are the script's; `accepted` has every accepted datapoint, with repeats."""

    def __init__(self, script: Script = Exchange.accept, *, port: int = 0) -> None:
        self.script, self.ended = script, threading.Event()
        self.accepted: list[int] = []
        self.exchanges: list[Exchange] = []
        self.most_at_once = self.at_once = 0
        self._lock, self._threads = threading.Lock(), []
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self._start(self._listen)

    @property
    def api(self) -> Api:
        return Api(url=f"http://127.0.0.1:{self.port}/put", key=ApiKey("secret"))

    @property
    def requests(self) -> int:
        return len(self.exchanges)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take(self, ns: list[int]) -> None:
        with self._lock:
            self.accepted += ns

    def stop(self) -> None:
        """Stop like a killed process: every connection is reset."""
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            while exchange := self._read(connection, stream):
                self.script(exchange)
                with self._lock:
                    self.at_once -= 1
                if not exchange.keep:
                    break
        with self._lock:
            self._connections.discard(connection)

    def _read(self, connection: socket.socket, stream: Any) -> Exchange | None:
        """The next request of a connection, or None at its end."""
        if not stream.readline().startswith(b"POST"):
            return None
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers["content-length"]))
        with self._lock:
            exchange = Exchange(self, connection, len(self.exchanges), time.perf_counter(), headers, body)
            self.exchanges.append(exchange)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        with contextlib.suppress(ValueError):
            exchange.content = json.loads(body)
        return exchange


def serving(most: int, took_s: float) -> Script:
    """An account of limited concurrency: each request takes `took_s`, and those above `most` get 429."""
    room = threading.Semaphore(most)

    def script(exchange: Exchange) -> None:
        if not room.acquire(blocking=False):
            exchange.reply(429, {"message": "Too Many Requests"})
            return
        try:
            exchange.server.ended.wait(took_s)
            exchange.accept()
        finally:
            room.release()

    return script
