"""The protocol of client and Lambdas: validity, keys, messages and log lines."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.protocol import contract
from lambdist_lib.protocol.contract import Datapoint, PermanentError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
PRINTABLE = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]) | st.just("\t"), min_size=1, max_size=1024
)


# -- The datapoint rule --------------------------------------------------------------------


@given(PRINTABLE)
def test_any_line_of_printable_text_is_a_datapoint(text):
    """Letters of any script, spaces, TAB, quotes and emoji are valid."""
    assert contract.reason_against(text) is None


@pytest.mark.parametrize(
    "data", ["12.5", "-3", "2026-11-23", "two words", "é", r"C:\temp", '{"a": 1}', "👨‍👩‍👧", "\ufffe", " "]
)
def test_data_that_the_original_rejected_is_valid(data):
    """Numbers, dates, phrases and JSON are valid; the original rejected one in nine of its own words."""
    assert contract.reason_against(data) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "is NoneType, not a string"),
        (5, "is int, not a string"),
        (True, "is bool, not a string"),
        (["a"], "is list, not a string"),
        ("", "is empty"),
        ("a\n", "has the unprintable character U+000A at 1"),
        ("a\rb", "has the unprintable character U+000D at 1"),
        ("\x00", "has the unprintable character U+0000 at 0"),
        ("a\x7f", "has the unprintable character U+007F at 1"),
        ("\x85", "has the unprintable character U+0085 at 0"),
        ("\u2028", "has the unprintable character U+2028 at 0"),
        ("\ud83d", "has the unprintable character U+D83D at 0"),
        ("x" * 1025, "has 1,025 characters, at most 1,024 are taken"),
    ],
)
def test_an_invalid_datapoint_has_a_reason(data, reason):
    """The reason names the error and its position; no exception is raised."""
    assert contract.reason_against(data) == reason


def test_length_is_counted_in_characters():
    """1,024 emoji are as long as 1,024 letters."""
    assert contract.reason_against("👍" * 1024) is None
    assert contract.reason_against("👍" * 1025) == "has 1,025 characters, at most 1,024 are taken"
    assert contract.reason_against("👍" * 1025, max_chars=1025) is None


def test_a_pattern_must_match_the_whole_datapoint():
    """The original's pattern accepted a final line end."""
    assert contract.reason_against("abc", pattern=r"\w+") is None
    assert contract.reason_against("abc!", pattern=r"\w+") == r"does not match the pattern \w+"


@pytest.mark.parametrize(("value", "counts"), [(0, True), (2**53 - 1, True), (2**53, False), (-1, False)])
def test_n_is_exact_in_json_and_dynamodb(value, counts):
    """JSON in any language, SQS and DynamoDB represent n exactly."""
    assert contract.is_count(value) is counts


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, [1]])
def test_only_an_integer_is_a_valid_n(value):
    """True is an integer in Python and 1.0 in JavaScript; neither is a valid n."""
    assert not contract.is_count(value)


@pytest.mark.parametrize(
    ("run_id", "valid"),
    [("a", True), ("adhoc-2026-11-23", True), ("x" * 40, True)]
    + [(bad, False) for bad in ("", "x" * 41, "A", "a_b", "a b", "a\n", "é", "a#1")],
)
def test_a_run_id_is_restricted_to_plain_characters(run_id, valid):
    """A run id fits a key, a folder name and a URL."""
    assert bool(contract.RUN_ID.fullmatch(run_id)) is valid


# -- Results -------------------------------------------------------------------------------


@given(ANYTHING)
def test_any_json_result_round_trips(result):
    """A result of process() is read back unchanged, or rejected because its text is not Unicode."""
    assert json.loads(contract.result_json(result)) == result


@pytest.mark.parametrize(
    "result",
    [math.nan, math.inf, {"x": [-math.inf]}, b"bytes", {1, 2}, object(), {(1, 2): 3}, "\ud800", 10**5000],
    ids=["nan", "inf", "nested", "bytes", "set", "object", "tuple key", "surrogate", "huge integer"],
)
def test_a_result_outside_json_is_a_permanent_error(result):
    """A retry cannot make it storable; the error has the reason."""
    with pytest.raises(PermanentError, match=r"process\(\) returned what JSON cannot hold"):
        contract.result_json(result)


