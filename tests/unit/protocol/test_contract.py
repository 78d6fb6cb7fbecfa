"""What both sides of the wire agree on."""

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
    """Letters of any script, spaces, TAB, quotes, emoji: all that one line of text can hold."""
    assert contract.reason_against(text) is None


@pytest.mark.parametrize(
    "data", ["12.5", "-3", "2026-11-23", "two words", "é", r"C:\temp", '{"a": 1}', "👨‍👩‍👧", "\ufffe", " "]
)
def test_what_the_original_refused_is_taken(data):
    """Numbers, dates, phrases and JSON are data; the original refused one in nine of its own words."""
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
def test_what_is_no_datapoint_is_told_why(data, reason):
    """A reason names the fault and its place; it is never an exception."""
    assert contract.reason_against(data) == reason


def test_length_is_counted_in_characters():
    """1,024 emoji are as long as 1,024 letters."""
    assert contract.reason_against("👍" * 1024) is None
    assert contract.reason_against("👍" * 1025) == "has 1,025 characters, at most 1,024 are taken"
    assert contract.reason_against("👍" * 1025, max_chars=1025) is None


def test_a_pattern_holds_for_the_whole_datapoint():
    """A stricter pattern is matched from end to end; the original's let a final line end through."""
    assert contract.reason_against("abc", pattern=r"\w+") is None
    assert contract.reason_against("abc!", pattern=r"\w+") == r"does not match the pattern \w+"


@pytest.mark.parametrize(("value", "counts"), [(0, True), (2**53 - 1, True), (2**53, False), (-1, False)])
def test_a_number_of_a_datapoint_is_exact_everywhere(value, counts):
    """n is a number that JSON in any language, SQS and DynamoDB all keep."""
    assert contract.is_count(value) is counts


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, [1]])
def test_only_an_integer_numbers_a_datapoint(value):
    """True is an integer to Python, and 1.0 is one to JavaScript; neither is an n."""
    assert not contract.is_count(value)


@pytest.mark.parametrize(
    ("run_id", "valid"),
    [("a", True), ("adhoc-2026-11-23", True), ("x" * 40, True)]
    + [(bad, False) for bad in ("", "x" * 41, "A", "a_b", "a b", "a\n", "é", "a#1")],
)
def test_run_ids_are_plain(run_id, valid):
    """A run's name fits in a key, a folder and a URL."""
    assert bool(contract.RUN_ID.fullmatch(run_id)) is valid


# -- Results -------------------------------------------------------------------------------


@given(ANYTHING)
def test_any_json_result_is_stored_as_it_is(result):
    """What process() returned comes back as it was, or is refused because its text is not Unicode."""
    assert json.loads(contract.result_json(result)) == result


@pytest.mark.parametrize(
    "result",
    [math.nan, math.inf, {"x": [-math.inf]}, b"bytes", {1, 2}, object(), {(1, 2): 3}, "\ud800", 10**5000],
    ids=["nan", "inf", "nested", "bytes", "set", "object", "tuple key", "surrogate", "huge integer"],
)
def test_what_json_cannot_hold_is_hopeless(result):
    """A result that no retry can make storable is a permanent error with its reason."""
    with pytest.raises(PermanentError, match=r"process\(\) returned what JSON cannot hold"):
        contract.result_json(result)


def test_an_endless_result_is_hopeless():
    """A list that holds itself does not take the Lambda with it."""
    result = []
    result.append(result)
    deep = []
    for _ in range(100_000):
        deep = [deep]

    for endless in (result, deep):
        with pytest.raises(PermanentError, match="JSON cannot hold"):
            contract.result_json(endless)


def test_a_result_is_measured_in_bytes():
    """The limit is DynamoDB's, which counts UTF-8; one byte more is hopeless."""
    assert contract.result_json("é" * 149_999)
    with pytest.raises(PermanentError, match="300,002 bytes, at most 300,000 are stored"):
        contract.result_json("é" * 150_000)


# -- Keys, messages, log lines -------------------------------------------------------------


def test_every_item_is_in_one_of_the_runs_shards():
    """Reading all shards of a run finds every datapoint, and shards share the load evenly."""
    keys = [contract.shard_key("run", n) for n in range(1600)]

    assert sorted(set(keys)) == sorted(contract.shard_keys("run"))
    assert {keys.count(key) for key in contract.shard_keys("run")} == {100}


@given(PRINTABLE)
def test_a_message_is_ascii_and_keeps_its_datapoint(text):
    """SQS refuses some characters that a datapoint may have, so none is sent bare."""
    datapoint = Datapoint(run_id="run", n=7, data=text, work="io:1ms", fault="raise:0.5", received_at=1.5)

    body = contract.message_body(datapoint, collector={"request_id": "c"})

    assert body.isascii()
    fields = json.loads(body)
    assert fields.pop("collector") == {"request_id": "c"}
    assert Datapoint(**fields) == datapoint


def test_the_key_travels_beside_the_body():
    """A body that cannot be parsed still says whose datapoint it was."""
    attributes = contract.message_attributes(Datapoint(run_id="run", n=7, data="x"))

    assert attributes == {
        "run_id": {"DataType": "String", "StringValue": "run"},
        "n": {"DataType": "Number", "StringValue": "7"},
    }


@given(st.text(), ANYTHING)
def test_a_log_line_is_one_line_of_json(event, value):
    """Whatever is logged can be read back: the original's lines broke on a quote."""
    line = contract.log_line(event, value=value)

    assert "\n" not in line
    assert json.loads(line) == {"event": event, "value": value}


def test_a_log_line_takes_what_json_does_not():
    """An exception in a field does not lose the line."""
    assert json.loads(contract.log_line("x", error=ValueError("no"))) == {"event": "x", "error": "no"}


def test_what_ships_in_every_zip_needs_the_standard_library_only():
    """The cold start that we measure does not pay for pandas."""
    command = (
        "import sys, lambdist_lib.protocol.contract, lambdist_lib.protocol.faults, lambdist_lib.errors; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    )

    done = subprocess.run([sys.executable, "-S", "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout == "['__main__', 'lambdist_lib']\n"
