import math
import subprocess
import sys

import frames
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdist_lib.columns import INVOCATIONS, RECORDS, RUNS
from lambdist_lib.contract import OUTCOMES
from lambdist_lib.errors import RunError
from lambdist_lib.measures import cold_starts, dead_letters, ledger, proportions, stages

NO_RECORDS = pd.DataFrame(columns=list(RECORDS))
NO_INVOCATIONS = pd.DataFrame(columns=list(INVOCATIONS))
NO_RUNS = pd.DataFrame(columns=list(RUNS))


def ended_as(*outcomes, run_id="run-1"):
    return frames.records(len(outcomes), run_id=run_id).assign(outcome=list(outcomes))


# -- ledger


def test_the_ledger_counts_each_run_on_its_own():
    records = pd.concat(
        [frames.records(131, dead={129, 130}), ended_as("stored", "lost", run_id="a-later-one")]
    )

    counts = ledger.count(records)

    assert counts["run_id"].tolist() == ["run-1", "a-later-one"]
    assert counts.loc[0, ["submitted", "stored", "dead", "lost"]].tolist() == [131, 129, 2, 0]
    assert counts.loc[1, ["submitted", "stored", "dead", "lost"]].tolist() == [2, 1, 0, 1]


@given(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=40))
def test_any_mix_of_outcomes_balances_unless_something_is_missing(outcomes):
    """Every outcome has its column, the sum is what was submitted, and only two of them are refused."""
    counts = ledger.count(ended_as(*outcomes))

    assert counts.loc[0, list(OUTCOMES)].sum() == counts.loc[0, "submitted"] == len(outcomes)
    if {"lost", "in_flight"} & set(outcomes):
        with pytest.raises(RunError):
            ledger.require_balanced(counts)
    else:
        ledger.require_balanced(counts)


def test_the_refusal_names_the_run_what_is_missing_and_what_to_type():
    counts = ledger.count(
        pd.concat([ended_as("stored"), ended_as("stored", "lost", "in_flight", run_id="bad")])
    )

    with pytest.raises(RunError) as refused:
        ledger.require_balanced(counts)

    assert str(refused.value) == (
        "run bad: 1 in flight and 1 lost of 3 datapoints; settle it with `lambdist resume bad`"
    )


def test_a_datapoint_without_an_outcome_does_not_balance():
    """It counts as submitted and as nothing else, so it cannot vanish."""
    counts = ledger.count(ended_as("stored", "", "sorted"))

    with pytest.raises(RunError, match=r"do not add up to its 3 datapoints \(\+2 unaccounted"):
        ledger.require_balanced(counts)


@pytest.mark.parametrize("missing", ["submitted", "stored"])
def test_a_count_that_is_missing_does_not_balance(missing):
    with pytest.raises(RunError, match="do not add up"):
        ledger.require_balanced(frames.runs(1, **{missing: math.nan}))


def test_a_runs_table_is_a_ledger_too():
    ledger.require_balanced(frames.runs(3))


def test_nothing_is_balanced():
    counts = ledger.count(NO_RECORDS)

    assert list(counts.columns) == ["run_id", "arm", "submitted", *OUTCOMES]
    ledger.require_balanced(counts)


# -- stages


@pytest.mark.parametrize("arm", ["distributed", "single_node", "single_node_parallel"])
def test_stages_add_up_to_the_whole_time(arm):
    """No gap and no overlap between intended send and write, and only for what was stored."""
    table = stages.per_datapoint(frames.records(50, arm=arm, dead={7}, cold=5))

    assert len(table) == 49
    assert (table[list(stages.COLUMNS)].sum(axis="columns") == table["end_to_end_s"]).all()
    assert (table["end_to_end_s"] > 0).all()
    stages.check(table)


# stamps resolve 2**-22 s at today's epoch, where their differences and sums are exact
TICKS = st.integers(0, 60 * 2**22)


@given(st.lists(st.lists(TICKS, min_size=8, max_size=8), min_size=1, max_size=10))
def test_any_stamps_add_up_exactly(ticks):
    """Also stamps out of order: a stage may then be negative, the sum is still the whole."""
    names = [
        "intended_at",
        "sent_at",
        "received_at",
        "queued_at",
        "first_received_at",
        "started_at",
        "finished_at",
    ]
    records = frames.records(len(ticks))
    records[[*names, "put_at"]] = frames.BEGAN_AT + np.array(ticks) / 2**22

    table = stages.per_datapoint(records)

    assert (table[list(stages.COLUMNS)].sum(axis="columns") == table["end_to_end_s"]).all()


def test_the_control_has_no_queue():
    table = stages.per_datapoint(frames.records(5, arm="single_node"))

    assert table[["collector_s", "queue_s"]].isna().all(axis=None)


