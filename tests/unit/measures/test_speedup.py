"""Compare two arms, pair by pair."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tables as frames

from lambdist_lib.errors import RunError
from lambdist_lib.measures import intervals, sequential, speedup
from lambdist_lib.measures.pairs import paired_ratios


def with_value(runs, run_id, **columns):
    runs = runs.copy()
    for column, value in columns.items():
        runs[column] = runs[column].astype(object)
        runs.loc[runs["run_id"] == run_id, column] = value
    return runs.infer_objects()


def test_the_ratio_is_the_median_of_the_pairs_ratios():
    """The ratio comes from each pair's own two times, not from the arms' medians."""
    runs = frames.runs(3)
    runs["makespan_s"] = [6.0, 2.0, 5.0, 1.0, 40.0, 10.0]  # control, arm: 3, 5, 4

    found = speedup.compare_arms(runs)

    assert (found.ratio, found.pairs) == (4.0, 3)
    assert (found.control_s, found.arm_s) == (6.0, 2.0)


def test_a_clear_difference_is_faster_with_an_interval():
    """Ten pairs of about 5 s against 1.6 s: faster, and the interval holds the ratio."""
    found = speedup.compare_arms(frames.runs(10))

    assert found.verdict == "faster"
    assert 1 < found.low <= found.ratio <= found.high
    assert found.note == ""


def test_few_pairs_give_a_ratio_without_an_interval():
    """Below six pairs there is a number, no interval, and the reason."""
    found = speedup.compare_arms(frames.runs(5))

    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.verdict == "no interval: n too small"
    assert found.note == "no interval, which needs 6 pairs"


def test_one_repetition_still_has_a_ratio():
    found = speedup.compare_arms(frames.runs(1))

    assert found.pairs == 1
    assert found.ratio > 1


@pytest.mark.parametrize("runs", [frames.runs(0), frames.runs(0, cold_pairs=3), frames.runs(2, pair=0)])
def test_without_a_complete_warm_pair_there_is_no_speedup(runs):
    """No runs, cold runs only, and runs outside pairs end in an error that names a command."""
    with pytest.raises(RunError, match=r"no complete warm pair.*lambdist run"):
        speedup.compare_arms(runs)


def test_cold_runs_are_not_mixed_into_warm_ones():
    assert speedup.compare_arms(frames.runs(7, cold_pairs=3)).pairs == 7


@pytest.mark.parametrize("how", ["resumed", "missing"])
def test_a_pair_with_a_resumed_or_missing_run_is_left_out_and_said(how):
    """An incomplete pair is left out, and the note counts it."""
    runs = frames.runs(8)
    runs = (
        with_value(runs, "run-3-distributed", resumed=True)
        if how == "resumed"
        else runs[runs["run_id"] != "run-3-distributed"]
    )

    found = speedup.compare_arms(runs)

    assert found.pairs == 7
    assert found.note == "pairs left out, incomplete or resumed: 1"


def test_pairs_of_two_experiments_stay_apart():
    """Pair 1 of one experiment is never compared with pair 1 of another."""
    runs = pd.concat([frames.runs(4), frames.runs(4, experiment_id="second", seed=1)])

    assert speedup.compare_arms(runs).pairs == 8


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("chunks", 40),
        ("request_batch", 10),
        ("queue_batch", 10),
        ("memory_mb", 1024),
        ("work", "io:100ms"),
        ("fault", "raise:0.1,seed:0"),
        ("target", "AWS eu-west-1"),
        ("submitted", 1000),
    ],
)
def test_runs_under_different_conditions_do_not_merge(column, value):
    """One run of an arm under other conditions makes it two experiments."""
    with pytest.raises(RunError, match=f"distributed: runs with {column} "):
        speedup.compare_arms(with_value(frames.runs(7), "run-3-distributed", **{column: value}))


def test_arms_with_different_work_are_not_compared():
    """Each arm is consistent in itself, but they did not do the same."""
    runs = frames.runs(7)
    runs.loc[runs["arm"] == "distributed", "work"] = "io:100ms"

    with pytest.raises(RunError, match="distributed and single_node: runs with work"):
        speedup.compare_arms(runs)


@pytest.mark.parametrize("makespan_s", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_missing_or_not_positive_is_refused(makespan_s):
    """As of a run in which nothing was stored."""
    with pytest.raises(RunError, match="run-2-single-node: makespan_s is missing or not positive"):
        speedup.compare_arms(with_value(frames.runs(7), "run-2-single-node", makespan_s=makespan_s))


def test_a_run_that_lost_datapoints_is_not_a_fast_run():
    with pytest.raises(RunError, match="run-2-distributed: 1 lost"):
        speedup.compare_arms(with_value(frames.runs(7), "run-2-distributed", stored=128, lost=1))


def test_a_run_that_sent_less_is_not_a_fast_run():
    """It balances, but did less than the others."""
    with pytest.raises(RunError, match="run-2-distributed: left datapoints unsent"):
        speedup.compare_arms(with_value(frames.runs(7), "run-2-distributed", stored=100, unsent=29))


def test_a_pair_made_twice_is_refused():
    runs = frames.runs(7)

    with pytest.raises(RunError, match="another run of the same arm"):
        speedup.compare_arms(pd.concat([runs, runs.iloc[:1].assign(run_id="again")]))


def test_arms_that_stored_differently_are_said():
    """The time until the last one is stored is then not of the same datapoints."""
    found = speedup.compare_arms(with_value(frames.runs(7), "run-2-distributed", stored=131, dead=0))

    assert found.note == "pairs whose arms stored different numbers of datapoints: 1"


def test_the_table_compares_each_event():
    """The fan-out answers early and stores late, so each event has its own row."""
    table = speedup.table(frames.runs(10))

    assert list(table.index) == ["until stored", "until enqueued", "until seen by the client"]
    assert list(table.columns) == [
        "control",
        "arm_s",
        "control_s",
        "ratio",
        "low",
        "high",
        "pairs",
        "autocorrelation",
        "verdict",
    ]
    assert table.loc["until enqueued", "ratio"] > table.loc["until stored", "ratio"]
    assert set(table["verdict"]) == {"faster"}


@settings(max_examples=60)
@given(times=st.lists(st.tuples(st.floats(1e-3, 1e5), st.floats(1e-3, 1e5)), min_size=1, max_size=25))
def test_any_times_give_a_ratio_within_its_interval(times):
    """Whatever the times: the ratio lies among the pairs' ratios and within its interval."""
    runs = frames.runs(len(times))
    runs["makespan_s"] = np.ravel(times)
    ratios = [control_s / arm_s for control_s, arm_s in times]

    found = speedup.compare_arms(runs)

    assert min(ratios) <= found.ratio <= max(ratios)
    assert math.isnan(found.low) == (len(times) < 6 or "resemble" in found.note)
    if not math.isnan(found.low):
        assert found.low <= found.ratio <= found.high


