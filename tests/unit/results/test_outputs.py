"""Write and read a run's outputs."""

import json

import pandas as pd
import pytest

from lambdist_lib.data.datapoints import Line
from lambdist_lib.errors import RunError
from lambdist_lib.results import outputs


def test_answers_are_given_in_input_order(tmp_path):
    """Results as JSON, errors with the outcome; unicode as it is."""
    lines = [Line(0, "é"), Line(1, "bad\x00", "is bad"), Line(4, "x")]
    table = pd.DataFrame(
        {"n": [0, 1, 4], "outcome": ["stored", "rejected", "dead"], "cause": ["", "is bad", "ValueError: a"]}
    )
    found = {0: {"result": '{"length": 1}'}, 4: {}}

    with (tmp_path / "outputs.jsonl").open("w", encoding="utf-8") as file:
        outputs.write_outputs(file, lines, table, found)

    assert list(outputs.outputs(tmp_path)) == [
        {"n": 0, "data": "é", "result": {"length": 1}},
        {"n": 1, "data": "bad\x00", "error": "rejected: is bad"},
        {"n": 4, "data": "x", "error": "dead: ValueError: a"},
    ]
    assert "é" in (tmp_path / "outputs.jsonl").read_text(encoding="utf-8")


def test_answers_without_a_run_come_as_they_arrived(tmp_path):
    """The datapoint itself is on the item, since no file of ours has it."""
    found = [
        {"n": 9, "outcome": "stored", "result": "1", "data": "late", "received_at": 20.0},
        {"n": 3, "outcome": "dead", "cause": "why", "payload": "x", "dead_at": 15.0},
        {"n": 7, "outcome": "stored", "result": "2", "data": "early", "received_at": 10.0},
        {"n": 8, "attempts": [], "received_at": 30.0},
    ]

    outputs.write_adhoc_outputs(tmp_path / "outputs.jsonl", found)

    assert list(outputs.outputs(tmp_path)) == [
        {"n": 7, "data": "early", "result": 2},
        {"n": 3, "data": "x", "error": "dead: why"},
        {"n": 9, "data": "late", "result": 1},
        {"n": 8, "data": None, "error": "in_flight: "},
    ]


def test_a_run_without_answers_says_how_to_get_them(tmp_path):
    """Instead of an empty list, which would look like an empty file."""
    with pytest.raises(RunError, match=r"has no outputs yet: fetch them with `lambdist fetch"):
        list(outputs.outputs(tmp_path / "run-1"))


@pytest.mark.parametrize("depth", [300, 900, 100_000])
@pytest.mark.parametrize("broken", [False, True])
def test_a_result_that_cannot_be_read_is_an_error_of_its_own(tmp_path, depth, broken):
    """Such as one nested deeply, of a stack without a limit; the other answers are written."""
    deep = "[" * depth + ("" if broken else "]" * depth)
    found = {n: {"n": n, "outcome": "stored", "result": text} for n, text in enumerate(("1", deep, "[2]"))}
    table = pd.DataFrame({"n": list(found), "outcome": "stored", "cause": ""})
    with (tmp_path / "outputs.jsonl").open("w") as file:
        outputs.write_outputs(file, [Line(n, "x") for n in found], table, found)
    outputs.write_adhoc_outputs(tmp_path / "adhoc.jsonl", [{**item, "data": "x"} for item in found.values()])

    for name in ("outputs.jsonl", "adhoc.jsonl"):
        answers = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert [answer.get("result") for answer in answers] == [1, None, [2]]
        assert answers[1]["error"].startswith("stored: its result in the table cannot be read: ")
