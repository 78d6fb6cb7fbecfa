"""Read a run's items from the table."""

from types import SimpleNamespace

from lambdist_lib.protocol.contract import SHARDS
from lambdist_lib.records import items as records_items


def test_values_of_dynamodb_become_pythons():
    """Whole numbers stay whole, lists and maps keep their shape."""
    item = {
        "S": {"S": "1"}, "whole": {"N": "-12"}, "part": {"N": "1790000000.123456"}, "cold": {"BOOL": True},
        "attempts": {"L": [{"M": {"at": {"S": "x"}}}]},
    }  # fmt: skip

    plain = {name: records_items.plain(value) for name, value in item.items()}

    assert plain == {
        "S": "1", "whole": -12, "part": 1790000000.123456, "cold": True, "attempts": [{"at": "x"}],
    }  # fmt: skip
    assert isinstance(plain["whole"], int)


class Shards:
    """Pages of two items of each shard, as the paginator gives them; an empty one of the last shard."""

    def paginate(self, **asked):
        shard = int(asked["ExpressionAttributeValues"][":key"]["S"].rpartition("#")[2])
        ns = range(shard, 50, SHARDS)
        for first in range(0, len(ns), 2):
            yield {"Items": [] if shard == SHARDS - 1 else [stored(n) for n in ns[first : first + 2]]}


def stored(n):
    attempts = {"L": [{"M": {"at": {"N": "1.5"}, "cause": {"S": "é"}}}]}
    return {"n": {"N": str(n)}, "outcome": {"S": "stored"}, "cold": {"BOOL": False}, "attempts": attempts}


def test_items_of_all_shards_come_by_n():
    """Page by page, as plain values; an empty page does not end its shard."""
    client = SimpleNamespace(get_paginator=lambda operation: Shards())
    target = SimpleNamespace(client=lambda service: client)

    items = list(records_items.items_in_order(target, SimpleNamespace(outputs={"TableName": "t"}), "run"))

    assert [item["n"] for item in items] == [n for n in range(50) if n % SHARDS != SHARDS - 1]
    assert items[7] == {
        "n": 7, "outcome": "stored", "cold": False, "attempts": [{"at": 1.5, "cause": "é"}],
    }  # fmt: skip