def test_a_late_answer_does_not_make_time_run_backwards():
    """An unanswered try had been accepted: the next one went out after the Lambda had it."""
    records = frames.records(3)
    records.loc[1, ["tries", "sent_at"]] = [2, records.loc[1, "received_at"] + 2]

    table = stages.per_datapoint(records)

    assert table.loc[1, "to_entry_s"] == 0
    stages.check(table)


def test_clocks_that_run_backwards_are_refused():
    records = frames.records(5)
    records.loc[2:3, "sent_at"] += [0.5, 0.2]

    with pytest.raises(RunError, match=r"run run-1: to_entry lasts -4.* ms for the worst of 2 datapoints"):
        stages.check(stages.per_datapoint(records))


def test_sqs_stamps_may_be_cut_by_a_millisecond():
    """Queued by its stamp 0.9 ms before the collector began: within the bound; 2 ms before: not."""
    records = frames.records(1)
    records["queued_at"] = records["received_at"] - 0.0009
    stages.check(stages.per_datapoint(records))

    records["queued_at"] = records["received_at"] - 0.002
    with pytest.raises(RunError, match="collector"):
        stages.check(stages.per_datapoint(records))
    stages.check(stages.per_datapoint(records), bound_s=0.003)


def test_the_summary_shares_the_whole_time_out():
    """Per arm, the stages' shares add up to 1, and a row for the whole follows them."""
    both = pd.concat([frames.records(30, cold=10), frames.records(30, arm="single_node", run_id="run-2")])

    summary = stages.summary(both)

    parts = summary[summary["stage"] != "end_to_end"]
    assert parts.groupby("arm")["share"].sum().to_numpy() == pytest.approx([1, 1])
    assert parts.loc[parts["arm"] == "distributed", "stage"].tolist() == list(stages.NAMES)
    assert summary.groupby("arm")["stage"].last().tolist() == ["end_to_end", "end_to_end"]
    assert (summary["p90_s"] >= summary["median_s"]).all()


def test_a_missing_stamp_shows_as_a_smaller_n():
    records = frames.records(10)
    records.loc[4, "queued_at"] = math.nan

    assert set(stages.summary(records)["n"]) == {9}


@pytest.mark.parametrize("records", [NO_RECORDS, frames.records(4, dead=range(4))])
def test_nothing_stored_has_no_stages(records):
    table = stages.per_datapoint(records)

    assert table.empty
    stages.check(table)
    assert stages.summary(records).empty


# -- cold starts


def test_cold_starts_are_counted_by_invocation():
    """A cold batch of ten is one cold start, and an environment's init counts once."""
    called = frames.invocations(50, cold=5).assign(received=10)

    row = cold_starts.summary(called).iloc[0]

    assert (row["function"], row["invocations"], row["cold"], row["environments"]) == ("processor", 50, 5, 5)
    assert row["share"] == 0.1
    assert row["low"] < 0.1 < row["high"]
    assert row["init_median_s"] == called.loc[:4, "init_s"].median()
    assert row["init_max_s"] == called.loc[:4, "init_s"].max()
    assert row["cold_median_s"] > row["warm_median_s"]


def test_all_cold_has_no_warm_median():
    row = cold_starts.summary(frames.invocations(4, cold=4)).iloc[0]

    assert (row["share"], row["high"]) == (1, 1)
    assert math.isnan(row["warm_median_s"])


def test_all_warm_has_no_init():
    """The environments' inits were paid before; they are not this run's cold starts."""
    row = cold_starts.summary(frames.invocations(40, cold=0)).iloc[0]

    assert (row["share"], row["low"]) == (0, 0)
    assert math.isnan(row["init_median_s"])
    assert math.isnan(row["cold_median_s"])


def test_without_invocations_there_is_an_empty_table():
    assert cold_starts.summary(NO_INVOCATIONS).empty
    assert cold_starts.by_run(NO_INVOCATIONS, NO_RUNS).empty
    assert cold_starts.waiting(NO_RECORDS).empty


def test_by_run_keeps_a_run_whose_logs_are_missing():
    """It has no function and no share, instead of no row."""
    runs = frames.runs(1)
    called = pd.concat(
        frames.invocations(20, cold=cold, function=function, run_id="run-1-distributed")
        for cold, function in ((2, "collector"), (4, "processor"))
    )

    table = cold_starts.by_run(called, runs).set_index(["run_id", "function"])

    assert table.loc[("run-1-distributed", "processor"), ["invocations", "cold", "share"]].tolist() == [
        20,
        4,
        0.2,
    ]
    assert table.loc[("run-1-distributed", "collector"), "temperature"] == "warm"
    assert table.loc[("run-1-single-node", ""), "invocations"] == 0
    assert math.isnan(table.loc[("run-1-single-node", ""), "share"])


