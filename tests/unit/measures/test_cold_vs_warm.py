import math

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import cold_vs_warm
from lambdist_lib.results.schema import INVOCATIONS, RECORDS, RUNS

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))
NO_RUNS = pd.DataFrame(columns=list(RUNS))


def sweep(rounds=3, levels=(1, 20), *, cold_s=4.0, warm_s=1.0):
    """A cold and a warm distributed run at each level in each round; cold ones last `cold_s`."""
    rows = []
    for pair in range(1, rounds + 1):
        for level in levels:
            for temperature, makespan_s in (("cold", cold_s), ("warm", warm_s)):
                row = frames.runs(1).iloc[1].to_dict()
                row |= {"run_id": f"{temperature}-{level}-{pair}", "pair": pair, "chunks": level}
                rows.append({**row, "temperature": temperature, "makespan_s": makespan_s * (1 + 0.01 * pair)})
    return pd.DataFrame(rows, columns=list(RUNS))


def records_of(runs, *, cold=4):
    return pd.concat(
        frames.records(20, run_id=run.run_id, cold=cold if run.temperature == "cold" else 0)
        for run in runs.itertuples()
    )


def invocations_of(runs, *, cold=5):
    return pd.concat(
        frames.invocations(50, run_id=run.run_id, cold=cold if run.temperature == "cold" else 0)
        for run in runs.itertuples()
    )


def test_shares_put_the_rounds_of_a_level_together():
    """Of 3 x 20 datapoints 12 waited, of 3 x 50 invocations 15 were cold; nobody waited in warm runs."""
    runs = sweep()

    table = cold_vs_warm.cold_shares(records_of(runs), invocations_of(runs), runs)

    cold = table[(table["temperature"] == "cold") & (table["level"] == 20)].set_index("of")
    assert cold.loc["datapoints", ["runs", "n", "cold", "share"]].tolist() == [3, 60, 12, 0.2]
    assert cold.loc["invocations", ["runs", "n", "cold", "share"]].tolist() == [3, 150, 15, 0.1]
    assert (cold["low"] < cold["share"]).all() and (cold["share"] < cold["high"]).all()
    assert set(table.loc[table["temperature"] == "warm", "share"]) == {0}
    assert len(table) == 8


def test_a_run_without_logs_or_results_has_no_share():
    runs = sweep(1, (1,))

    table = cold_vs_warm.cold_shares(NO_RECORDS, NO_INVOCATIONS, runs)

    assert table["n"].tolist() == [0] * 4
    assert table["share"].isna().all()
    assert cold_vs_warm.cold_shares(NO_RECORDS, NO_INVOCATIONS, NO_RUNS).empty


def test_handlers_are_told_apart_by_the_invocations_own_flag():
    """A cold run has warm invocations too, all but the first of each environment."""
    runs = sweep(2, (1, 5))

    table = cold_vs_warm.handler_durations(invocations_of(runs), runs)

    at_five = table[table["level"] == 5].set_index("invocation")
    assert at_five["n"].to_dict() == {"cold": 10, "warm": 190}
    assert at_five.loc["cold", "median_s"] > 2 * at_five.loc["warm", "median_s"]
    assert at_five.loc["cold", "low_s"] < at_five.loc["cold", "median_s"] < at_five.loc["cold", "high_s"]
    assert cold_vs_warm.handler_durations(NO_INVOCATIONS, runs).empty


def test_all_cold_has_no_warm_handlers():
    runs = sweep(1, (1,)).iloc[:1]

    table = cold_vs_warm.handler_durations(invocations_of(runs, cold=50), runs)

    assert table["invocation"].tolist() == ["cold"]


def test_the_cost_is_the_median_of_the_rounds_ratios():
    table = cold_vs_warm.slowdown(sweep(7)).set_index("level")

    assert table.loc[20, ["rounds", "ratio"]].tolist() == pytest.approx([7, 4])
    assert table.loc[20, "more_s"] == pytest.approx(3 * 1.04)
    assert table.loc[20, "low"] <= 4 <= table.loc[20, "high"]


def test_few_rounds_have_no_interval():
    table = cold_vs_warm.slowdown(sweep(3))

    assert table[["low", "high"]].isna().all(axis=None)
    assert cold_vs_warm.slowdown(NO_RUNS).empty


def test_a_round_without_its_warm_run_is_no_pair():
    """A repetition with a resumed run is left out: its time is not comparable."""
    runs = sweep(3, (1,))
    runs.loc[0, "resumed"] = True

    assert cold_vs_warm.slowdown(runs.drop(index=3))["rounds"].tolist() == [1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"lost": 2, "stored": 127},
            r"run cold-1-1: 2 lost of 131 datapoints: finish it with `lambdist resume",
        ),
        ({"makespan_s": math.nan}, "cold-1-1: makespan_s is missing or not positive: leave the run out"),
        ({"makespan_s": -1.0}, "cold-1-1: makespan_s is missing or not positive"),
        ({"pair": 2}, "cold-1-2: its repetition has another run like it"),
    ],
)
def test_a_cost_of_what_is_no_timing_is_refused(change, message):
    runs = sweep(2, (1,))
    runs.loc[0, list(change)] = list(change.values())

    with pytest.raises(RunError, match=message):
        cold_vs_warm.slowdown(runs)


def test_the_sentence_has_the_shares_the_cost_and_the_target():
    runs = sweep(7)

    said = cold_vs_warm.conclusion(records_of(runs), invocations_of(runs), runs, "local cloud")

    assert said.startswith("With chunks = 20, distributed: 20 % (")
    assert "of a cold run's datapoints waited on a cold start, and 10 % (" in said
    assert "0 % (0 to " in said
    assert "a cold run took 4 times as long as a warm one (4 to 4; 4.16 s against 1.04 s, 7 rounds)" in said
    assert said.endswith("(local cloud).")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (NO_RUNS, "nothing was run"),
        (sweep(1, (1,)), "an interval needs 6 rounds"),
        (sweep(1, (1,)).iloc[:1], "of a cold run's datapoints"),
        (sweep(1, (1,)).iloc[1:], "of a warm run's datapoints"),
    ],
    ids=["nothing", "one round", "all cold", "all warm"],
)
def test_the_sentence_says_what_there_is(runs, said):
    records = records_of(runs) if len(runs) else NO_RECORDS
    invocations = invocations_of(runs) if len(runs) else NO_INVOCATIONS

    assert said in cold_vs_warm.conclusion(records, invocations, runs, "local cloud")


def test_the_sentence_says_that_nothing_was_stored():
    """All dead: nobody waited for anything that came."""
    runs = sweep(1, (1,)).assign(stored=0, dead=131)
    records = pd.concat(frames.records(20, run_id=run_id, dead=range(20)) for run_id in runs["run_id"])

    said = cold_vs_warm.conclusion(records, invocations_of(runs), runs, "local cloud")

    assert "nothing was stored in a cold run" in said
