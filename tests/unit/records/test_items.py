"""Read a run's items from the table."""

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