def test_a_recursive_result_is_a_permanent_error():
    """A list that contains itself does not crash the Lambda."""
    result = []
    result.append(result)
    deep = []
    for _ in range(100_000):
        deep = [deep]

    for endless in (result, deep):
        with pytest.raises(PermanentError, match="more than 200 deep in each other"):
            contract.result_json(endless)


def test_a_result_is_only_as_deep_as_its_readers_allow():
    """A Lambda with a small stack encodes what a client inside a notebook cannot decode."""
    deep = 1
    for _ in range(contract.RESULT_MAX_DEPTH):
        deep = {"a": deep}

    assert contract.result_json(deep)
    with pytest.raises(PermanentError):
        contract.result_json([deep])


def test_a_result_that_grows_without_end_is_refused_at_once():
    """A list of itself twice, and that 100 times, would be 2**100 values."""
    result = []
    for _ in range(100):
        result = [result, result]

    with pytest.raises(PermanentError, match="values or more, at most 300,000 bytes are stored"):
        contract.result_json(result)


@pytest.mark.parametrize(
    ("result", "key"),
    [
        ({1: 0, "1": 0}, '"1"'),
        ({None: 0, "null": 0}, '"null"'),
        ({True: 0, "true": 0}, '"true"'),
        ([{"a": {1.5: 0, "1.5": 0}}], '"1.5"'),
    ],
    ids=str,
)
def test_keys_that_json_would_merge_are_refused(result, key):
    """One of the two values would be lost without a word."""
    with pytest.raises(PermanentError, match=f"two keys that JSON writes as {key}"):
        contract.result_json(result)
    assert contract.result_json({1: 0, "2": 0}) == '{"1": 0, "2": 0}'


def test_a_result_is_measured_in_bytes():
    """DynamoDB's limit counts UTF-8; one byte more is a permanent error."""
    assert contract.result_json("é" * 149_999)
    with pytest.raises(PermanentError, match="300,002 bytes, at most 300,000 are stored"):
        contract.result_json("é" * 150_000)


# -- Keys, messages, log lines -------------------------------------------------------------


def test_every_item_is_in_one_of_the_runs_shards():
    """The shards of a run have every datapoint, evenly."""
    keys = [contract.shard_key("run", n) for n in range(1600)]

    assert sorted(set(keys)) == sorted(contract.shard_keys("run"))
    assert {keys.count(key) for key in contract.shard_keys("run")} == {100}


@given(PRINTABLE)
def test_a_message_is_ascii_and_round_trips(text):
    """SQS rejects some characters of datapoints, so all are escaped."""
    datapoint = Datapoint(run_id="run", n=7, data=text, work="io:1ms", fault="raise:0.5", received_at=1.5)

    body = contract.message_body(datapoint, collector={"request_id": "c"})

    assert body.isascii()
    fields = json.loads(body)
    assert fields.pop("collector") == {"request_id": "c"}
    assert Datapoint(**fields) == datapoint


def test_the_attributes_have_the_key():
    """A malformed body still has its key and its digest in the attributes."""
    attributes = contract.message_attributes(Datapoint(run_id="run", n=7, data="x"))

    assert attributes == {
        "digest": {"DataType": "String", "StringValue": contract.data_digest("x")},
        "run_id": {"DataType": "String", "StringValue": "run"},
        "n": {"DataType": "Number", "StringValue": "7"},
    }


@given(st.text(), ANYTHING)
def test_a_log_line_is_one_line_of_json(event, value):
    """Any value can be read back; the original's lines broke on a quote."""
    line = contract.log_line(event, value=value)

    assert "\n" not in line
    assert json.loads(line) == {"event": event, "value": value}


def test_a_log_line_converts_values_outside_json():
    """An exception in a field is logged as text."""
    assert json.loads(contract.log_line("x", error=ValueError("no"))) == {"event": "x", "error": "no"}


def test_the_shipped_modules_need_the_standard_library_only():
    """A cold start does not import pandas."""
    command = (
        "import sys, lambdist_lib.protocol.contract, lambdist_lib.protocol.faults, lambdist_lib.errors; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    )

    done = subprocess.run([sys.executable, "-S", "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout == "['__main__', 'lambdist_lib']\n"
