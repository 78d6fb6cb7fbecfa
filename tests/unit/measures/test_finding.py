"""The finding in words: where it was measured, the verdict, and what casts doubt on it."""

import math

import pandas as pd
import pytest
from support import tables as frames

from lambdist_lib.measures import speedup
from lambdist_lib.measures.finding import finding

LOCAL = "Measured on an emulator on this machine (local cloud): 131 datapoints"


def with_queueless(runs):
    """The runs, and as many senders without a queue that need a tenth of the control's time."""
    queueless = runs[runs["arm"] == "single_node"].copy()
    queueless = queueless.assign(arm="single_node_parallel", run_id="p" + queueless["run_id"], chunks=20)
    queueless["makespan_s"] /= 10
    return pd.concat([runs, queueless])


@pytest.mark.parametrize(
    ("runs", "verdict", "text"),
    [
        (frames.runs(10), "faster", "3.08 times faster than single node (95 % interval 2.98 to 3.29, n = 10"),
        (frames.runs(10, control_s=1.6), "no difference shown", "neither faster nor slower than single node"),
        (frames.runs(10, control_s=0.5), "slower", "3.24 times slower than single node (95 % interval"),
        (frames.runs(1), "no interval: n too small", "(n = 1 warm pair; no interval, which needs 6 pairs)"),
    ],
)  # fmt: skip
def test_the_verdict_needs_no_arithmetic(runs, verdict, text):
    """An arm is so many times faster or slower, with interval and n; never "at 0.3 times the speed"."""
    sentence = finding(runs, "local cloud")

    assert speedup.compare_arms(runs).verdict == verdict
    assert sentence.startswith(LOCAL)
    assert text in sentence
    assert "times the speed" not in sentence


def test_the_interval_of_a_slower_arm_is_turned_round_with_its_ratio():
    """Its lower end belongs to the higher end of the ratio."""
    result = speedup.compare_arms(frames.runs(10, control_s=0.5))

    sentence = finding(frames.runs(10, control_s=0.5), "local cloud")

    assert f"interval {1 / result.high:.3g} to {1 / result.low:.3g}," in sentence
    assert 1 / result.high < 1 / result.ratio < 1 / result.low


def test_a_second_sentence_has_the_cost_of_the_queue():
    """Against as many senders to the single node, where that arm ran."""
    sentence = finding(with_queueless(frames.runs(10)), "local cloud")

    assert "As many senders without a queue (single node parallel) need 0.496 s; " in sentence
    assert "distributed is 3.24 times slower than single node parallel" in sentence


def test_failures_on_purpose_are_named_where_datapoints_are_counted():
    runs = frames.runs(10).assign(fault="raise:1@129-130,seed:0")

    assert "131 datapoints (2 made to fail on purpose), " in finding(runs, "local cloud")


def test_on_aws_no_emulator_is_named():
    assert finding(frames.runs(10), "AWS eu-west-1").startswith("Measured on AWS eu-west-1: 131 datapoints")


def test_a_machine_that_bound_both_arms_stands_first():
    """The reader learns it before any ratio."""
    runs = frames.runs(10).assign(machine_share=0.75, client_cpu_s=0.2, cloud_cpu_s=1.0, others_share=0.0)

    sentence = finding(runs, "local cloud")

    assert sentence.startswith("This machine, not the queue, decides this ratio: ")
    assert "75 and 75 % busy" in sentence


def test_shares_that_were_not_recorded_claim_nothing():
    runs = frames.runs(10).assign(machine_share=math.nan, others_share=math.nan)

    assert finding(runs, "local cloud").startswith(LOCAL)


def test_a_disturbed_run_is_named_at_the_end():
    runs = frames.runs(10).assign(others_share=0.5)

    assert "Beware: other programs took 50 % of the cores" in finding(runs, "local cloud")


def dead(runs):
    return runs.assign(stored=0, dead=runs["submitted"], makespan_s=math.nan)


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (
            dead(frames.runs(2)),
            "Distributed stored 0 of 262 datapoints, 262 died (2 runs).",
        ),
        (frames.runs(3).query("arm == 'distributed'"), "Only one arm ran, so there is no comparison."),
        (
            frames.runs(1).query("arm == 'single_node'"),
            "Single node stored 129 of 131 datapoints, 2 died (1 run",
        ),
        (frames.runs(0, cold_pairs=1), "No two arms ran warm in pairs, so there is no comparison."),
    ],
    ids=["every datapoint dead", "one arm", "one run", "cold only"],
)
def test_runs_without_a_comparison_end_with_what_was_seen(runs, text):
    """It is a finding, too: what each arm stored, how fast, and why there is no comparison."""
    sentence = finding(runs, "local cloud")

    assert sentence.startswith(LOCAL)
    assert text in sentence
    assert "nan" not in sentence


def test_one_of_a_thing_is_in_the_singular():
    runs = frames.runs(1, submitted=1, stored=1, dead=0, chunks=1, processors=1)

    assert ": 1 datapoint, no added work, 1 sender, 1 processor. " in finding(runs, "local cloud")


def test_a_declared_fault_is_a_condition():
    runs = frames.runs(6, fault="raise:1@129+130,raise:0.1,seed:3")

    assert "131 datapoints (2 made to fail on purpose), no added work, faults raise:0.1, 20" in finding(
        runs, ""
    )


@pytest.mark.parametrize(("pairs", "is_cut"), [(3, True), (6, False), (7, True), (10, False)])
def test_a_time_limit_that_ran_out_is_said(pairs, is_cut):
    """The pairs then end between two planned looks; at a look they end because it suffices."""
    sentence = finding(frames.runs(pairs, looks="6 8 10"), "local cloud")

    assert ("the time limit was reached" in sentence) == is_cut
