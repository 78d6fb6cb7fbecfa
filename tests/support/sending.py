"""Small submissions, and the invariants of each."""

import collections

from support.servers import Exchange

from lambdist_lib.data import datapoints
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import NOT_ACCEPTED, Receipt, SubmissionCounts

FAST = {"backoff_s": 0.01, "backoff_max_s": 0.05, "timeouts": Timeouts(connect_s=1.0, request_s=0.4)}


FINAL = {"accepted", "rejected", NOT_ACCEPTED, "unknown", "dead"}


def points(count: int) -> datapoints.Datapoints:
    return datapoints.from_iterable([f"word-{n}" for n in range(count)])


def require_coherent(counts: SubmissionCounts, receipts: list[Receipt], ns: set[int]) -> None:
    """Assert that each datapoint has one final verdict, its last, and that the counts agree."""
    last = {receipt.n: receipt for receipt in receipts}
    verdicts = collections.Counter(receipt.verdict for receipt in receipts)
    assert set(last) == ns
    assert sum(verdicts[verdict] for verdict in FINAL) == len(ns)
    assert {receipt.verdict for receipt in last.values()} <= FINAL
    fields = {name: "not_accepted" if name == NOT_ACCEPTED else name for name in FINAL}
    assert {name: verdicts[name] for name in FINAL} == {name: getattr(counts, fields[name]) for name in FINAL}
    assert verdicts["retry"] == counts.retries
    assert counts.settled == len(ns)
    assert counts.in_flight == 0


def truncate(exchange: Exchange) -> None:
    exchange.server.take(exchange.ns)
    exchange.send(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"accepted": [')
    exchange.close()


def take_and_reset(exchange: Exchange) -> None:
    exchange.server.take(exchange.ns)
    exchange.reset()


PASSING = {
    "reset": Exchange.reset,
    "taken and reset": take_and_reset,
    "closed": Exchange.close,
    "half-closed": lambda exchange: (exchange.half_close(), exchange.server.ended.wait(0.1)),
    "hang": Exchange.hang,
    "truncated": truncate,
    "not HTTP": lambda exchange: (exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n"), exchange.close()),
    "no JSON": lambda exchange: exchange.reply(200, b"<html>login</html>"),
    "deep JSON": lambda exchange: exchange.reply(200, b"[" * 100_000),
    "empty": lambda exchange: exchange.reply(200, b""),
    "an error in a 200": lambda exchange: exchange.reply(200, {"message": "Internal server error"}),
    "a list": lambda exchange: exchange.reply(200, [1, 2]),
    "accepted is text": lambda exchange: exchange.reply(200, {"accepted": "01"}),
    "accepted is true": lambda exchange: exchange.reply(200, {"accepted": [True, 1.0, None, {}]}),
    "accepted is another": lambda exchange: exchange.reply(200, {"accepted": [10**6, -1]}),
    "rejected without n": lambda exchange: exchange.reply(
        200, {"accepted": [], "rejected": [{}, 1, {"n": []}]}
    ),
    "facts of wrong types": lambda exchange: exchange.reply(
        503, {"accepted": [], "retry": exchange.ns, "invocation": 7, "received_at": "soon"}
    ),
    "429": lambda exchange: exchange.reply(429, {"message": "Too Many Requests"}),
    "503": lambda exchange: exchange.reply(503, {"message": "Service Unavailable"}),
    "502": lambda exchange: exchange.reply(502, {"message": "Internal server error"}),
}
