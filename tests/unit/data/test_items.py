"""Python objects as datapoints: what arrives is equal to what was sent, or it is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.data import files, items
from lambdist_lib.errors import UsageError
from lambdist_lib.protocol import contract

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda part: st.lists(part) | st.dictionaries(TEXT, part), max_leaves=20)


@given(JSON)
def test_an_item_comes_back_equal_and_of_the_same_types(item):
    """Any nesting of JSON's types is one line that the datapoint rule accepts, and nothing is lost."""
    data = items.encode(item)

    assert contract.reason_against(data, max_chars=10**9) is None
    assert repr(items.decode(data)) == repr(item)


@given(JSON)
def test_a_result_comes_back_equal(result):
    """What process() returned is read from the table as it was."""
    assert repr(json.loads(contract.result_json(result))) == repr(result)


@given(st.lists(JSON, min_size=1, max_size=8))
def test_a_file_of_items_has_one_line_for_each(tmp_path_factory, several):
    """Whatever the items hold, line n is item n: nothing is blank, split or rejected."""
    path = tmp_path_factory.mktemp("items") / "items.jsonl"

    assert items.write(several, path, max_chars=10**6) == len(several)

    points = files.read(path, max_chars=10**6)
    assert (points.submitted, points.rejected, points.blank) == (len(several), 0, 0)
    assert [repr(items.decode(line.data)) for line in points] == [repr(item) for item in several]


@pytest.mark.parametrize(
    "item",
    [
        (1, 2),
        {"a": {1}},
        {1: "a"},
        float("nan"),
        float("inf"),
        b"x",
        object(),
        "\ud800",
        pd.Timestamp(0),
        [(1,)],
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_json_would_change_is_refused(item):
    """A tuple would become a list and a key a string: neither is equal to what was sent."""
    with pytest.raises(UsageError):
        items.encode(item)


def test_a_refused_item_is_named_by_its_index(tmp_path):
    """The message says which item it is, and no file is left that looks complete."""
    with pytest.raises(UsageError, match="item 2 "):
        items.write(iter(["a", "b", (1, 2)]), tmp_path / "items.jsonl", max_chars=100)
    with pytest.raises(UsageError, match=r"item 1 .*max_chars"):
        items.write(["a", "b" * 99], tmp_path / "items.jsonl", max_chars=100)


def test_items_of_numpy_and_pandas_become_pythons():
    """A table gives a dict for each row and a column its values; what is missing is None."""
    table = pd.DataFrame({"name": ["a", None], "size": [1.5, float("nan")], "count": [1, 2]})

    assert items.encode(np.float64(1.5)) == "1.5"
    assert items.encode(np.int64(5)) == "5"
    assert items.encode(np.bool_(True)) == "true"
    rows = list(items.each(table))
    assert [items.decode(items.encode(row)) for row in rows] == [
        {"name": "a", "size": 1.5, "count": 1},
        {"name": None, "size": None, "count": 2},
    ]
    assert list(items.each(table["size"])) == [1.5, None]


@pytest.mark.parametrize("value", ["word", b"word", {"a": 1}, 5])
def test_one_value_is_not_a_collection_of_items(value):
    """A string would be sent letter by letter, and a dict by its keys."""
    with pytest.raises(UsageError):
        list(items.each(value))