def swept(control_chunks=None):
    """Pairs at three levels of chunks; the control runs at the same levels, or always at one."""
    runs = frames.sweep(lambda n, s: 1 + 30 / n, (1, 10, 30))
    control = runs.assign(arm="single_node", run_id="control-" + runs["run_id"], makespan_s=31.0)
    if control_chunks:
        control = control[control["chunks"] == 1].assign(chunks=control_chunks)
    return pd.concat([runs, control])


def test_one_lucky_level_among_eight_is_no_sure_difference():
    """Six rounds favour one level of eight by chance; its own interval excludes 1, its verdict does not."""
    arm = frames.sweep(lambda n, s: 5.0, range(1, 9), repetitions=6)
    control = arm.assign(arm="single_node", run_id="control-" + arm["run_id"])
    rng = np.random.default_rng(20261129)
    control["makespan_s"] = 5 * rng.lognormal(0, 0.05, len(control))
    lucky = control["chunks"] == 4
    control.loc[lucky, "makespan_s"] = arm.loc[lucky, "makespan_s"] * [1.02, 1.01, 1.10, 1.03, 1.01, 1.08]

    table = speedup.by_level(pd.concat([arm, control])).set_index("level")

    assert table.loc[4, "low"] > 1
    assert table.loc[4, "adjusted_p"] > 0.05
    assert table.loc[4, "verdict"] == speedup.NO_DIFFERENCE


