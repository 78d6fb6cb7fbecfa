"""Which way pays: a conclusion that is computed from the runs and the plan, and never written down."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdist_lib import load_results, paths
from lambdist_lib.formatting import label
from lambdist_lib.measures.ways import COLUMNS, fan_outs
from lambdist_lib.planner import arm_map
from lambdist_lib.planner.job import job_of
from lambdist_lib.planner.outlook import compares_ways
from lambdist_lib.planner.which_way import PREDICTED, WhichWay, in_words, which_way

JOB = arm_map.map_job(job_of(datapoints=100), processors=1000)
NO_MAP = pd.DataFrame(columns=arm_map.COLUMNS)


def table_of(rows):
    """A row per arm: its median here, its time and its cost on AWS; None for what is not known."""
    lines = []
    for arm, (here_s, aws_s, usd) in rows.items():
        ends = [aws_s * 0.99, aws_s * 1.01] if aws_s else [math.nan, math.nan]
        lines.append([arm, 6, here_s or math.nan, *[math.nan] * 5, "", here_s or math.nan, math.nan, math.nan,
                      aws_s or math.nan, *ends, "senders", usd or math.nan])  # fmt: skip
    return pd.DataFrame(lines, columns=[*COLUMNS, *PREDICTED])


def sizes_of(rows):
    """Rows of (times, arm, makespan_s, usd)."""
    lines = [[times, 100 * times, arm, seconds, "senders", usd] for times, arm, seconds, usd in rows]
    return pd.DataFrame(lines, columns=arm_map.SIZE_COLUMNS)


def ways_of(table, sizes=(), fastest="invoke", alike=(), note=""):
    sizes = sizes_of(sizes)
    return WhichWay(
        table=table, fastest=fastest, alike=list(alike), sizes=sizes, map=NO_MAP, job=JOB, note=note
    )


def test_the_conclusion_names_the_fastest_and_the_cheapest_and_what_changes():
    sizes = [(1, "invoke", 1.0, 2.0), (1, "queue_client", 2.0, 1.0),
             (10, "invoke", 9.0, 2.0), (10, "queue_client", 12.0, 1.0),
             (1000, "invoke", 900.0, 0.5), (1000, "queue_client", 300.0, 1.0)]  # fmt: skip
    table = table_of({"invoke": (0.3, 0.2, 2.0), "queue_client": (0.4, 0.5, 1.0)})

    text = ways_of(table, sizes).conclusion()

    for part in (
        "Of 2 ways measured here, invoke is the fastest: 0.3 s, median of 6 warm runs",
        "invoke is the fastest (0.2 s, bottleneck: senders); queue client is the cheapest: 1.00 USD",
        "with 20 senders and up to 1,000 processors, invoke is the fastest (1 s) and queue client the ",
        "at 10 times the size (1,000 datapoints) invoke stays the fastest (9 s, bottleneck: senders)",
        "at 1,000 times the size (100,000 datapoints) queue client becomes the fastest (5.0 min, ",
        "and invoke becomes the cheapest (0.5 USD per million).",
    ):
        assert part in text


def test_another_plan_gives_another_conclusion():
    """No name is written into the sentence."""
    table = table_of({"invoke": (0.4, 0.5, 1.0), "queue_client": (0.3, 0.2, 2.0)})

    text = ways_of(table, fastest="queue_client").conclusion()

    assert "queue client is the fastest: 0.3 s" in text
    assert "queue client is the fastest (0.2 s" in text and "invoke is the cheapest" in text


def test_ties_are_named():
    """Neither the runs nor the plan separates what they cannot."""
    table = table_of({"invoke": (0.3, 0.2, 2.0), "queue_client": (0.3, 0.201, 1.0)})
    sizes = [(1, "invoke", 1.0, 1.0), (1, "queue_client", 1.0, 1.0), (10, "queue_client", 1.0, 1.0)]

    text = ways_of(table, sizes, alike=["queue_client"]).conclusion()

    assert "queue client is not shown to be slower" in text
    assert "does not separate it from queue client" in text
    assert "(with queue client as good)" in text
    assert "queue client stays both the fastest" in text  # as good as before is no change


def test_a_way_that_cannot_do_a_size_is_named_with_the_reason():
    """It stands in the table of one size and not of the next, which would be a riddle."""
    sizes = [(1, "invoke", 1.0, 1.0), (1, "distributed_map", 8.0, 2.0), (1, "queue_client", 2.0, 2.0),
             (10, "invoke", 1.0, 1.0), (10, "distributed_map", 8.0, 2.0),
             (1000, "invoke", 1.0, 1.0)]  # fmt: skip
    names = ("invoke", "distributed_map", "queue_client")

    text = ways_of(table_of(dict.fromkeys(names, (0.3, 0.2, 2.0))), sizes).conclusion()

    assert "distributed map from 1,000 times the size on (at most 80,000 lines: raise request batch)" in text
    assert "queue client from 10 times the size on (not within its timeouts)" in text


def test_without_a_stored_datapoint_no_way_is_the_fastest():
    text = ways_of(table_of({"invoke": (None, None, None)}), fastest="").conclusion()

    assert text == "Here no way stored a datapoint in a warm run, so none is the fastest."


def test_without_a_calibration_the_reason_stands_there():
    text = ways_of(table_of({"invoke": (0.3, None, None)}), note="no run of the distributed arm").conclusion()

    assert text.endswith("AWS is not predicted: no run of the distributed arm.")


def test_a_finished_experiment_is_put_side_by_side():
    """Measured and predicted in one row per arm; the map and the sizes have the fan-outs that ran."""
    results = load_results(paths.root() / "results" / "reference")

    ways = which_way(results, processors=100)
    again = which_way(results, chunks=50, processors=100)

    assert list(ways.table["arm"]) == ["distributed", "single_node", "single_node_parallel"]
    assert set(ways.map["arm"]) <= {"distributed", "single_node_parallel"}
    assert set(ways.sizes["times"]) == {1, 10, 1000}
    assert set(ways.map["processors"]) == {100} and set(again.map["senders"]) == {50}
    assert set(ways.tables()) == {"ways", "ways_by_size", "arm_map"}
    assert not ways.in_words().map(lambda cell: "nan" in cell or "_" in cell).any(axis=None)


def test_runs_without_the_fan_out_calibrate_nothing():
    results = load_results(paths.root() / "results" / "reference")
    runs = results.runs[results.runs["arm"] != "distributed"]
    without = replace(results, run_folders=results.run_folders)
    object.__setattr__(without, "runs", runs)

    ways = which_way(without)

    assert ways.note and ways.sizes.empty and ways.map.empty
    assert ways.fastest == "single_node_parallel"


@pytest.mark.parametrize(
    ("arms", "answer"),
    [
        ({"distributed", "single_node"}, False),
        ({"distributed", "single_node", "single_node_parallel", "local_pool"}, False),
        ({"distributed", "single_node", "invoke"}, True),
        ({"distributed", "single_node_parallel"}, True),
        ({"invoke"}, False),
        ({"url"}, False),
    ],
)
def test_ways_are_compared_where_there_is_a_choice(arms, answer):
    """Not in the experiment of the fan-out and its control, nor in runs of one arm."""
    assert compares_ways(arms) is answer


NUMBERS = st.one_of(st.none(), st.floats(0.001, 1e6))
ROWS = st.dictionaries(st.sampled_from(fan_outs()), st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1)


@settings(max_examples=75, deadline=None)
@given(ROWS, st.data())
def test_any_conclusion_names_only_ways_that_it_knows(rows, data):
    """One way, ties, everything dead, nothing predicted: sentences without a hole in them."""
    known = [arm for arm, (here_s, _, _) in rows.items() if here_s]
    fastest = data.draw(st.sampled_from(known)) if known else ""
    rows = {arm: (here_s, aws_s, usd if aws_s else None) for arm, (here_s, aws_s, usd) in rows.items()}
    rows = {arm: (here_s, aws_s if usd else None, usd) for arm, (here_s, aws_s, usd) in rows.items()}
    sizes = [
        (times, arm, data.draw(st.sampled_from([1.0, 1.01, 500.0])), data.draw(st.sampled_from([1.0, 2.0])))
        for times in data.draw(st.sampled_from([(), (1,), (1, 10), (1, 10, 1000)]))
        for arm in data.draw(st.lists(st.sampled_from(sorted(rows)), min_size=1, unique=True))
    ]

    ways = ways_of(table_of(rows), sizes, fastest, [arm for arm in known if arm != fastest])
    text, words = ways.conclusion(), in_words(ways.table)

    assert text.endswith(".") and "nan" not in text and "None" not in text
    assert all(label(arm) not in text for arm in fan_outs() if arm not in rows and arm != "distributed")
    assert list(words.index) == [arm.replace("_", " ") for arm in rows]
    assert not words.map(lambda cell: "nan" in cell).any(axis=None)
