"""The client's receipts are true for any behaviour of the server."""

import collections
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sending import FAST, PASSING, points, require_coherent
from support.servers import Exchange, Hostile

from lambdist_lib.submission import client
from lambdist_lib.submission.http import Timeouts
from lambdist_lib.submission.receipts import Receipt, SendOptions


def accept_some(exchange: Exchange) -> None:
    """Accept every second datapoint and ask for the others again."""
    taken = exchange.ns[::2]
    exchange.server.take(taken)
    exchange.reply(200, {"accepted": taken, "rejected": [], "retry": exchange.ns[1::2]})


def take_and_lie(exchange: Exchange) -> None:
    """Accept, but respond like a proxy that gave up."""
    exchange.server.take(exchange.ns)
    exchange.reply(504, {"message": "Endpoint request timed out"})


def reject(exchange: Exchange) -> None:
    exchange.reply(200, {"accepted": [], "rejected": [{"n": n, "reason": "is odd"} for n in exchange.ns]})


BEHAVIOURS = {
    **PASSING,
    "accept": Exchange.accept,
    "accept some": accept_some,
    "taken and 504": take_and_lie,
    "reject": reject,
    "400": lambda exchange: exchange.reply(400, {"message": "Failed: no"}),
    "quota": lambda exchange: exchange.reply(429, {"message": "Limit Exceeded"}),
    "403": lambda exchange: exchange.reply(403, {"message": "Forbidden"}),
    "later": lambda exchange: exchange.reply(503, b"", retry_after="0"),
}
TAKING = {"accept", "accept some", "taken and 504", "taken and reset", "truncated"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.lists(st.sampled_from(sorted(BEHAVIOURS)), max_size=25),
    count=st.integers(1, 12),
    chunks=st.integers(1, 5),
    request_batch=st.integers(1, 4),
    tries=st.integers(1, 4),
    opening=st.integers(1, 5) | st.none(),
)
def test_the_receipts_are_true(script, count, chunks, request_batch, tries, opening):
    """Each datapoint has one final verdict, which agrees with the server or is unknown."""
    lock, left = threading.Lock(), collections.deque(script)

    def behave(exchange: Exchange) -> None:
        with lock:
            name = left.popleft() if left else "accept"
        BEHAVIOURS[name](exchange)

    receipts: list[Receipt] = []
    hangs = script.count("hang")  # without any, only a busy machine could make a request time out
    plan = SendOptions(
        **{**FAST, "timeouts": Timeouts(connect_s=30.0, request_s=0.15 if hangs else 30.0)},
        chunks=chunks,
        request_batch=request_batch,
        tries=tries,
        opening_senders=opening,
        stall_s=60.0,  # the script ends with acceptance
    )
    with Hostile(behave) as server:
        counts = client.submit(points(count), server.api, plan, run_id="r", keep=receipts.extend)

    require_coherent(counts, receipts, set(range(count)))
    verdicts = {receipt.n: receipt.verdict for receipt in receipts}
    taken = set(server.accepted)
    for n, verdict in verdicts.items():
        assert verdict != "accepted" or n in taken
        assert verdict not in ("refused", "rejected") or n not in taken
    late = collections.Counter(receipt.n for receipt in receipts if "timed out" in receipt.cause)
    assert all(receipt.tries - late[receipt.n] <= len(script) - hangs + 1 for receipt in receipts)
    assert all(receipt.senders <= chunks for receipt in receipts)
    if not set(script) - {"accept", "429", "503"}:
        assert counts.accepted == count


@pytest.mark.parametrize("name", sorted(TAKING))
def test_the_server_accepts_what_it_reports(name):
    """Otherwise the property would be vacuous."""
    with Hostile(BEHAVIOURS[name]) as server:
        plan = SendOptions(**FAST, chunks=1, tries=1)
        client.submit(points(1), server.api, plan, run_id="r", keep=lambda receipts: None)

    assert server.accepted
