"""Write and read a run's outputs."""

import json

import pandas as pd
import pytest

from lambdist_lib.data import tables
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


ANSWERS = [
    {"n": 0, "data": {"n": "7", "data_n": "x", "a": "b"}, "result": {"n": 1, "a": 2, "result_a": 3}},
    {"n": 1, "data": {"n": "8", "data_n": "y", "error": "mine"}, "error": "dead: why"},
]
COLUMNS = [
    "n", "data_data_n", "data_n", "a", "data_error", "result_n", "result_result_a", "result_a", "error",
]  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_a_table_of_answers_can_be_sent_again(tmp_path, format):
    """Whatever the input's columns and the result's keys are called, no two columns are called alike."""
    path = tmp_path / f"answers.{format}"
    with path.open("w", encoding="utf-8", newline="") as file:
        outputs.print_table(ANSWERS, format, file)

    rows = list(tables.rows(path))

    assert list(rows[0]) == COLUMNS
    assert [row["n"] for row in rows] == ["0", "1"]
    assert [row["data_data_n"] for row in rows] == ["7", "8"]
    assert [row["data_n"] for row in rows] == ["x", "y"]
    assert (rows[0]["a"], float(rows[0]["result_result_a"]), float(rows[0]["result_a"])) == ("b", 2, 3)
    assert (rows[1]["data_error"], rows[1]["error"]) == ("mine", "dead: why")


def test_an_input_keeps_its_names_where_they_are_free():
    """Without a name that is taken, the table has the input's columns and the result's."""
    answers = [{"n": 0, "data": {"name": "ada"}, "result": {"length": 3, "name": "Ada"}}]

    assert list(outputs.frame(answers)) == ["name", "length", "result_name"]