@pytest.mark.parametrize("control_chunks", [None, 1000])
def test_each_level_has_its_own_speedup(control_chunks):
    """Whether the control's runs name the level or only the pair, each level is compared with its own."""
    table = speedup.by_level(swept(control_chunks))

    assert table["level"].tolist() == [1, 10, 30]
    assert table["pairs"].tolist() == [7, 7, 7]
    assert table["ratio"].to_numpy() == pytest.approx([1, 31 / 4, 31 / 2], rel=0.05)
    assert table["verdict"].tolist()[1:] == ["faster", "faster"]


def test_the_sentence_of_a_sweep_names_the_fastest_level_among_the_sure_ones():
    """A level whose interval does not leave out 1 is never named, however fast it looks."""
    table = pd.DataFrame(
        [
            (1, 0.9, 0.8, 1.1, 6, 5.0, 4.5, 1.0, speedup.NO_DIFFERENCE),
            (5, 2.0, 1.7, 2.2, 6, 2.2, 4.5, 0.03, speedup.FASTER),
            (20, 3.0, 2.5, 3.3, 6, 1.5, 4.5, 0.03, speedup.FASTER),
            (50, 4.0, 0.9, 5.0, 6, 1.1, 4.5, 0.5, speedup.NO_DIFFERENCE),
        ],
        columns=speedup.BY_LEVEL,
    )

    found = speedup.conclusion_by_level(table, "local cloud")

    assert "distributed is surely faster than single node at 2 of 4 levels" in found
    assert "chunks 20: 1.5 s against 4.5 s, 3 times faster (interval 2.5 to 3.3, n = 6 pairs)" in found
    assert "at no level" in speedup.conclusion_by_level(table[table["level"] == 1], "local cloud")


def test_pairs_repeated_until_they_suffice_have_the_interval_of_the_last_planned_look():
    """A plain interval after so many pairs as it took would claim too much."""
    runs = frames.runs(17, spread=0.1).assign(looks="10 15 20")
    ratios = paired_ratios(runs)["ratio"].head(15)
    plan = sequential.plan(looks=(10, 15, 20))

    found = speedup.compare_arms(runs)

    assert found.pairs == 15
    assert (found.low, found.high) == intervals.median_interval(ratios, plan.per_look)
    assert found.high - found.low > np.subtract(*reversed(intervals.median_interval(ratios))) - 1e-12
    assert "adjusted for looks at 10, 15 and 20 pairs" in found.note


def test_before_the_first_planned_look_there_is_no_interval():
    found = speedup.compare_arms(frames.runs(9).assign(looks="10 15"))

    assert math.isnan(found.low)
    assert found.note == "no interval, which needs 10 pairs"


def test_pairs_of_different_plans_are_not_one_experiment():
    runs = frames.runs(8).assign(looks="10 15")
    runs.loc[runs["pair"] == 1, "looks"] = "10 20"

    with pytest.raises(RunError, match="looks planned at 10 15 and at 10 20 pairs"):
        speedup.compare_arms(runs)


def test_an_arm_of_this_machine_is_compared_although_it_has_no_cloud():
    runs = frames.runs(10)
    pool = runs[runs["arm"] == "single_node"].copy()
    pool = pool.assign(arm="local_pool", run_id="p" + pool["run_id"], target="20 processes")

    table = speedup.table(pd.concat([runs, pool]))

    assert list(table["control"]) == ["single_node"] * 3 + ["local_pool"]
    assert table["ratio"].iloc[-1] == table["ratio"].iloc[0]
