"""The original client, where it gives up."""

import collections

from support.servers import Hostile, serving

from lambdist_lib.data import datapoints
from lambdist_lib.submission import original_client
from lambdist_lib.submission.receipts import SendOptions


def test_nothing_is_sent_after_the_deadline():
    """Each datapoint has one receipt: answered, given up under way, or not sent."""
    receipts = []
    points = datapoints.from_iterable([f"word-{n}" for n in range(12)])
    with Hostile(serving(12, 0.3)) as server:  # room for all: it frees a place only after its answer
        plan = SendOptions(chunks=2, deadline_s=1.0)
        counts = original_client.submit(points, server.api, plan, run_id="r", keep=receipts.extend)

    found = collections.Counter(receipt.verdict for receipt in receipts)
    assert sorted(receipt.n for receipt in receipts) == list(range(12))
    assert found["accepted"] >= 2
    assert found["refused"] >= 2
    assert counts.stopped == "the deadline of 1 s passed"
    assert {one.cause for one in receipts if one.verdict == "refused"} == {counts.stopped}
    assert counts.settled == 12


def test_a_reason_to_stop_ends_the_sending():
    """What is under way is awaited, the rest is not sent, and each datapoint has its receipt."""
    receipts = []
    points = datapoints.from_iterable([f"word-{n}" for n in range(200)])
    with Hostile(serving(200, 0.05)) as server:
        counts = original_client.submit(
            points,
            server.api,
            SendOptions(chunks=2),
            run_id="r",
            keep=receipts.extend,
            should_stop=lambda counts: "--stop-if-dead 2" if counts.accepted >= 4 else "",
        )

    found = collections.Counter(receipt.verdict for receipt in receipts)
    assert sorted(receipt.n for receipt in receipts) == list(range(200))
    assert 4 <= found["accepted"] < 200
    assert found["accepted"] + found["refused"] == 200
    assert {one.cause for one in receipts if one.verdict == "refused"} == {"--stop-if-dead 2"}
    assert counts.stopped == "--stop-if-dead 2"