def test_a_datapoint_waits_on_either_lambda():
    """Cold at the entry, cold at the processor, or both: it waited once."""
    records = frames.records(10)
    records.loc[[0, 1], "entry_cold"] = True
    records.loc[[1, 2], "cold"] = True
    runs = frames.runs(1).assign(run_id=["other", "run-1"])

    row = cold_starts.waiting(records, runs).iloc[0]

    assert (row["stored"], row["waited"], row["share"], row["temperature"]) == (10, 3, 0.3, "warm")


def test_nobody_waits_where_nothing_is_stored():
    row = cold_starts.waiting(frames.records(3, dead=range(3))).iloc[0]

    assert (row["stored"], row["waited"]) == (0, 0)
    assert math.isnan(row["share"])


# -- dead letters


def test_few_events_get_the_exact_interval():
    """Clopper and Pearson's published bound for none of a thousand; Wilson where there are many."""
    assert proportions.share(0, 1_000).high == pytest.approx(0.0037, abs=1e-4)
    assert proportions.share(5, 1_000).method == proportions.share(995, 1_000).method == "Clopper-Pearson"
    assert proportions.share(6, 1_000).method == "Wilson"


@given(trials=st.integers(1, 10_000), part=st.floats(0, 1))
def test_an_interval_of_a_share_holds_the_share(trials, part):
    found = proportions.share(round(part * trials), trials)

    assert 0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1


def test_the_rate_is_over_settled_datapoints():
    """One that was rejected or never sent had no chance to die."""
    records = frames.records(131, dead={129, 130})
    records.loc[:9, "outcome"] = "rejected"
    records.loc[10:20, "outcome"] = "unsent"

    row = dead_letters.rate(records).iloc[0]

    assert (row["settled"], row["dead"], row["method"]) == (110, 2, "Clopper-Pearson")
    assert row["low"] < row["rate"] == 2 / 110 < row["high"]


def test_all_dead_is_a_rate_of_one():
    row = dead_letters.rate(frames.records(3, dead=range(3))).iloc[0]

    assert (row["rate"], row["high"]) == (1, 1)


def test_nothing_settled_has_no_rate():
    row = dead_letters.rate(ended_as("unsent", "unsent")).iloc[0]

    assert row["settled"] == 0
    assert math.isnan(row["rate"])
    assert dead_letters.rate(NO_RECORDS).empty


def test_causes_are_grouped_by_their_class():
    """The same exception with other words is the same cause; one without words has its last failure's."""
    records = frames.records(6, dead=range(5))
    records["cause"] = ["ValueError: a", "ValueError: b", "poison: x: y", "", "", ""]
    records["failure_causes"] = ["", "", "", "OSError: 1 | KeyError: 2", "", ""]

    table = dead_letters.by_cause(records)

    assert table[["cause", "dead", "example"]].to_numpy().tolist() == [
        ["ValueError", 2, "ValueError: a"],
        ["poison", 1, "poison: x: y"],
        ["KeyError", 1, "KeyError: 2"],
        ["no trace", 1, "no trace"],
    ]


def test_nobody_dead_has_no_causes():
    assert dead_letters.by_cause(frames.records(3)).empty
    assert dead_letters.by_cause(NO_RECORDS).empty


def test_receives_are_a_histogram_by_outcome():
    table = dead_letters.receives(frames.records(131, dead={129, 130}))

    assert table[["receives", "outcome", "datapoints"]].to_numpy().tolist() == [
        [1, "stored", 129],
        [5, "dead", 2],
    ]


def test_receives_follow_the_geometric_law():
    """The expectation covers every way to settle, adds up, and is met by what was drawn from it."""
    rng = np.random.default_rng(20260703)
    drawn = rng.geometric(1 - 0.4, 5_000)
    records = frames.records(1).loc[[0] * 5_000].assign(
        receives=np.minimum(drawn, 5), outcome=np.where(drawn > 5, "dead", "stored")
    )  # fmt: skip

    table = dead_letters.receives(records, p=0.4)

    assert len(table) == 6
    assert table["expected"].sum() == pytest.approx(5_000)
    assert (abs(table["datapoints"] - table["expected"]) < 5 * np.sqrt(table["expected"])).all()


def test_a_death_at_the_first_receive_is_not_expected():
    """A hopeless datapoint does not follow the law of retries: it shows beside it."""
    table = dead_letters.receives(frames.records(10, dead={3}).assign(receives=1), p=0.5)

    hopeless = table[(table["receives"] == 1) & (table["outcome"] == "dead")]
    assert hopeless[["datapoints", "expected"]].to_numpy().tolist() == [[1, 0]]


@pytest.mark.parametrize("p", [None, 0.0, 0.3])
def test_receives_of_nothing_are_an_empty_table(p):
    assert dead_letters.receives(NO_RECORDS, p=p).empty


def test_the_measures_import_light():
    """scipy.stats takes a second, so it is imported when an interval is asked for."""
    code = "import sys; from lambdist_lib.measures import speedup; print('scipy.stats' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
