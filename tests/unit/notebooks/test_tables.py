"""Tables of a notebook are in words: units in the heads, numbers for people, nothing cut or unknown."""

import math

import pandas as pd
from support import tables as frames
from support.written import written

from lambdist_lib.analysis import load_results
from lambdist_lib.measures import speedup
from lambdist_lib.notebooks import tables


def test_numbers_and_names_are_for_people():
    table = pd.DataFrame(
        {"arm": ["single_node"], "median_s": [1.38e-05], "n": [64.0], "low_s": [math.nan], "agrees": [True]}
    )

    words = tables.in_words(table)

    assert list(words.columns) == ["median, ms", "n", "low, s", "agrees"]
    assert words.loc["single node"].tolist() == ["0.0138", "64", "-", "yes"]


def test_a_ratio_is_a_verdict():
    """No column asks its reader to divide."""
    table = pd.DataFrame(
        {"time": ["until stored"], "ratio": [0.5], "low": [0.4], "high": [0.625], "arm_s": 4, "control_s": 2}
    )

    assert "the arm is" not in tables.in_words(table.drop(columns="arm_s"))  # such as cold over warm
    assert tables.in_words(table).loc["until stored", "the arm is"] == "2 times slower (1.6 to 2.5)"


def test_an_answer_is_shown_as_it_is():
    """A word keeps its underscore; what is missing is empty, whatever its column holds."""
    frame = pd.DataFrame({"result": [1.5, math.nan], "error": [math.nan, "dead: raise_me"]})

    assert tables.answers(frame).to_numpy().tolist() == [[1.5, ""], ["", "dead: raise_me"]]


def test_runs_are_one_row_per_arm():
    table = tables.by_arm(frames.runs(3))

    assert table.index.tolist() == ["single node", "distributed"] or set(table.index) == {
        "single node", "distributed",
    }  # fmt: skip
    assert "until stored, s" in table
    assert table["runs"].tolist() == ["3", "3"]
    assert "lost" not in table  # nothing was


def test_the_ledger_is_answered_before_its_table(tmp_path, capsys):
    runs = frames.runs(6).assign(submitted=40, stored=38, dead=2)
    results = load_results(written(tmp_path / "pairs", runs, dead=(3, 4), facts={}))

    table = tables.ledger(results)

    assert capsys.readouterr().out.startswith("Is every datapoint accounted for? Yes: 480 of 480 ")
    assert table.loc["distributed", "stored"] == "228"


def test_an_empty_table_says_none():
    """A table of column heads alone looks like an error."""
    words = tables.in_words(pd.DataFrame(columns=["cause", "dead", "took_s"]))

    assert words.index.tolist() == ["none"]
    assert words.loc["none"].tolist() == ["-", "-"]


def test_a_measure_that_the_runs_do_not_allow_says_why(capsys):
    """The notebook goes on to its conclusion."""
    runs = frames.runs(2)

    assert "the arm is" in tables.measured(speedup.table, runs)
    assert tables.measured(speedup.table, runs.assign(makespan_s=math.nan)) is None
    assert capsys.readouterr().out.startswith("not measured: ")


def test_shares_are_percentages_and_percentiles_have_names():
    """As in the report; a rate without an interval is a number per second."""
    table = pd.DataFrame({"arm": ["a"], "rate": [0.0323], "low": [0.0193], "high": [0.0534]})
    assert list(tables.in_words(table).iloc[0]) == ["3.23 %", "1.93 %", "5.34 %"]

    of_latency = pd.DataFrame({"arm": ["a", "b"], "percentile": [0.5, 0.99], "value_s": [2.0, math.nan]})
    words = tables.in_words(of_latency)
    assert list(words["percentile"]) == ["median", "99 %"]
    assert list(words["value, s"]) == ["2", "-"]

    plain = pd.DataFrame({"arm": ["a"], "rate": [0.5], "idle_share": [0.25]})
    assert list(tables.in_words(plain).iloc[0]) == ["0.5", "25 %"]


def test_a_bottleneck_has_its_plain_name():
    """As in plans and reports; a bottleneck that is words already stays."""
    table = pd.DataFrame({"datapoints": [10, 20], "limit": ["MaximumConcurrency", "senders"]})

    assert list(tables.in_words(table)["limit"]) == ["the processors allowed at once", "senders"]
