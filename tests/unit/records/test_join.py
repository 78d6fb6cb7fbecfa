"""Join receipts and items to one record per datapoint."""

import math

import pytest
from support.joined import STORED, joined, receipt

from lambdist_lib.results import schema

FAILED = {"n": 0, "attempts": [{"cause": "ValueError: a"}, {"cause": "ValueError: b"}]}


@pytest.mark.parametrize(
    ("receipts", "items", "options", "expected"),
    [
        ([receipt("accepted")], [STORED], {}, ("stored", "")),
        ([receipt("unknown")], [STORED], {}, ("stored", "")),  # the table decides
        ([], [STORED], {}, ("stored", "")),  # a journal's tail that a crash took
        ([receipt("accepted")], [{**FAILED, "outcome": "dead"}], {}, ("dead", "ValueError: b")),
        ([receipt("accepted")], [{"n": 0, "outcome": "dead", "cause": "why"}], {}, ("dead", "why")),
        ([receipt("accepted")], [{"n": 0, "outcome": "dead"}], {}, ("dead", "no trace")),
        ([receipt("rejected", cause="is bad")], [], {}, ("rejected", "is bad")),
        ([receipt("refused", cause="HTTP 429")], [], {}, ("unsent", "HTTP 429")),
        ([], [], {}, ("unsent", "never sent")),
        ([receipt("accepted")], [], {"queued": 3}, ("in_flight", "still queued")),
        ([receipt("unknown")], [FAILED], {"queued": 1}, ("in_flight", "still queued")),
        ([receipt("accepted")], [FAILED], {}, ("lost", "accepted, but neither queued nor in the table")),
        ([receipt("unknown")], [], {}, ("lost", "accepted, but neither queued nor in the table")),
        (
            [receipt("unknown", tries=5)], [FAILED], {"arm": "single_node"},
            ("dead", "client: gave up after 5 tries: ValueError: b"),
        ),
        (  # its process died each time: no trace, but an answer that tells that the invocation has ended
            [receipt("unknown", tries=5, status=502, cause="HTTP 502: died")], [], {"arm": "single_node"},
            ("dead", "client: gave up after 5 tries: HTTP 502: died"),
        ),
    ],
)  # fmt: skip
def test_every_datapoint_has_one_place_in_the_ledger(receipts, items, options, expected):
    """The table says what happened; the client's verdict and the queue decide where it is silent."""
    [row] = joined(receipts, items, **options).to_dict("records")

    assert (row["outcome"], row["cause"]) == expected


def test_rows_are_in_input_order_with_every_column():
    """Answers came in another order, one datapoint has neither receipt nor item."""
    table = joined([receipt("accepted", 2), receipt("accepted", 0)], [{**STORED, "n": 2}, STORED], lines=3)

    assert list(table.columns) == list(schema.RECORDS)
    assert list(table["n"]) == [0, 1, 2]
    assert list(table["outcome"]) == ["stored", "unsent", "stored"]
    assert math.isnan(table["put_at"][1])


def test_the_last_receipt_and_the_items_history_count():
    """Of several tries the last one's facts; of the attempts all causes, oldest first."""
    tries = [receipt("retry", tries=1, status=503), receipt("accepted", tries=2, status=200)]

    [row] = joined(tries, [{**STORED, **FAILED, "receives": 3, "duplicates": 1}]).to_dict("records")

    assert (row["tries"], row["status"], row["receives"]) == (2, 200, 3)
    assert (row["failures"], row["failure_causes"]) == (2, "ValueError: a | ValueError: b")
    assert row["duplicates"] == 1
