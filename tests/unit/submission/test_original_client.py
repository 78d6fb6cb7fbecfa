"""The original's way of sending, where it has to give up."""

import collections

from support.servers import Hostile, serving

from lambdist_lib.data import datapoints
from lambdist_lib.submission import original_client
from lambdist_lib.submission.receipts import SendOptions


def test_nothing_is_sent_after_the_deadline():
    """Each datapoint has one receipt: answered in time, given up under way, or never sent."""
    receipts = []
    points = datapoints.from_iterable([f"word-{n}" for n in range(12)])
    with Hostile(serving(12, 0.3)) as server:  # room for all: it frees a place only after its answer
        plan = SendOptions(chunks=2, deadline_s=1.0)
        tally = original_client.submit(points, server.api, plan, run_id="r", keep=receipts.extend)

    found = collections.Counter(receipt.verdict for receipt in receipts)
    assert sorted(receipt.n for receipt in receipts) == list(range(12))
    assert found["accepted"] >= 2
    assert found["refused"] >= 2
    assert tally.stopped == "the deadline of 1 s passed"
    assert {one.cause for one in receipts if one.verdict == "refused"} == {tally.stopped}
    assert tally.settled == 12
