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
        (frames.runs(10), "faster", "3.08 times faster than single_node (95 % interval 2.98 to 3.29, n = 10"),
        (frames.runs(10, control_s=1.6), "no difference shown", "neither faster nor slower than single_node"),
        (frames.runs(10, control_s=0.5), "slower", "3.24 times slower than single_node (95 % interval"),
        (frames.runs(1), "no interval: n too small", "(n = 1 warm pair; no interval: n too small (1 pair"),
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

    assert "As many senders without a queue (single_node_parallel) need 0.496 s; " in sentence
    assert "distributed is 3.24 times slower than single_node_parallel" in sentence


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
